"""Promises of .npy calibration files, friendly and hostile."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.calibrate.feed import open_calibration
from edge_effnet.errors import DataError
from edge_effnet.images import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Preprocessing(16)


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    """Return the start of an .npy file with this header."""
    body = text.encode("latin1")
    body += b" " * (-(10 + len(body) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + version + len(body).to_bytes(2, "little") + body


def test_rows_of_an_array_are_used_as_they_are(tmp_path: Path) -> None:
    """Raw pixels in an .npy file come out unchanged, each row at most once, chosen by the seed."""
    array = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), np.uint8)
    np.save(tmp_path / "pixels.npy", array)
    feed = open_calibration(tmp_path / "pixels.npy", SMALL, samples=12, seed=3)
    rows = [int(feed.source.name(index).removeprefix("row ")) for index in range(feed.count)]
    assert len(set(rows)) == 12
    assert (np.concatenate(list(feed.batches(5))) == array[rows]).all()
    assert feed.id == "pixels.npy"
    assert feed.sha256 == open_calibration(tmp_path / "pixels.npy", SMALL, samples=12, seed=3).sha256


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 8, 8, 3), np.uint8),
        np.zeros((4, 16, 16, 1), np.uint8),
        np.zeros((4, 3, 16, 16), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((0, 16, 16, 3), np.uint8),
        np.zeros((4, 16, 16, 3), np.float32),
        np.zeros((4, 16, 16, 3), np.int8),
        np.zeros((), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_another_shape_or_type_is_a_data_error(tmp_path: Path, array: np.ndarray) -> None:
    """Only uint8 (n, resolution, resolution, 3) with n >= 1 is a calibration file; the error says so."""
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(DataError, match=r"other\.npy"):
        open_calibration(tmp_path / "other.npy", SMALL)


class Trap:
    """An object whose unpickling would be noticed."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("the file was unpickled",)


HOSTILE = {
    "empty": b"",
    "magic only": b"\x93NUMPY",
    "text": b"not an array",
    "pickle": pickle.dumps(Trap()),
    "object dtype": header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + pickle.dumps(Trap()),
    "huge shape": header("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999, 16, 16, 3), }"),
    "overflowing shape": header("{'descr': '|u1', 'fortran_order': False, 'shape': (2**70, 16, 16, 3), }"),
    "negative shape": header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 16, 16, 3), }"),
    "no shape": header("{'descr': '|u1', 'fortran_order': False}"),
    "code": header("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1,), }"),
    "deep": header("(" * 3000),
    "unknown version": header("{}", b"\x09\x00"),
    "zip": b"PK\x03\x04" + bytes(60),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_array_file_is_a_data_error(tmp_path: Path, data: bytes) -> None:
    """Nothing is unpickled, evaluated or allocated; the file is named."""
    path = tmp_path / "bad.npy"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"bad\.npy"):
        open_calibration(path, SMALL)


def test_a_truncated_array_file_is_a_data_error(tmp_path: Path) -> None:
    """A download that broke off is refused at once, not at the missing row."""
    path = tmp_path / "bad.npy"
    np.save(path, np.zeros((9, 16, 16, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"bad\.npy"):
        open_calibration(path, SMALL)


@given(splice=st.binary(max_size=40), place=st.integers(0, 140))
@settings(max_examples=200, deadline=None)
def test_damage_of_any_kind_is_a_data_error_or_an_array(
    tmp_path_factory: pytest.TempPathFactory, splice: bytes, place: int
) -> None:
    """Whatever is written over the header, nothing but DataError comes out."""
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.npy"
    np.save(path, np.zeros((2, 16, 16, 3), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[:place] + splice + data[place + len(splice) :])
    try:
        feed = open_calibration(path, SMALL)
    except DataError as error:
        assert "fuzz.npy" in str(error)  # noqa: PT017
    else:
        assert feed.count >= 1
