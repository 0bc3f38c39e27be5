"""What a network in training sees: the same at every run, from any step on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tiny_network import CLASSES, tiny_pictures, write_pictures

from edge_effnet.errors import UsageError
from edge_effnet.images import Preprocessing, load_pixels
from edge_effnet.train.augment import policy_from_text
from edge_effnet.train.data import open_pictures
from edge_effnet.train.views import Views, training_preprocessing

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.train.data import Pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """15 pictures of 16 px, three classes."""
    return tiny_pictures(tmp_path_factory.mktemp("pictures"), 5)


def _seen(views: Views, epoch: int, start: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(pixels.numpy(), np.asarray(targets)) for pixels, targets in views.batches(epoch, start)]


@pytest.mark.parametrize("augment", ["none", "strong"])
def test_an_epoch_can_be_entered_at_any_step(pictures: Pictures, augment: str):
    """What is seen from a step on is what is seen there in the whole epoch, bit for bit."""
    policy = policy_from_text(augment)
    whole = _seen(Views(pictures, 12, 4, 7, policy), 2)
    assert len(whole) == 3
    for start in (0, 2):
        rest = _seen(Views(pictures, 12, 4, 7, policy), 2, start)
        for one, two in zip(whole[start:], rest, strict=True):
            np.testing.assert_array_equal(one[0], two[0])
            np.testing.assert_array_equal(one[1], two[1])


def test_epochs_and_seeds_differ(pictures: Pictures):
    """In the order, and in the augmentation of the same picture."""
    policy = policy_from_text("light,flip=0")
    seen = []
    for seed, epoch in ((1, 0), (1, 1), (2, 0)):
        views = Views(pictures, 16, 5, seed, policy)
        pixels = np.concatenate([each for each, _ in _seen(views, epoch)])
        seen.append(pixels[list(views.order(epoch)).index(3)])
    assert len({each.tobytes() for each in seen}) == 3
    orders = [tuple(Views(pictures, 16, 5, seed).order(epoch)) for seed in (1, 2) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(15)) for order in orders)


def test_without_augmentation_pictures_are_those_of_evaluation(pictures: Pictures, tmp_path: Path):
    """Pixel for pixel what `images.load_pixels` gives, each with its own class."""
    views = Views(pictures, 16, 4, 3)
    order = views.order(0)
    for step, (pixels, targets) in enumerate(_seen(views, 0)):
        for place, index in enumerate(order[4 * step :][:4]):
            path = pictures.source.folder / pictures.source.name(int(index))
            np.testing.assert_array_equal(pixels[place], load_pixels(path, pictures.source.preprocessing))
            assert CLASSES[int(targets[place].argmax())] == path.parent.name


def test_crops_are_drawn_from_the_whole_square():
    """Kept at the side at which the evaluation's crop has the network's resolution; otherwise as evaluation sees them."""
    evaluation = Preprocessing(224, 0.875, "bilinear")
    assert training_preprocessing(evaluation, policy_from_text("light")) == Preprocessing(
        256, 1.0, "bilinear"
    )
    assert training_preprocessing(evaluation, policy_from_text("none,flip=0.5")) == evaluation


def test_pictures_without_labels_have_no_targets(tmp_path: Path):
    """A flat folder, for distillation; mixing works all the same."""
    write_pictures(tmp_path / "all", 4, classes=("x",))
    pictures = open_pictures(tmp_path / "all" / "x", Preprocessing(16, 1.0))
    assert pictures.labels is None
    seen = list(Views(pictures, 16, 2, 0, policy_from_text("strong")).batches(0))
    assert [targets for _, targets in seen] == [None, None]
    assert all(np.isfinite(pixels.numpy()).all() for pixels, _ in seen)


def test_pictures_that_do_not_fit_into_memory_are_decoded_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The same pixels, and a note that says so."""
    cached = tiny_pictures(tmp_path, 4)
    monkeypatch.setattr("edge_effnet.train.data._CACHE_SHARE", 0.0)
    fresh = open_pictures(tmp_path, Preprocessing(16, 1.0))
    assert fresh.cache is None
    assert fresh.sha256 == cached.sha256
    assert any("memory" in note for note in fresh.notes)
    for one, two in zip(_seen(Views(cached, 16, 6), 0), _seen(Views(fresh, 16, 6), 0), strict=True):
        np.testing.assert_array_equal(one[0], two[0])


@pytest.mark.parametrize(("side_px", "batch_size"), [(16, 0), (16, 16), (17, 4)])
def test_views_that_cannot_be_had_are_refused(pictures: Pictures, side_px: int, batch_size: int):
    """A batch larger than the set, or a network that sees more pixels than there are."""
    with pytest.raises(UsageError):
        Views(pictures, side_px, batch_size)
