"""Pictures are trained on or judged by, never both, and their order follows from the seed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from opened_pictures import open_labelled

from edge_effnet.errors import DataError
from edge_effnet.qat.settings import QatSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.qat.pictures import TrainingPictures

    Opened = Callable[[QatSettings], TrainingPictures]

SETTINGS = QatSettings(steps=20, batch_size=8, longest_epoch=5)


def test_no_picture_is_trained_on_and_judged_by(opened: Opened) -> None:
    """One in five at most is held out."""
    shown = opened(SETTINGS)
    judges = {shown.whole.source.names[number] for number in shown.judges}
    assert judges.isdisjoint(shown.views.pictures.source.names)
    assert len(judges) + len(shown.views.pictures) == len(shown.whole) == 40
    assert len(judges) == 8
    assert shown.held_out()[0].shape == (8, 16, 16, 3)


def test_every_file_is_listed_so_that_none_is_evaluated_on(opened: Opened) -> None:
    """Those that judge too: they have chosen what is kept."""
    assert len(set(opened(SETTINGS).files_sha256)) == 40


def test_a_step_sees_the_same_views_however_a_run_was_parted(opened: Opened) -> None:
    """Epochs of the loop need not be walks through all pictures."""
    shown = opened(SETTINGS)
    whole = [pixels.numpy() for epoch in range(3) for pixels, _ in shown.batches(epoch, 0)]
    assert len(whole) == 15
    for epoch, start in itertools.product(range(3), (0, 2, 4)):
        pixels, _ = next(shown.batches(epoch, start))
        np.testing.assert_array_equal(pixels, whole[5 * epoch + start])


def test_two_walks_through_the_pictures_differ(opened: Opened) -> None:
    """Views are drawn anew, and another seed draws others."""
    steps = opened(SETTINGS).views.steps
    first, *_, last = (
        pixels.numpy() for pixels, _ in itertools.islice(_endless(opened(SETTINGS)), steps + 1)
    )
    assert not np.array_equal(first, last)
    other, _ = next(opened(replace(SETTINGS, seed=1)).batches(0, 0))
    assert not np.array_equal(first, other)


def _endless(shown: TrainingPictures) -> itertools.chain:
    return itertools.chain.from_iterable(shown.batches(epoch, 0) for epoch in itertools.count())


def test_class_folders_give_labels_in_the_order_of_the_network(labelled: Path) -> None:
    """Targets are probabilities; classes of another network are refused with both lists."""
    shown = open_labelled(labelled, SETTINGS, ("a", "b"))
    _, targets = next(shown.batches(0, 0))
    assert targets.shape == (8, 2)
    np.testing.assert_allclose(np.asarray(targets).sum(axis=1), 1.0)
    assert shown.is_labelled
    with pytest.raises(DataError, match="not the classes of the network") as caught:
        open_labelled(labelled, SETTINGS, ("cat", "dog"))
    assert (caught.value.got, caught.value.allowed) == ("a, b", "cat, dog")


def test_too_few_pictures_are_refused_with_how_many_it_takes(opened: Opened) -> None:
    """Before the network is built."""
    with pytest.raises(DataError, match="too few pictures") as caught:
        opened(replace(SETTINGS, batch_size=33))
    assert caught.value.got == 40
