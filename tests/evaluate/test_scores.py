"""evaluate.scores: figures per model, pair and class."""

from __future__ import annotations

import numpy as np
import pytest

from edge_effnet.evaluate import Judged
from edge_effnet.evaluate.scores import ModelScore, PairScore, class_tallies


def _judged(first: list[int], truth: list[int]) -> Judged:
    labels = np.array(first)[:, np.newaxis]
    return Judged(labels, np.ones((len(first), 1)), labels[:, 0] == np.array(truth))


def test_agreement_counts_equal_answers_right_or_wrong() -> None:
    """Two models that are wrong in the same way agree."""
    truth = [0, 1, 2, 3]
    pair = PairScore.of("a", "b", _judged([0, 1, 9, 8], truth), _judged([0, 5, 9, 7], truth))
    assert pair.agreement == 0.5
    assert pair.to_record()["drop_top1"] == 25.0
    assert (pair.counts.both, pair.counts.only_first, pair.counts.neither) == (1, 1, 2)


def test_intervals_of_top1_and_top5_are_their_own() -> None:
    """Each share has the interval of its own count."""
    record = ModelScore("m", n=50, top1=20, top5=45, ties=0, outputs=9, preprocessing="p").to_record()
    assert record["top1_ci95"][0] < record["top1"] == 40.0 < record["top1_ci95"][1]
    assert record["top5_ci95"][0] < record["top5"] == 90.0 < record["top5_ci95"][1]
    assert record["top1_ci95"][1] < record["top5_ci95"][0]


def test_the_worst_classes_come_first() -> None:
    """By images lost, then by the smaller class; a class that wins or keeps its images is left out."""
    truth = np.repeat(np.arange(5), [4, 3, 2, 3, 3])
    first = np.ones(15, bool)
    second = np.array([1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1], bool)
    tallies = class_tallies(truth, [first, second], {0: "zero"})
    assert [(tally.label, tally.lost) for tally in tallies] == [(2, 2), (1, 2), (0, 2), (4, 1)]
    assert [tally.name for tally in tallies[-2:]] == ["zero", "class 4"]
    assert tallies[0].right == (2, 0)


def test_one_model_has_the_classes_that_it_gets_wrong() -> None:
    """Without a second model, an image is lost if it is wrong."""
    truth = np.array([0, 0, 1, 1])
    tallies = class_tallies(truth, [np.array([True, False, True, True])], {})
    assert [(tally.label, tally.n, tally.lost) for tally in tallies] == [(0, 2, 1)]


def test_the_list_of_worst_classes_has_an_end() -> None:
    """1,000 classes are a table, not a page."""
    truth = np.arange(100)
    assert len(class_tallies(truth, [np.zeros(100, bool)], {})) == 20


@pytest.mark.parametrize("shares", [(0, 0), (10, 10)])
def test_extreme_accuracies_have_an_interval(shares: tuple[int, int]) -> None:
    """0 % and 100 % of ten images are not certainties."""
    low, high = ModelScore("m", 10, *shares, ties=0, outputs=9, preprocessing="p").to_record()["top1_ci95"]
    assert high - low > 20.0
