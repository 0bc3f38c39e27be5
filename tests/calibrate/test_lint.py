"""Promises of the linter: each thing that can be wrong is found, and nothing else is."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edge_effnet.calibrate.feed import open_calibration
from edge_effnet.calibrate.lint import LintReport, lint_feed, require_usable
from edge_effnet.errors import DataError
from edge_effnet.images import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = Preprocessing(32)


def examine(folder: Path | str, samples: int = 40, evaluation: Path | None = None) -> LintReport:
    """Open a source and lint it."""
    return lint_feed(open_calibration(folder, SMALL, samples=samples), evaluation)


def kinds(report: LintReport) -> list[str]:
    """Return severity and kind of each finding."""
    return [f"{finding.severity} {finding.kind}" for finding in report.findings]


def test_a_good_folder_has_no_finding(picture_folder: Callable[..., Path]) -> None:
    """Forty different pictures, as many as asked for, are fine."""
    report = examine(picture_folder(40))
    assert report.findings == ()
    assert report.count == 40
    require_usable(report)


def test_a_rendered_set_has_no_finding() -> None:
    """The embedded sets pass their own linter."""
    assert examine("synthetic-v1").findings == ()


def test_too_few_pictures_are_fatal(picture_folder: Callable[..., Path]) -> None:
    """Seven pictures are refused, with the number that is needed; eight are not."""
    report = examine(picture_folder(7, name="seven"))
    assert kinds(report) == ["fatal count"]
    with pytest.raises(DataError, match="at least 8"):
        require_usable(report)
    require_usable(examine(picture_folder(8, name="eight")))


def test_as_few_as_asked_for_are_enough(picture_folder: Callable[..., Path]) -> None:
    """Who asks for four pictures gets four."""
    assert examine(picture_folder(20), samples=4).findings == ()


def test_few_pictures_are_a_warning(picture_folder: Callable[..., Path]) -> None:
    """Twenty where three hundred were asked for are used with a warning."""
    assert kinds(examine(picture_folder(20), samples=300)) == ["warning count"]


def test_unreadable_files_are_listed_and_not_fatal(picture_folder: Callable[..., Path]) -> None:
    """Each broken file is named with its reason."""
    folder = picture_folder(20)
    (folder / "003.png").write_bytes(b"broken")
    report = examine(folder, samples=19)
    assert kinds(report) == ["warning unreadable"]
    assert report.findings[0].files[0].startswith("003.png: the picture cannot be decoded")


def test_too_few_readable_files_are_fatal(picture_folder: Callable[..., Path]) -> None:
    """What counts is how many can be read."""
    folder = picture_folder(12)
    for index in range(6):
        (folder / f"{index:03d}.png").write_bytes(b"broken")
    assert kinds(examine(folder)) == ["fatal count", "warning unreadable"]


def test_exact_copies_are_found(picture_folder: Callable[..., Path]) -> None:
    """A file under two names is a duplicate, once."""
    folder = picture_folder(39)
    shutil.copy(folder / "001.png", folder / "zzz.png")
    report = examine(folder)
    assert kinds(report) == ["warning duplicate"]
    assert set(report.findings[0].files[0].split(" = ")) == {"001.png", "zzz.png"}


def test_near_copies_are_found(picture_folder: Callable[..., Path]) -> None:
    """The same picture as a smaller, brighter JPEG is a near duplicate."""
    folder = picture_folder(39)
    picture = Image.open(folder / "001.png").convert("RGB")
    picture = picture.resize((36, 30), Image.Resampling.LANCZOS).point(lambda level: min(255, level + 3))
    picture.save(folder / "zzz.jpg", quality=80)
    report = examine(folder)
    assert kinds(report) == ["warning near_duplicate"]
    assert set(report.findings[0].files[0].split(" ~ ")) == {"001.png", "zzz.jpg"}


def test_pictures_with_the_same_layout_are_no_copies(tmp_path: Path) -> None:
    """Two seascapes, bright above and dark below, have the same hash and are still two pictures."""
    generator = np.random.default_rng(0)
    for index in range(40):
        sky, sea = generator.integers(150, 256, 3), generator.integers(0, 100, 3)
        rows = np.array([sky] * 16 + [sea] * 16, np.uint8)
        Image.fromarray(rows[:, None].repeat(32, axis=1)).save(tmp_path / f"{index}.png")
    feed = open_calibration(tmp_path, SMALL)
    assert len({picture.average_hash for picture in feed.pictures}) == 1
    assert lint_feed(feed).findings[1:] == ()


def test_one_colour_pictures_are_found(picture_folder: Callable[..., Path]) -> None:
    """Blank pictures are named, and not called copies of each other when they differ."""
    folder = picture_folder(38)
    Image.new("RGB", (40, 40), "black").save(folder / "black.png")
    Image.new("RGB", (40, 40), "navy").save(folder / "navy.png")
    report = examine(folder)
    assert kinds(report) == ["warning one_colour"]
    assert sorted(report.findings[0].files) == ["black.png", "navy.png"]


def test_classes_are_counted(picture_folder: Callable[..., Path]) -> None:
    """With known classes, their number and balance are told."""
    report = examine(picture_folder(20, ("ape", "bee")))
    assert kinds(report) == ["info classes"]
    assert report.findings[0].detail == "2 classes, 20 to 20 pictures each"


def test_a_single_class_is_a_warning(picture_folder: Callable[..., Path]) -> None:
    """Pictures of one class only do not represent a classifier's input."""
    assert kinds(examine(picture_folder(40, ("ape",)))) == ["warning classes"]


def test_a_lopsided_set_is_a_warning(picture_folder: Callable[..., Path]) -> None:
    """More than ten times as many pictures of one class as of another are worth a warning."""
    folder = picture_folder(38, ("ape",))
    picture_folder(2, ("bee",))
    assert kinds(examine(folder)) == ["warning classes"]


def test_normalised_values_are_fatal(tmp_path: Path) -> None:
    """An array of 0..1 stored as bytes is not raw pixels."""
    array = np.random.default_rng(0).integers(0, 2, (40, 32, 32, 3), np.uint8)
    np.save(tmp_path / "unit.npy", array)
    report = examine(tmp_path / "unit.npy")
    assert "fatal value_range" in kinds(report)
    with pytest.raises(DataError, match="normalised"):
        require_usable(report)


def test_a_narrow_range_is_a_warning(tmp_path: Path) -> None:
    """Values that use less than half of 0..255 are suspicious."""
    array = np.random.default_rng(0).integers(0, 100, (40, 32, 32, 3), np.uint8)
    np.save(tmp_path / "dark.npy", array)
    assert "warning value_range" in kinds(examine(tmp_path / "dark.npy"))


def test_overlap_with_the_evaluation_set_is_fatal(picture_folder: Callable[..., Path]) -> None:
    """A picture that is also evaluated on is found by its content, whatever its name; other pictures are not."""
    folder, evaluation = picture_folder(40), picture_folder(5, name="evaluation")
    assert examine(folder, evaluation=evaluation).findings == ()
    (evaluation / "deep").mkdir()
    shutil.copy(folder / "007.png", evaluation / "deep" / "renamed.png")
    report = examine(folder, evaluation=evaluation)
    assert kinds(report) == ["fatal evaluation_overlap"]
    assert report.findings[0].files == ("007.png = deep/renamed.png",)


def test_the_record_is_plain_json(picture_folder: Callable[..., Path]) -> None:
    """The report survives JSON unchanged."""
    record = examine(picture_folder(3)).to_record()
    assert json.loads(json.dumps(record)) == record
    assert set(record["findings"][0]) == {"severity", "kind", "detail", "files"}


@pytest.mark.shared
def test_different_photographs_are_not_called_copies(shared: Path) -> None:
    """Among 500 photographs of as many classes there is no duplicate."""
    report = examine(shared / "data" / "imagenet" / "train_1000", samples=500)
    assert kinds(report) == ["info classes"]
