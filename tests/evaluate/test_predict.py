"""evaluate.predict: the same answers whatever the number of workers, and nothing lost on the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from runtimes.tiny_models import colour_classifier
from runtimes.tiny_pictures import colour_folders

from edge_effnet.evaluate import (
    Candidate,
    LabelledSet,
    ModelClasses,
    candidate_from_tflite,
    read_labelled_set,
)
from edge_effnet.evaluate.predict import answer_from_scores, predict
from edge_effnet.images import Preprocessing
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path

_SCORES = hnp.arrays(np.float32, st.integers(1, 12), elements=st.floats(-50, 50, width=32))


class _Counting(Silent):
    """Counts what is advanced."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def advance(self, steps: int = 1) -> None:
        self.steps += steps


class _Batches:
    """A network that wants batches: the colour that prevails, for any size of input."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def predict_logits(self, pixels: np.ndarray) -> np.ndarray:
        self.sizes.append(len(pixels))
        return pixels.astype(np.float32).mean(axis=(1, 2))


@pytest.fixture
def pictures(tmp_path: Path) -> LabelledSet:
    """Twenty-one pictures of three colours."""
    folders = {colour: [colour] * 7 for colour in ("red", "green", "blue")}
    return read_labelled_set(
        colour_folders(tmp_path / "set", folders), None, ModelClasses(3, ("red", "green", "blue"))
    )


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    """A model that tells the three colours."""
    path = tmp_path / "m.tflite"
    path.write_bytes(colour_classifier().to_bytes())
    return candidate_from_tflite(path, "builtin")


@given(_SCORES)
def test_an_answer_has_the_best_classes_and_their_softmax(scores: np.ndarray) -> None:
    """Confidences are probabilities in falling order; a tie is seen and goes to the lowest index."""
    answer = answer_from_scores(scores, gives_probabilities=False)
    powers = np.exp(scores.astype(np.float64) - scores.max())
    assert answer.outputs[0] == int(np.argmax(scores))
    assert answer.confidences == pytest.approx((powers / powers.sum())[list(answer.outputs)])
    assert list(answer.confidences) == sorted(answer.confidences, reverse=True)
    assert answer.tied is (int(np.sum(scores == scores.max())) > 1)
    assert len(answer.outputs) == min(5, len(scores))


def test_probabilities_are_not_sent_through_softmax_again() -> None:
    """A model that says 90 % is quoted with 90 %."""
    answer = answer_from_scores(np.array([0.1, 0.9], np.float32), gives_probabilities=True)
    assert answer.confidences == pytest.approx((0.9, 0.1))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_answers_come_in_order_for_any_number_of_workers(
    candidate: Candidate, pictures: LabelledSet, workers: int
) -> None:
    """Every image once, in the order of the set, with the answer that belongs to it."""
    reporter = _Counting()
    found = predict([candidate], pictures, workers=workers, reporter=reporter)
    assert found.indices == tuple(range(21))
    assert [answer.outputs[0] for answer in found.by_model[0]] == [
        picture.label for picture in pictures.pictures
    ]
    assert reporter.steps == 21


def test_a_set_smaller_than_the_number_of_workers_is_evaluated_whole(
    candidate: Candidate, pictures: LabelledSet
) -> None:
    """One image and eight workers is not a corner that falls over."""
    found = predict([candidate], pictures.limited(1), workers=8, reporter=Silent())
    assert found.indices == (0,)


def test_models_with_batches_and_without_see_the_same_images(
    candidate: Candidate, pictures: LabelledSet
) -> None:
    """Both get every picture, each in its own size, and a batch is never larger than it should be."""
    network = _Batches()
    batched = Candidate("net", "fake", "fake 1", ModelClasses(3), Preprocessing(8), batch=network)
    found = predict([batched, candidate], pictures, workers=2, reporter=Silent())
    first, second = ([answer.outputs[0] for answer in model] for model in found.by_model)
    assert first == second == [picture.label for picture in pictures.pictures]
    assert sum(network.sizes) == 21
    assert max(network.sizes) <= 32


def test_an_unreadable_image_is_skipped_for_all_models(candidate: Candidate, pictures: LabelledSet) -> None:
    """Its reason is kept, the others keep their answers, and pairs stay pairs."""
    pictures.pictures[3].path.write_bytes(b"not a picture")
    pictures.pictures[20].path.unlink()
    batched = Candidate("net", "fake", "fake 1", ModelClasses(3), Preprocessing(8), batch=_Batches())
    found = predict([candidate, batched], pictures, workers=2, reporter=Silent())
    assert found.indices == tuple(index for index in range(21) if index not in {3, 20})
    assert [item.file for item in found.skipped] == [pictures.name(3), pictures.name(20)]
    assert all(len(model) == 19 for model in found.by_model)
    assert "decoded" in found.skipped[0].reason
    assert "does not exist" in found.skipped[1].reason


def test_a_fault_in_a_worker_ends_the_evaluation(pictures: LabelledSet) -> None:
    """A bug is raised, not counted as a wrong answer."""

    def broken() -> object:
        raise RuntimeError("no such luck")

    candidate = Candidate("broken", "fake", "fake 1", ModelClasses(3), Preprocessing(4), open=broken)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no such luck"):
        predict([candidate], pictures, workers=2, reporter=Silent())


def test_an_interrupt_stops_the_work_that_is_waiting(candidate: Candidate, pictures: LabelledSet) -> None:
    """After Ctrl-C in the caller, tasks that have not begun never begin."""
    loaded: list[int] = []

    class Slow(LabelledSet):
        def load(self, index: int, preprocessing: Preprocessing) -> np.ndarray:
            loaded.append(index)
            time.sleep(0.002)
            return super().load(index, preprocessing)

    class Interrupting(Silent):
        def advance(self, steps: int = 1) -> None:
            raise KeyboardInterrupt

    many = Slow(pictures.pictures * 20)
    with pytest.raises(KeyboardInterrupt):
        predict([candidate], many, workers=1, reporter=Interrupting())
    # The block that was answered, the one that had begun, and at most one that began meanwhile, of 8 images each.
    assert len(loaded) <= 24
