"""Multiply-accumulates by kind of operator and bytes by layer."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from build_model import Sketch, clean
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.cost import Cost, cost_from_model
from edge_effnet.inspect.summary import largest_layers


def _cost(sketch: Sketch) -> Cost:
    return cost_from_model(read_model_bytes(sketch.pack()))


def test_the_clean_network_costs_what_paper_and_pencil_say():
    """4x4x4 outputs of 27 products, 4x4x4 of 9, 5 of 4; swish and mean are no multiply-accumulates."""
    cost = _cost(clean())
    assert cost.macs_by_operator() == {
        "CONV_2D": (64 * 27, 64 * 27),
        "DEPTHWISE_CONV_2D": (64 * 9, 64 * 9),
        "FULLY_CONNECTED": (20, 20),
    }
    assert cost.macs == cost.int8_macs == 1728 + 576 + 20
    assert [layer.name for layer in cost.layers][:3] == ["conv", "sigmoid", "swish"]


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_a_convolution_is_the_sum_over_its_loops(
    height: int, width: int, k_h: int, k_w: int, c_in: int, c_out: int
):
    """Output pixels x output channels x kernel x input channels, in every combination."""
    sketch = Sketch()
    sketch.add_tensor("x", [1, height + k_h, width + k_w, c_in], scale=1)
    sketch.add_tensor("w", [c_out, k_h, k_w, c_in], scale=[1] * c_out, data=np.zeros((c_out, k_h, k_w, c_in)))
    sketch.add_tensor("y", [1, height, width, c_out], scale=1)
    sketch.add_operator("CONV_2D", ["x", "w"], ["y"], options=schema.Conv2DOptionsT())
    assert _cost(sketch).macs == sum(k_h * k_w * c_in for _ in range(height * width * c_out))


def test_a_grouped_convolution_counts_its_own_channels_only():
    """The weights hold the channels of one group: 2 of 4."""
    sketch = Sketch()
    sketch.add_tensor("x", [1, 5, 5, 4], scale=1)
    sketch.add_tensor("w", [8, 3, 3, 2], scale=[1] * 8, data=np.zeros((8, 3, 3, 2)))
    sketch.add_tensor("y", [1, 5, 5, 8], scale=1)
    sketch.add_operator("CONV_2D", ["x", "w"], ["y"], options=schema.Conv2DOptionsT())
    assert _cost(sketch).macs == 5 * 5 * 8 * 3 * 3 * 2


def test_a_transposed_convolution_is_counted_from_its_input():
    """Each of 4x4x3 inputs meets a 2x2 kernel for 5 outputs."""
    sketch = Sketch()
    sketch.add_tensor("size", [4], "INT32", data=[1, 8, 8, 5])
    sketch.add_tensor("w", [5, 2, 2, 3], scale=[1] * 5, data=np.zeros((5, 2, 2, 3)))
    sketch.add_tensor("x", [1, 4, 4, 3], scale=1)
    sketch.add_tensor("y", [1, 8, 8, 5], scale=1)
    sketch.add_operator("TRANSPOSE_CONV", ["size", "w", "x"], ["y"], options=schema.TransposeConvOptionsT())
    assert _cost(sketch).macs == 4 * 4 * 3 * 2 * 2 * 5


@pytest.mark.parametrize("transposed", [False, True])
def test_a_batched_product_is_rows_by_columns_by_depth(transposed: bool):
    """2 products of (3, 4) and (4, 5), either way round."""
    sketch = Sketch()
    sketch.add_tensor("a", [2, 4, 3] if transposed else [2, 3, 4], scale=1)
    sketch.add_tensor("b", [2, 4, 5], scale=1)
    sketch.add_tensor("y", [2, 3, 5], scale=1)
    sketch.add_operator(
        "BATCH_MATMUL", ["a", "b"], ["y"], options=schema.BatchMatMulOptionsT(adjX=transposed)
    )
    assert _cost(sketch).macs == 2 * 3 * 4 * 5
    assert _cost(sketch).int8_macs == 2 * 3 * 4 * 5


def _product() -> Sketch:
    sketch = Sketch()
    sketch.add_tensor("a", [3, 4], scale=1)
    sketch.add_tensor("b", [4, 5], scale=1)
    sketch.add_tensor("y", [3, 5], scale=1)
    sketch.add_operator("BATCH_MATMUL", ["a", "b"], ["y"])
    return sketch


@pytest.mark.parametrize("name", ["a", "b", "y"])
def test_a_product_with_one_float_operand_is_not_int8(name: str):
    """Both factors and the result must be 8-bit; mixed signs are."""
    sketch = _product()
    sketch.tensor(name).type = schema.TensorType.UINT8
    assert _cost(sketch).int8_macs == 60
    sketch.tensor(name).type = schema.TensorType.FLOAT32
    assert (_cost(sketch).macs, _cost(sketch).int8_macs) == (60, 0)


@pytest.mark.parametrize(("field", "value"), [("inputs", [-1, 1]), ("inputs", [0]), ("outputs", [])])
def test_a_product_without_an_operand_counts_nothing(field: str, value: list[int]):
    """A malformed operator is the audit's matter."""
    sketch = _product()
    setattr(sketch.graph.operators[0], field, value)
    assert _cost(sketch).macs == 0


def test_a_product_of_a_vector_counts_nothing():
    """One dimension is malformed."""
    sketch = _product()
    sketch.tensor("a").shape = [4]
    assert _cost(sketch).macs == 0


@pytest.mark.parametrize(
    ("field", "value"), [("inputs", [-1, 1, 2]), ("inputs", [0, -1]), ("inputs", [0]), ("outputs", [])]
)
def test_a_convolution_without_an_operand_counts_nothing(field: str, value: list[int]):
    """A malformed operator is the audit's matter."""
    sketch = clean()
    setattr(sketch.operator("CONV_2D"), field, value)
    assert _cost(sketch).macs == 576 + 20


def test_weights_of_another_rank_count_nothing():
    """So are weights that are no convolution's."""
    sketch = clean()
    sketch.tensor("conv/w").shape = [4, 27]
    assert _cost(sketch).macs == 576 + 20


def test_signed_and_unsigned_operands_are_both_8_bit():
    """A convolution from uint8 to int8 is integer work."""
    sketch = clean()
    sketch.tensor("input").type = schema.TensorType.UINT8
    assert _cost(sketch).int8_macs == 2324


def test_layers_without_products_are_judged_by_their_output():
    """A sigmoid in int8 is int8, one in float is not."""
    sketch = clean()
    assert all(layer.int8 for layer in _cost(sketch).layers)
    sketch.tensor("sigmoid").type = schema.TensorType.FLOAT32
    assert [layer.op for layer in _cost(sketch).layers if not layer.int8] == ["LOGISTIC"]


@pytest.mark.parametrize("name", ["conv", "conv/w", "input"])
def test_work_with_one_float_operand_is_not_int8(name: str):
    """Input, weights and output must all be 8-bit."""
    sketch = clean()
    kind = "INT16" if name == "conv/w" else "FLOAT32"
    if name == "conv/w":
        sketch.set_data(name, np.zeros((4, 3, 3, 3), np.int16))
    sketch.tensor(name).type = getattr(schema.TensorType, kind)
    cost = _cost(sketch)
    assert cost.macs - cost.int8_macs == 64 * 27


def test_an_open_dimension_counts_once():
    """The figure is for one image."""
    sketch = clean()
    sketch.tensor("conv").shape = [-1, 4, 4, 4]
    assert _cost(sketch).macs == 2324


def test_layers_and_the_rest_add_up_to_the_file():
    """Every byte is somebody's."""
    sketch = clean()
    sketch.add_metadata("note", b"x" * 1000)
    file = sketch.pack()
    cost = cost_from_model(read_model_bytes(file))
    assert sum(layer.size_bytes for layer in cost.layers) + cost.other_bytes == len(file) == cost.size_bytes
    assert cost.layers[0].size_bytes == 4 * 27 + 4 * 4
    assert cost.other_bytes > 1000


def test_a_constant_that_two_operators_read_is_counted_once():
    """The first reader owns it."""
    sketch = clean()
    sketch.add_tensor("copy", [1, 5], scale=0.1)
    sketch.add_operator("FULLY_CONNECTED", ["flat", "dense/w", "dense/b"], ["copy"], version=4)
    layers = _cost(sketch).layers
    assert layers[6].size_bytes == 5 * 4 + 5 * 4
    assert layers[7].size_bytes == 0


def test_custom_operators_are_counted_as_unknown():
    """Their bytes are known, their work is not, and that is said."""
    sketch = clean()
    sketch.add_operator("mine", ["conv"], ["sigmoid"])
    sketch.graph.operators[-1].customOptions = list(range(50))
    cost = _cost(sketch)
    assert cost.uncounted == 1
    assert cost.layers[-1].size_bytes == 50
    assert cost.layers[-1].macs == 0


def test_the_census_counts_operators_commonest_first():
    """Name -> number."""
    sketch = clean()
    sketch.add_tensor("more", [1, 5], scale=1 / 256, zero=-128)
    sketch.add_operator("LOGISTIC", ["logits"], ["more"])
    census = _cost(sketch).operators
    assert next(iter(census.items())) == ("LOGISTIC", 2)
    assert sum(census.values()) == 8


def test_the_largest_layers_come_first():
    """By bytes, then by place."""
    largest = largest_layers(_cost(clean()), 3)
    assert [layer.op for layer in largest] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert largest[0].size_bytes > largest[1].size_bytes > largest[2].size_bytes
