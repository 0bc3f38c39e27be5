"""runtimes.tensors and TensorSpec: the pixel rule and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_effnet.errors import DataError
from edge_effnet.runtimes.base import TensorSpec
from edge_effnet.runtimes.tensors import check_input, check_outputs, input_from_pixels, input_rules

_PIXELS = hnp.arrays(np.uint8, (2, 2, 3))


@given(_PIXELS, st.sampled_from(input_rules()))
def test_every_rule_keeps_the_pixel_value(pixels: np.ndarray, dtype: str) -> None:
    """Input + offset = pixel for every pixel and type: nothing is rounded, clipped or wrapped."""
    tensor = input_from_pixels(pixels, TensorSpec("x", dtype, (1, 2, 2, 3)))
    offset = 128 if dtype == "int8" else 0
    assert tensor.dtype == dtype
    assert np.array_equal(tensor.astype(np.float64)[0] + offset, pixels.astype(np.float64))


def test_the_int8_rule_covers_all_256_values() -> None:
    """0 becomes -128, 127 becomes -1, 128 becomes 0, 255 becomes 127."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    codes = input_from_pixels(pixels, TensorSpec("x", "int8", (1, 16, 16, 3)))
    assert codes[0, :, :, 0].reshape(-1).tolist() == list(range(-128, 128))


@given(hnp.arrays(np.int8, 5), st.floats(2.0**-20, 1000.0, width=32), st.integers(-128, 127))
def test_reals_undo_the_quantiser(codes: np.ndarray, scale: float, zero_point: int) -> None:
    """Real = scale * (code - zero point), correctly rounded to float32."""
    found = TensorSpec("y", "int8", (5,), scale, zero_point).reals(codes)
    expected = [np.float32(scale * (int(code) - zero_point)) for code in codes]
    assert found.dtype == np.float32
    assert found.tolist() == expected


def test_reals_of_a_float_tensor_are_the_values() -> None:
    """A float output needs no scale."""
    values = np.array([1.5, -2.0], np.float32)
    assert TensorSpec("y", "float32", (2,)).reals(values).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (2, 4, 4, 3), (1, 48), (1, 0, 4, 3)])
def test_an_input_that_is_not_one_rgb_image_is_refused(shape: tuple[int, ...]) -> None:
    """Gray, batched, flat and empty inputs have no pixel rule."""
    with pytest.raises(DataError, match="one RGB image"):
        check_input(TensorSpec("x", "int8", shape))


def test_an_input_type_without_a_rule_is_refused() -> None:
    """The types that have a rule are listed."""
    with pytest.raises(DataError, match="uint8, int8, float32"):
        check_input(TensorSpec("x", "int16", (1, 4, 4, 3)))


@pytest.mark.parametrize("shape", [(), (2, 10), (1, 7, 7, 10)])
def test_an_output_that_is_not_one_row_is_refused(shape: tuple[int, ...]) -> None:
    """A feature map or a batch is not a row of class scores."""
    with pytest.raises(DataError, match="one row"):
        check_outputs([TensorSpec("y", "int8", shape)])


@pytest.mark.parametrize("shape", [(1, 10), (1, 1, 1, 10)])
def test_an_output_with_one_long_axis_is_a_row(shape: tuple[int, ...]) -> None:
    """Some exporters keep the axes of the pooling."""
    check_outputs([TensorSpec("y", "int8", shape)])


def test_scores_come_first_and_one_feature_map_may_follow() -> None:
    """What `convert --with-features` writes is a classifier still."""
    scores, features = TensorSpec("y", "int8", (1, 10)), TensorSpec("f", "int8", (1, 7, 7, 32))
    assert check_outputs([scores, features]) is scores


@pytest.mark.parametrize(
    "shapes", [[], [(1, 10), (1, 10)], [(1, 10), (1, 7, 7, 2), (1, 7, 7, 2)], [(1, 7, 7, 2), (1, 10)]]
)
def test_other_outputs_are_refused(shapes: list[tuple[int, ...]]) -> None:
    """A detector's boxes are not class scores: which output would be the answer?"""
    with pytest.raises(DataError, match="output"):
        check_outputs([TensorSpec("y", "int8", shape) for shape in shapes])
