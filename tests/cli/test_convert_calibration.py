"""Calibration pictures of every kind, through `edge-effnet convert`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from convert_line import SMALL, convert, names_in
from PIL import Image

from edge_effnet.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")


def _picture(seed: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
    return Image.fromarray(pixels).resize((80, 72), Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight good pictures: the fewest that are enough."""
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(8):
        _picture(number).save(place / f"good{number}.jpg", quality=95)
    return place


def _corrupted(path: Path) -> None:
    data = bytearray((path / "good0.jpg").read_bytes())
    (path / "odd.jpg").write_bytes(data[: len(data) // 3])


def _not_a_picture(path: Path) -> None:
    (path / "odd.jpg").write_text("hello")


def _sixteen_bits(path: Path) -> None:
    grey = np.random.default_rng(1).integers(0, 65536, (70, 70), np.uint16)
    Image.fromarray(grey).save(path / "odd.png")


def _cmyk(path: Path) -> None:
    _picture(50, "CMYK").save(path / "odd.jpg")


def _rotated(path: Path) -> None:
    picture = _picture(51)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(path / "odd.jpg", exif=exif)


def _grayscale(path: Path) -> None:
    _picture(52, "L").save(path / "odd.jpg")


def _bomb(path: Path) -> None:
    Image.new("1", (30_000, 30_000)).save(path / "odd.png")


READABLE = [_sixteen_bits, _cmyk, _rotated, _grayscale]
UNREADABLE = [_corrupted, _not_a_picture, _bomb]


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("odd", READABLE)
def test_pictures_of_other_kinds_are_used_like_any_other(
    odd: Callable[[Path], None], folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """16-bit, CMYK, turned by EXIF, gray: all nine count."""
    odd(folder)
    options = [*SMALL, "--calibration", str(folder), "-o", str(tmp_path / "m.tflite"), "--json"]
    assert run(["convert", *options]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["calibration"]["count"] == 9
    assert "cannot be read" not in err


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("odd", UNREADABLE)
def test_a_picture_that_cannot_be_read_is_listed_and_left_out(
    odd: Callable[[Path], None], folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Never fatal while enough remain; the file is named with the reason."""
    odd(folder)
    options = [*SMALL, "--calibration", str(folder), "-o", str(tmp_path / "m.tflite"), "--json"]
    assert run(["convert", *options]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["calibration"]["count"] == 8
    assert "1 files cannot be read" in err
    assert "odd." in err


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("odd", UNREADABLE)
def test_too_few_readable_pictures_are_exit_4(
    odd: Callable[[Path], None], folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Seven good ones and one that cannot be read: said with both numbers, and nothing is written."""
    odd(folder)
    (folder / "good7.jpg").unlink()
    options = [*SMALL, "--calibration", str(folder), "-o", str(tmp_path / "m.tflite")]
    assert run(["convert", *options]) == 4
    err = capsys.readouterr().err
    assert "only 7 pictures can be read, at least 8 are needed" in err
    assert "odd." in err
    assert names_in(tmp_path) == ["pictures"]


@pytest.mark.usefixtures("one_build")
def test_folders_without_pictures_are_exit_4(tmp_path: Path, capsys: Capture) -> None:
    """No folder, an empty one, one with other files, one with a single broken picture."""
    empty, other, broken = tmp_path / "empty", tmp_path / "other", tmp_path / "broken"
    for place in (empty, other, broken):
        place.mkdir()
    (other / "notes.txt").write_text("hello")
    _not_a_picture(broken)
    for place in (tmp_path / "nowhere", empty, other, broken):
        assert convert("--calibration", place, "-o", tmp_path / "m.tflite") == 4
        err = capsys.readouterr().err
        assert place.name in err
        assert "Traceback" not in err
    assert names_in(tmp_path) == ["broken", "empty", "other"]


@pytest.mark.usefixtures("one_build")
def test_one_picture_is_too_few_unless_one_was_asked_for(tmp_path: Path, capsys: Capture) -> None:
    """By default exit 4 with the number that is needed; `--calibration-samples 1` is someone's own decision."""
    place = tmp_path / "pictures"
    place.mkdir()
    _picture(0).save(place / "only.png")
    options = [*SMALL, "--calibration", str(place), "-o", str(tmp_path / "m.tflite"), "--json"]
    assert run(["convert", *options]) == 4
    assert "at least 8" in capsys.readouterr().err
    assert run(["convert", *options, "--calibration-samples", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["calibration"]["count"] == 1


@pytest.mark.usefixtures("one_build")
def test_pictures_that_the_model_is_judged_on_are_refused(
    folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """A calibration picture in the evaluation folder is exit 4 and named."""
    judged = tmp_path / "judged"
    judged.mkdir()
    (judged / "copy.jpg").write_bytes((folder / "good3.jpg").read_bytes())
    options = [*SMALL, "--calibration", str(folder), "--data", str(judged), "-o", str(tmp_path / "m.tflite")]
    assert run(["convert", *options]) == 4
    err = capsys.readouterr().err
    assert "evaluation set" in err
    assert "good3.jpg = copy.jpg" in err


@pytest.mark.usefixtures("one_build")
def test_an_array_of_pixels_must_be_raw_and_of_the_models_size(tmp_path: Path, capsys: Capture) -> None:
    """uint8 at 64 px is used; another size, another type or no array at all is exit 4 with the file's name."""
    path = tmp_path / "pixels.npy"
    arrays = {0: (64, np.uint8), 4: (32, np.uint8), 5: (64, np.float32)}
    for code, (side, dtype) in arrays.items():
        np.save(path, np.random.default_rng(0).integers(0, 256, (9, side, side, 3)).astype(dtype))
        options = [*SMALL, "--calibration", str(path), "-o", str(tmp_path / f"{code}.tflite")]
        assert run(["convert", *options]) == min(code, 4)
        assert ("pixels.npy" in capsys.readouterr().err) == (code != 0)
    path.write_bytes(b"no array")
    assert run(["convert", *SMALL, "--calibration", str(path), "-o", str(tmp_path / "m.tflite")]) == 4
    assert "pixels.npy" in capsys.readouterr().err


@pytest.mark.usefixtures("one_build")
def test_an_unknown_set_is_exit_2_with_a_suggestion(tmp_path: Path, capsys: Capture) -> None:
    """A name that looks like a set's is answered with the nearest one."""
    assert convert("--calibration", "synthetik-v1", "-o", tmp_path / "m.tflite") == 2
    assert "did you mean 'synthetic-v1'?" in capsys.readouterr().err


@pytest.mark.usefixtures("one_build")
def test_the_same_pictures_are_chosen_by_the_seed(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Two seeds choose different pictures from a folder with more than enough; the same seed the same ones."""
    for number in range(8, 24):
        _picture(number).save(folder / f"more{number}.png")
    hashes = []
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        options = ["--calibration", folder, "--seed", seed, "-o", tmp_path / f"{name}.tflite", "--json"]
        assert convert(*options) == 0
        hashes.append(json.loads(capsys.readouterr().out)["calibration"]["sha256"])
    assert hashes[0] == hashes[1] != hashes[2]
