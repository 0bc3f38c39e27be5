"""Running frozen graphs: in float, and rounded as the int8 kernels round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_graphs import Sketch, pictures, small_mbconv, sqnr_db

from edge_effnet.models.graph import Node
from edge_effnet.quantize.execute import (
    fake_quantize,
    float_function,
    input_values,
    integer_weights,
    quantized_function,
    run_node,
)
from edge_effnet.quantize.scheme import QMAX, QMIN, channels_last, grid_from_range, quantize_weights

if TYPE_CHECKING:
    from edge_effnet.quantize.scheme import QuantizedGraph

tensorflow = pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
SEEDS = st.integers(0, 2**32 - 1)


@given(low=st.floats(-50.0, 0.0), high=st.floats(0.01, 50.0), seed=SEEDS)
@settings(deadline=None, max_examples=60)
def test_fake_quantisation_gives_the_values_of_the_grid(low: float, high: float, seed: int) -> None:
    """Every result is code times scale for the nearest code, clipped to -128..127; ties may go either way."""
    grid = grid_from_range(low, high)
    values = np.random.default_rng(seed).uniform(1.5 * low - 1.0, 1.5 * high + 1.0, 256).astype(np.float32)
    found = fake_quantize(tensorflow.constant(values), grid).numpy().astype(np.float64)
    codes = found / grid.scale + grid.zero_point
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    exact = values.astype(np.float64) / grid.scale + grid.zero_point
    wanted = np.clip(exact, QMIN, QMAX)
    assert np.abs(np.rint(codes) - wanted).max() <= 0.5 + 1e-3


@given(low=st.floats(-50.0, 0.0), high=st.floats(0.01, 50.0))
@settings(deadline=None, max_examples=60)
def test_values_on_the_grid_stay_where_they_are(low: float, high: float) -> None:
    """Rounding twice is rounding once, zero is exact, and every one of the 256 codes survives."""
    grid = grid_from_range(low, high)
    codes = np.arange(QMIN, QMAX + 1)
    values = ((codes - grid.zero_point) * grid.scale).astype(np.float32)
    found = fake_quantize(tensorflow.constant(values), grid).numpy()
    np.testing.assert_array_equal(np.rint(found / grid.scale + grid.zero_point), codes)
    assert found[grid.zero_point - QMIN] == 0.0


@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])
def test_integers_stand_for_the_weights_that_were_rounded(kind: str) -> None:
    """The real kernel behind the codes is at most half a step off, in the operator's own layout."""
    sketch = Sketch(6)
    if kind == "conv":
        sketch.conv("node", "input", 5, 3)
    elif kind == "depthwise":
        sketch.depthwise("node", "input")
    else:
        sketch.dense("node", "input", 5)
    node = sketch.nodes[-1]
    weights = quantize_weights(node, 0.03)
    kernel, bias = integer_weights(node, weights, 0.03)
    assert node.kernel is not None
    assert kernel.shape == node.kernel.shape
    from dataclasses import replace

    rounded = channels_last(replace(node, kernel=kernel))
    assert (np.abs(rounded - channels_last(node)) <= weights.scales * 0.50001).all()
    np.testing.assert_allclose(bias, node.bias, atol=float(weights.scales.max()) * 0.03)


def test_the_fused_activation_can_be_left_out() -> None:
    """The quantiser looks at what an operator gives before its clamp."""
    node = Node("conv", "conv", ("input",), np.ones((1, 1, 1, 1), np.float32), None, activation="relu6")
    values = np.array([-2.0, 3.0, 9.0], np.float32).reshape(1, 1, 3, 1)
    assert run_node(node, [values]).numpy().ravel().tolist() == [0.0, 3.0, 6.0]
    assert run_node(node, [values], activate=False).numpy().ravel().tolist() == [-2.0, 3.0, 9.0]


def test_the_input_of_a_folded_graph_is_the_pixel_less_its_offset() -> None:
    """Black, the offset and white."""
    graph = small_mbconv()
    pixels = np.array([0, 127, 255], np.uint8)[:, None].repeat(3, axis=1).reshape(1, 3, 1, 3)
    assert input_values(graph, pixels)[0, :, 0, 0].tolist() == [-127.0, 0.0, 128.0]


def test_the_fake_quant_graph_is_close_to_the_float_graph(tiny_quantized: QuantizedGraph) -> None:
    """Its logits carry signal, and every tensor of it lies on its grid."""
    graph, pixels = tiny_quantized.graph, pictures(8, seed=9)
    values = input_values(graph, pixels)
    tensors = quantized_function(tiny_quantized)(values)
    assert set(tensors) == set(graph.shapes)
    for node in graph.nodes:
        grid = tiny_quantized.grids[node.name]
        codes = tensors[node.name].numpy().astype(np.float64) / grid.scale + grid.zero_point
        np.testing.assert_allclose(codes, np.rint(codes), atol=2e-3, err_msg=node.name)
        assert codes.min() >= QMIN - 2e-3
        assert codes.max() <= QMAX + 2e-3
    wanted = float_function(small_mbconv())(values)[graph.output_name].numpy()
    assert sqnr_db(wanted, tensors[graph.output_name].numpy()) > 20.0


def test_only_what_is_asked_for_is_kept(tiny_quantized: QuantizedGraph) -> None:
    """Other tensors are dropped after their last use, with the same results for the rest."""
    graph = tiny_quantized.graph
    values = input_values(graph, pictures(2, seed=9))
    whole = quantized_function(tiny_quantized)(values)
    kept = quantized_function(tiny_quantized, keep={"top_conv", graph.output_name})(values)
    assert set(kept) == {"top_conv", graph.output_name}
    for name, tensor in kept.items():
        np.testing.assert_array_equal(tensor.numpy(), whole[name].numpy())
