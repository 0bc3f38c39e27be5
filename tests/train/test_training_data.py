"""Folders of pictures to learn from: classes, fingerprints, and everything that can be wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tiny_network import CLASSES, write_pictures
from toy_task import Listener

from edge_effnet.errors import DataError
from edge_effnet.images import Preprocessing, load_pixels
from edge_effnet.train.data import open_pictures
from edge_effnet.train.layout import common_classes, read_layout

if TYPE_CHECKING:
    from pathlib import Path

SQUARE = Preprocessing(16, 1.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of three pictures."""
    return write_pictures(tmp_path / "set", 3)


def test_classes_are_the_sorted_folders(folder: Path):
    """Each picture has the place of its folder; hidden folders are none."""
    (folder / ".cache").mkdir()
    pictures = open_pictures(folder, SQUARE)
    assert pictures.classes == CLASSES
    assert pictures.counts == (3, 3, 3)
    for index, label in enumerate(pictures.labels):
        assert pictures.source.name(index).split("/")[0] == CLASSES[label]
        np.testing.assert_array_equal(
            pictures.load(index), load_pixels(folder / pictures.source.name(index), SQUARE)
        )


def test_batches_go_through_the_set_once(folder: Path):
    """In order, the last one smaller."""
    pictures = open_pictures(folder, SQUARE)
    batches = list(pictures.batches(4))
    assert [len(pixels) for pixels, _ in batches] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), pictures.labels)
    np.testing.assert_array_equal(np.concatenate([pixels for pixels, _ in batches]), pictures.cache)


def test_the_fingerprint_is_of_content_names_classes_and_side(folder: Path, tmp_path: Path):
    """The same set elsewhere has it too; a changed file, a renamed class or another side does not."""
    first = open_pictures(folder, SQUARE).sha256
    assert open_pictures(write_pictures(tmp_path / "twin", 3), SQUARE).sha256 == first
    others = [open_pictures(folder, Preprocessing(15, 1.0)).sha256]
    others.append(open_pictures(folder, SQUARE, labelled=False).sha256)
    (folder / "red").rename(folder / "rose")
    others.append(open_pictures(folder, SQUARE).sha256)
    (folder / "rose" / "00.png").write_bytes((folder / "rose" / "01.png").read_bytes())
    others.append(open_pictures(folder, SQUARE).sha256)
    assert len({first, *others}) == 5


def test_pictures_that_cannot_be_read_are_recorded_counted_and_told(folder: Path):
    """Seven of them: five are named, two are counted; the others keep their labels and pixels."""
    for number in range(7):
        (folder / "green" / f"1{number}.jpg").write_bytes(b"no picture")
    reporter = Listener()
    pictures = open_pictures(folder, SQUARE, reporter=reporter)
    assert pictures.counts == (3, 3, 3)
    assert [each.name for each in pictures.unreadable] == [f"green/1{number}.jpg" for number in range(7)]
    skipped = [message for kind, message in reporter.notes if kind == "skipped"]
    assert len(skipped) == 6
    assert "and 2 more" in skipped[-1]
    for index in range(len(pictures)):
        path = folder / pictures.source.name(index)
        np.testing.assert_array_equal(pictures.load(index), load_pixels(path, SQUARE))


def test_a_flat_folder_has_no_labels(folder: Path):
    """And neither has one whose sub-folders are not to be looked at."""
    assert open_pictures(folder / "red", SQUARE).labels is None
    pictures = open_pictures(folder, SQUARE, labelled=False)
    assert (pictures.labels, pictures.classes, len(pictures)) == (None, (), 9)


def test_pictures_outside_the_class_folders_are_left_out_and_told(folder: Path):
    """They have no class."""
    (folder / "red" / "00.png").rename(folder / "loose.png")
    layout = read_layout(folder)
    assert "loose.png" not in layout.names
    assert layout.notes == (f"1 pictures lie in no class folder of {folder} and are not used",)


def _one_class(folder: Path) -> None:
    (folder / "red").rename(folder.parent / "red")
    (folder / "blue").rename(folder.parent / "blue")


def _empty_class(folder: Path) -> None:
    (folder / "violet").mkdir()


def _unreadable_class(folder: Path) -> None:
    for path in (folder / "red").iterdir():
        path.write_bytes(b"")


def _nothing_readable(folder: Path) -> None:
    for path in folder.glob("*/*"):
        path.write_bytes(b"")


def _flat(folder: Path) -> None:
    for path in list(folder.glob("*/*")):
        path.rename(folder / f"{path.parent.name}_{path.name}")
    for name in CLASSES:
        (folder / name).rmdir()


def _nothing(folder: Path) -> None:
    for path in folder.glob("*/*"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_one_class, "one class only"),
        (_empty_class, "a class has no picture(.|\n)*violet"),
        (_unreadable_class, "no picture of a class can be read(.|\n)*red"),
        (_nothing_readable, "no picture can be read"),
        (_flat, "no labels"),
        (_nothing, "holds no picture"),
    ],
)
def test_an_unusable_folder_is_refused(folder: Path, spoil, words: str):
    """Exit code 4, with what is wrong and where."""
    spoil(folder)
    with pytest.raises(DataError, match=words):
        open_pictures(folder, SQUARE, labelled=True)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    """With its path."""
    with pytest.raises(DataError, match=r"does not exist(.|\n)*nowhere"):
        open_pictures(tmp_path / "nowhere", SQUARE)


def test_classes_that_differ_are_named(folder: Path, tmp_path: Path):
    """Those that only one of the folders has, on either side."""
    other = write_pictures(tmp_path / "other", 1, classes=("blue", "green", "violet"))
    assert common_classes(folder, folder) == CLASSES
    with pytest.raises(DataError) as caught:
        common_classes(folder, other)
    assert f"only in {folder}: red" in str(caught.value)
    assert f"only in {other}: violet" in str(caught.value)
