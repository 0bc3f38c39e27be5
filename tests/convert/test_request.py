"""What a conversion may be asked for, refused before any work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_effnet.convert.request import IO_TYPES, PRECISIONS, ConvertRequest
from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.quantize.recipes import RECIPES


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"model": "bo"}, "b0"),
        ({"model": "efficientnet-lite0"}, "lite0"),
        ({"precision": "w8a9"}, "w8a8"),
        ({"precision": "float16"}, "float32"),
        ({"io": "unit8"}, "uint8"),
        ({"recipe": "min_max"}, "minmax"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(options: dict[str, Any], hint: str) -> None:
    """Exit 2, every name that would do, and "did you mean"."""
    with pytest.raises(UnknownNameError) as caught:
        ConvertRequest(**{"model": "b0", **options})
    assert caught.value.exit_code == 2
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "options",
    [
        {"calibration_samples": 0},
        {"seed": -1},
        {"resolution_px": 31},
        {"resolution_px": 2049},
        {"precision": "fp16", "io": "uint8"},
    ],
)
def test_values_out_of_range_are_usage_errors(options: dict[str, Any]) -> None:
    """Each says what is allowed."""
    with pytest.raises(UsageError) as caught:
        ConvertRequest("b0", **options)
    assert caught.value.exit_code == 2
    assert caught.value.got is not None


def test_everything_in_the_tables_is_accepted() -> None:
    """Precisions, interfaces and recipes."""
    for precision in PRECISIONS:
        assert ConvertRequest("b0", precision=precision).integer == (precision == "w8a8")
    for io in IO_TYPES:
        assert ConvertRequest("b0", io=io).io == io
    for recipe in RECIPES:
        assert ConvertRequest("b0", recipe=recipe).recipe == recipe


def test_a_file_is_named_after_what_is_in_it() -> None:
    """Model, resolution and precision, in the current folder, unless a name is given."""
    assert ConvertRequest("v2-b0", precision="fp16").path(224) == Path("v2-b0_224_fp16.tflite")
    assert ConvertRequest("b0", output=Path("a/b.tflite")).path(224) == Path("a/b.tflite")
