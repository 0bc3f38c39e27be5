"""Promises of `shapes10-v1`: balanced, disjoint, varied, and what its names say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edge_effnet.calibrate import shapes
from edge_effnet.calibrate.demo import labelled_batches, write_folder
from edge_effnet.calibrate.outlines import OUTLINES
from edge_effnet.calibrate.shapes import CLASS_NAMES, SPLITS, label_of, render
from edge_effnet.errors import OutputExistsError, UnknownNameError, UsageError
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path

# Area of each outline where the unit circle has pi: from geometry, independent of the code that fills it.
AREAS = {
    "arrow": 0.6 * 1.05 + 0.5 * 1.6 * 0.9,
    "cross": 4 * 0.62 - 0.62**2,
    "disc": np.pi * 0.85,
    "hexagon": 2 * np.sqrt(3) * 0.84**2,
    "ring": np.pi * 0.7,
    "square": 1.6**2,
    "star": 10 * 0.5 * 0.42 * np.sin(np.pi / 5),
    "triangle": 0.5 * 2 * 0.8660254 * 1.5,
}


def filled(name: str) -> np.ndarray:
    """Return an outline on a 400 x 400 grid over -1.5..1.5."""
    axis = ((np.arange(400) + 0.5) / 400 * 3 - 1.5).astype(np.float32)
    return OUTLINES[name](*np.meshgrid(axis, axis))


@pytest.mark.parametrize("name", sorted(AREAS))
def test_an_outline_has_the_area_of_its_shape(name: str) -> None:
    """The filled area is the one that geometry gives."""
    assert filled(name).mean() * 9 == pytest.approx(AREAS[name], rel=0.01)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_an_outline_is_one_piece_that_fills_the_unit_circle(name: str) -> None:
    """No outline leaves the circle of radius 1.2, is tiny, or is the mirror of nothing: left and right agree."""
    mask = filled(name)
    rows, columns = np.nonzero(mask)
    reach = np.hypot(rows - 199.5, columns - 199.5).max() * 3 / 400
    assert 0.75 < reach < 1.2
    if name != "crescent":
        assert (mask == mask[:, ::-1]).mean() > 0.99


def test_no_two_outlines_are_alike() -> None:
    """Each pair of outlines differs in at least a tenth of the unit square around it."""
    masks = [filled(name)[66:334, 66:334] for name in CLASS_NAMES]
    differences = [(masks[i] != masks[j]).mean() for i in range(10) for j in range(i)]
    assert min(differences) > 0.06


@pytest.mark.parametrize("split", SPLITS)
def test_ten_pictures_in_a_row_hold_every_class_once(split: str) -> None:
    """Any run of ten pictures is balanced, and the label is the one that `label_of` tells without drawing."""
    labels = [render(split, index, 16)[1] for index in range(7, 17)]
    assert sorted(labels) == list(range(10))
    assert labels == [label_of(index) for index in range(7, 17)]


def test_splits_share_no_picture() -> None:
    """The same number in two splits is two pictures."""
    pictures = [render(split, index, 32)[0].tobytes() for split in SPLITS for index in range(20)]
    assert len(set(pictures)) == 60


@pytest.mark.parametrize("index", [2, 5, 8])
def test_only_the_outline_depends_on_the_class(monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    """The same picture drawn for two classes differs just where one outline covers and the other does not."""
    picture, _ = render("test", index, hardest=0.0)
    monkeypatch.setattr(shapes, "label_of", lambda index: (index + 1) % 10)
    other, _ = render("test", index, hardest=0.0)
    changed = np.abs(picture.astype(int) - other.astype(int)).max(axis=2) > 12
    rows, columns = np.nonzero(changed)
    assert 0.01 < changed.mean() < 0.3
    assert max(np.ptp(rows), np.ptp(columns)) < 0.85 * 128


def test_colour_alone_does_not_tell_the_class() -> None:
    """Mean colour and contrast carry next to nothing: a nearest-centroid reader stays near one in ten."""
    pixels = np.stack([render("train", index, 32)[0] for index in range(600)]).astype(np.float64)
    features = np.concatenate([pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2))], axis=1)
    labels = np.arange(600) % 10
    centroids = np.stack([features[:300][labels[:300] == label].mean(axis=0) for label in range(10)])
    guesses = ((features[300:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    assert (guesses == labels[300:]).mean() < 0.25


@pytest.mark.parametrize(
    ("split", "index", "error"), [("training", 0, UnknownNameError), ("train", -1, UsageError)]
)
def test_an_unknown_split_or_number_is_a_usage_error(split: str, index: int, error: type[Exception]) -> None:
    """A mistyped split is not taken for another one."""
    with pytest.raises(error):
        render(split, index)


def test_batches_are_the_pictures_in_order() -> None:
    """Batches hold what `render` gives, labels included, and the last one may be smaller."""
    batches = list(labelled_batches("val", range(5, 18), 5, 24))
    assert [len(labels) for _, labels in batches] == [5, 5, 3]
    pixels = np.concatenate([pictures for pictures, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    expected = [render("val", index, 24) for index in range(5, 18)]
    assert (pixels == np.stack([picture for picture, _ in expected])).all()
    assert labels.tolist() == [label for _, label in expected]


def test_a_written_folder_reads_back(tmp_path: Path) -> None:
    """PNG files in a folder per class hold the rendered pixels; a second run is refused without force."""
    reporter = Silent()
    files = write_folder("test", 12, tmp_path / "set", resolution_px=24, reporter=reporter)
    assert [path.parent.name for path in files] == [CLASS_NAMES[label_of(index)] for index in range(12)]
    assert all(
        (np.asarray(Image.open(path)) == render("test", i, 24)[0]).all() for i, path in enumerate(files)
    )
    assert "draw test" in reporter.seconds
    with pytest.raises(OutputExistsError):
        write_folder("test", 1, tmp_path / "set")
    assert write_folder("test", 1, tmp_path / "set", resolution_px=8, force=True) == files[:1]


@pytest.mark.parametrize("count", [0, -5])
def test_writing_nothing_is_a_usage_error(tmp_path: Path, count: int) -> None:
    """A folder without a picture helps nobody."""
    with pytest.raises(UsageError):
        write_folder("test", count, tmp_path / "set")
