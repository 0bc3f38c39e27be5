"""Promises of the named sets."""

from __future__ import annotations

import pytest

from edge_effnet.calibrate.sets import list_set_ids, load_set, set_from_toml
from edge_effnet.errors import DataError, UnknownNameError

GOOD = """
id = "demo-v1"
kind = "synthetic"
dataset = "d"
split = "s"
licence = "Apache-2.0"
count = 5
selection = "x"
preprocessing = "none"
seed = 1
"""

# A published set never changes. Whoever changes a set.toml makes a new folder `<id>-v<N+1>` and adds a line here.
PUBLISHED = {
    "shapes10-v1": "9586b20e420be81a251c22218153c8f86673e5558646871d6c3c042e2ccad3f8",
    "synthetic-v1": "fd231065d6fdfaf5b0037a1d2962f2ffadda6d95f6ba28e81c2fd7f5fc8ff5ef",
}


def test_published_sets_are_immutable() -> None:
    """Every set is listed here with the hash of its file, for ever."""
    assert {set_id: load_set(set_id).sha256 for set_id in list_set_ids()} == PUBLISHED


@pytest.mark.parametrize("set_id", sorted(PUBLISHED))
def test_a_set_draws_pictures_of_any_resolution(set_id: str) -> None:
    """The renderer gives uint8 squares, also very small ones."""
    calibration_set = load_set(set_id)
    for side in (1, 7, 33):
        pixels = calibration_set.renderer(side)(3)
        assert pixels.shape == (side, side, 3)
        assert pixels.dtype == "uint8"


def test_an_unknown_set_gets_a_suggestion() -> None:
    """A mistyped id is exit code 2 with "did you mean"."""
    with pytest.raises(UnknownNameError, match="did you mean 'shapes10-v1'"):
        load_set("shape10-v1")


def test_a_set_file_reads_back() -> None:
    """Every field arrives, with the hash of the file."""
    calibration_set = set_from_toml("demo-v1", GOOD.encode())
    assert (calibration_set.count, calibration_set.licence) == (5, "Apache-2.0")
    assert len(calibration_set.sha256) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("count = 5", ""),
        ("count = 5", "count = 0"),
        ("count = 5", 'count = "5"'),
        ("count = 5", "count = true"),
        ("seed = 1", "seed = -1"),
        ("seed = 1", "seed = 1\ncolour = 2"),
        ('id = "demo-v1"', 'id = "demo-v2"'),
        ('kind = "synthetic"', 'kind = "magic"'),
        ("seed = 1", "seed ="),
        ("seed = 1", "\x00"),
    ],
)
def test_a_wrong_set_file_is_a_data_error(old: str, new: str) -> None:
    """Unknown, missing, mistyped and contradicting fields are refused, and the file is named."""
    with pytest.raises(DataError, match="demo-v1"):
        set_from_toml("demo-v1", GOOD.replace(old, new).encode())
