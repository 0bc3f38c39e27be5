"""Promises of the calibration feed."""

from __future__ import annotations

import shutil
import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.calibrate.feed import CalibrationFeed, open_calibration, split
from edge_effnet.errors import DataError, UnknownNameError, UsageError
from edge_effnet.images import Preprocessing, load_pixels
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = Preprocessing(32)


def names(feed: CalibrationFeed) -> list[str]:
    """Return the names of a feed's pictures in order."""
    return [feed.source.name(index) for index in range(feed.count)]


def pixels(feed: CalibrationFeed, batch_size: int = 7) -> np.ndarray:
    """Return all of a feed's pictures in one array."""
    return np.concatenate(list(feed.batches(batch_size)))


def test_batches_are_the_files_decoded_by_the_one_preprocessing(picture_folder: Callable[..., Path]) -> None:
    """Every picture comes once, in order, with the pixels that `load_pixels` gives."""
    folder = picture_folder(10)
    feed = open_calibration(folder, SMALL)
    batches = list(feed.batches(4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert all(batch.dtype == np.uint8 and batch.shape[1:] == (32, 32, 3) for batch in batches)
    expected = np.stack([load_pixels(folder / name, SMALL) for name in names(feed)])
    assert (np.concatenate(batches) == expected).all()


def test_a_feed_can_be_read_again_and_left_in_the_middle(picture_folder: Callable[..., Path]) -> None:
    """Each call of batches starts over, also after an earlier one was abandoned."""
    feed = open_calibration(picture_folder(9), SMALL)
    abandoned = feed.batches(2)
    next(abandoned)
    abandoned.close()
    assert (pixels(feed) == pixels(feed, 3)).all()


def test_the_selection_is_reproducible_and_moves_with_the_seed(picture_folder: Callable[..., Path]) -> None:
    """The same folder and seed give the same pictures and fingerprint; another seed gives others."""
    folder = picture_folder(30)
    first, again = (open_calibration(folder, SMALL, samples=12, seed=5) for _ in range(2))
    other = open_calibration(folder, SMALL, samples=12, seed=6)
    assert names(first) == names(again)
    assert first.sha256 == again.sha256
    assert first.count == 12
    assert set(names(first)) != set(names(other))
    assert first.sha256 != other.sha256


def test_the_fingerprint_does_not_depend_on_where_the_folder_lies(
    picture_folder: Callable[..., Path],
) -> None:
    """A copy of a folder has the same fingerprint: it is made of relative names and contents."""
    folder = picture_folder(10)
    copy = shutil.copytree(folder, folder.parent / "elsewhere" / folder.name)
    assert open_calibration(folder, SMALL).to_record() == open_calibration(copy, SMALL).to_record()


@pytest.mark.parametrize("change", ["content", "name", "preprocessing"])
def test_the_fingerprint_sees_every_change(picture_folder: Callable[..., Path], change: str) -> None:
    """Another pixel, another name or another preprocessing is another fingerprint."""
    folder = picture_folder(10)
    before = open_calibration(folder, SMALL)
    if change == "content":
        Image.new("RGB", (40, 40), (1, 2, 3)).save(folder / "004.png")
    if change == "name":
        (folder / "004.png").rename(folder / "004b.png")
    after = open_calibration(folder, Preprocessing(32, 1.0) if change == "preprocessing" else SMALL)
    assert before.sha256 != after.sha256


def test_the_files_that_were_used_can_be_told(picture_folder: Callable[..., Path]) -> None:
    """The hash of every used file is there for the evaluation to refuse; a rendered set has no file."""
    folder = picture_folder(10)
    feed = open_calibration(folder, SMALL, samples=4)
    assert feed.files_sha256 == tuple(sha256_of_file(folder / name) for name in names(feed))
    assert open_calibration("synthetic-v1", SMALL, samples=4).files_sha256 == ()


def test_classes_are_dealt_evenly(picture_folder: Callable[..., Path]) -> None:
    """In a folder per class, any number of samples covers the classes as evenly as it can."""
    folder = picture_folder(20, ("ape", "bee", "cow"))
    feed = open_calibration(folder, SMALL, samples=10)
    counts = [sum(name.startswith(label) for name in names(feed)) for label in ("ape", "bee", "cow")]
    assert sorted(counts) == [3, 3, 4]
    assert {picture.label for picture in feed.pictures} == {"ape", "bee", "cow"}


@pytest.mark.parametrize(
    ("header", "mark"), [("calib", "1"), ("calib", "true"), ("suggested_split", "calib")]
)
def test_marked_pictures_are_preferred_and_it_is_said(
    picture_folder: Callable[..., Path], header: str, mark: str
) -> None:
    """Where labels.csv sets pictures apart for calibration, only those are used, with a note."""
    folder = picture_folder(12)
    rows = [f"{index:03d}.png,{index},{mark if index < 5 else 'holdout'}" for index in range(12)]
    (folder.parent / "labels.csv").write_text("\n".join([f"file,label,{header}", *rows]))
    reporter = Silent()
    feed = open_calibration(folder, SMALL, reporter=reporter)
    assert sorted(names(feed)) == [f"{index:03d}.png" for index in range(5)]
    assert reporter.notes == [
        ("info", "labels.csv marks 5 of 12 pictures for calibration; only these are used")
    ]


def test_a_label_file_about_other_pictures_is_ignored(picture_folder: Callable[..., Path]) -> None:
    """A labels.csv that lies beside the folder by chance does not hide the classes of the subfolders."""
    folder = picture_folder(3, ("ape", "bee"))
    (folder.parent / "labels.csv").write_text("file,label\nother.png,7\n")
    assert {picture.label for picture in open_calibration(folder, SMALL).pictures} == {"ape", "bee"}


def test_an_unreadable_label_file_is_a_data_error(picture_folder: Callable[..., Path]) -> None:
    """Bytes that are no text are refused with the file's name."""
    folder = picture_folder(3)
    (folder / "labels.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(DataError, match=r"labels\.csv"):
        open_calibration(folder, SMALL)


def test_unreadable_files_are_listed_and_replaced(picture_folder: Callable[..., Path]) -> None:
    """Broken files cost nothing but themselves: others take their places, and they are named with the reason."""
    folder = picture_folder(20)
    for index in range(0, 20, 4):
        (folder / f"{index:03d}.png").write_bytes(b"\x89PNG broken")
    feed = open_calibration(folder, SMALL, samples=15)
    assert feed.count == 15
    assert sorted(file.name for file in feed.unreadable) == [f"{index:03d}.png" for index in range(0, 20, 4)]
    assert all("cannot be decoded" in file.reason for file in feed.unreadable)
    assert pixels(feed).shape == (15, 32, 32, 3)


def test_a_file_that_vanishes_is_a_data_error(picture_folder: Callable[..., Path]) -> None:
    """A picture that is deleted between opening and reading is named, not skipped in silence."""
    folder = picture_folder(10)
    feed = open_calibration(folder, SMALL)
    (folder / "004.png").unlink()
    with pytest.raises(DataError, match=r"004\.png"):
        pixels(feed)


@pytest.mark.parametrize("content", ["nothing", "text", "broken"])
def test_a_folder_without_a_readable_picture_is_a_data_error(tmp_path: Path, content: str) -> None:
    """An empty folder, one without pictures and one of broken pictures are exit code 4."""
    if content == "text":
        (tmp_path / "notes.txt").touch()
    if content == "broken":
        (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="picture"):
        open_calibration(tmp_path, SMALL)


def test_a_missing_source_is_a_data_error(tmp_path: Path) -> None:
    """A path that is not there is exit code 4 and names the sets that need no path."""
    with pytest.raises(DataError, match="synthetic-v1"):
        open_calibration(str(tmp_path / "absent"), SMALL)


def test_an_unknown_set_is_an_unknown_name() -> None:
    """A name in the form of a set's id is exit code 2, with a suggestion."""
    with pytest.raises(UnknownNameError, match="did you mean 'synthetic-v1'"):
        open_calibration("sinthetic-v1", SMALL)


@pytest.mark.parametrize("options", [{"samples": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_usage_errors(options: dict[str, int]) -> None:
    """No sample and a negative seed are refused."""
    with pytest.raises(UsageError):
        open_calibration("synthetic-v1", SMALL, **options)


def test_a_batch_of_nothing_is_a_usage_error() -> None:
    """A batch size of zero would never end."""
    with pytest.raises(UsageError):
        next(open_calibration("synthetic-v1", SMALL, samples=1).batches(0))


def test_a_set_by_its_id_is_rendered_at_the_models_resolution() -> None:
    """The embedded set needs no file; its fingerprint follows seed, count and preprocessing."""
    feed = open_calibration("synthetic-v1", SMALL, samples=5)
    assert pixels(feed).shape == (5, 32, 32, 3)
    assert feed.id == "synthetic-v1"
    others = [
        open_calibration("synthetic-v1", SMALL, samples=6),
        open_calibration("synthetic-v1", SMALL, samples=5, seed=1),
        open_calibration("synthetic-v1", Preprocessing(40), samples=5),
        open_calibration("shapes10-v1", SMALL, samples=5),
    ]
    assert len({feed.sha256, *(other.sha256 for other in others)}) == 5
    assert feed.sha256 == open_calibration("synthetic-v1", SMALL, samples=5).sha256


def test_a_split_shares_no_picture_and_loses_none(picture_folder: Callable[..., Path]) -> None:
    """The held-out part is disjoint, both parts are deterministic, and together they are the feed."""
    feed = open_calibration(picture_folder(10, ("ape", "bee")), SMALL)
    kept, held_out = split(feed, 0.25)
    assert held_out is not None
    assert (kept.count, held_out.count) == (15, 5)
    assert names(kept) + names(held_out) == names(feed)
    assert len({feed.sha256, kept.sha256, held_out.sha256}) == 3
    assert (np.concatenate([pixels(kept), pixels(held_out)]) == pixels(feed)).all()
    assert {picture.label for picture in held_out.pictures} == {"ape", "bee"}


def test_a_split_leaves_at_least_one_picture_to_calibrate_on(picture_folder: Callable[..., Path]) -> None:
    """One picture cannot be parted; two can."""
    one = open_calibration(picture_folder(1), SMALL)
    assert split(one, 0.9) == (one, None)
    kept, held_out = split(open_calibration(picture_folder(2, name="two"), SMALL), 0.99)
    assert held_out is not None
    assert (kept.count, held_out.count) == (1, 1)
    with pytest.raises(UsageError):
        split(one, 1.0)


def peak_bytes(feed: CalibrationFeed) -> int:
    """Return the peak of memory while a feed is read once."""
    tracemalloc.start()
    try:
        for _ in feed.batches(8):
            time.sleep(0.02)  # slower than decoding, so that pictures would pile up if they could
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_pictures(picture_folder: Callable[..., Path]) -> None:
    """120 pictures more take less memory than 16 pictures hold, which is what may be under way at one time."""
    folder = picture_folder(160)
    preprocessing = Preprocessing(224)
    few, many = (open_calibration(folder, preprocessing, samples=count) for count in (40, 160))
    peak_bytes(few)
    assert peak_bytes(many) - peak_bytes(few) < 16 * 224 * 224 * 3


@pytest.mark.shared
def test_the_shared_training_images_are_usable(shared: Path) -> None:
    """On the shared ImageNet sample, the 500 images that are set apart are the ones chosen from."""
    feed = open_calibration(shared / "data" / "imagenet" / "train_1000", SMALL, samples=20)
    assert feed.count == 20
    assert not feed.unreadable
    assert len({picture.label for picture in feed.pictures}) == 20
