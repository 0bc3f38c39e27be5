"""Grids and integers: the rules of the int8 kernels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_graphs import Sketch

from edge_effnet.models.graph import Node
from edge_effnet.quantize.scheme import (
    BIAS_LIMIT,
    FIXED_GRIDS,
    QMAX,
    QMIN,
    SHARED_GRID,
    WEIGHT_MAX,
    Grid,
    channels_last,
    grid_from_range,
    grids_from_ranges,
    input_grid,
    quantize_graph,
    quantize_weights,
    weight_scales,
)
from edge_effnet.quantize.stores import codes_from_values, values_from_codes
from edge_effnet.variants.spec import Normalisation

ENDS = st.floats(-1e6, 1e6, allow_nan=False)
RANGES = st.tuples(ENDS, ENDS).map(sorted).filter(lambda ends: ends[1] - ends[0] > 1e-3)
SEEDS = st.integers(0, 2**32 - 1)


@given(ends=RANGES)
@settings(deadline=None)
def test_a_grid_holds_zero_exactly_and_its_codes_are_in_range(ends: list[float]) -> None:
    """Zero padding and ReLU need a code that means exactly zero."""
    grid = grid_from_range(*ends)
    assert QMIN <= grid.zero_point <= QMAX
    assert grid.scale > 0
    assert math.isfinite(grid.scale)
    assert values_from_codes(np.array([grid.zero_point], np.int8), grid)[0] == 0.0
    assert grid.minimum <= 0.0 <= grid.maximum


@given(ends=RANGES)
@settings(deadline=None)
def test_a_grid_covers_its_range_but_for_half_a_step(ends: list[float]) -> None:
    """The zero point is rounded to a code, which moves both ends by at most half a step."""
    grid = grid_from_range(*ends)
    slack = 0.5001 * grid.scale
    assert grid.minimum <= min(ends[0], 0.0) + slack
    assert grid.maximum >= max(ends[1], 0.0) - slack


@given(ends=RANGES, seed=SEEDS)
@settings(deadline=None)
def test_rounding_costs_half_a_step_inside_the_grid(ends: list[float], seed: int) -> None:
    """Quantise and dequantise: the error is at most half the scale."""
    grid = grid_from_range(*ends)
    values = np.random.default_rng(seed).uniform(grid.minimum, grid.maximum, 64).astype(np.float32)
    error = np.abs(values_from_codes(codes_from_values(values, grid), grid) - values)
    assert error.max() <= grid.scale * 0.5 * (1 + 1e-4)


@given(ends=RANGES, code=st.integers(QMIN, QMAX))
@settings(deadline=None)
def test_codes_survive_the_way_through_real_values(ends: list[float], code: int) -> None:
    """A code becomes a value and the same code again, whatever the grid."""
    grid = grid_from_range(*ends)
    codes = np.array([code], np.int8)
    assert codes_from_values(values_from_codes(codes, grid), grid)[0] == code


def test_an_empty_range_still_gives_a_grid() -> None:
    """A tensor that is zero everywhere is no division by zero."""
    grid = grid_from_range(0.0, 0.0)
    assert grid.scale > 0
    assert grid.zero_point == QMIN


def _weighted(kind: str, seed: int, *, bias_size: float = 1.0, dead: bool = False) -> Node:
    random = np.random.default_rng(seed)
    shapes = {"conv": (3, 3, 4, 6), "depthwise": (3, 3, 6, 1), "dense": (9, 6)}
    kernel = random.normal(size=shapes[kind]).astype(np.float32)
    spread = np.exp(random.normal(0.0, 2.0, 6)).astype(np.float32)
    kernel *= spread[:, None] if kind == "depthwise" else spread
    if dead:
        outputs_last = kernel[..., 0] if kind == "depthwise" else kernel
        outputs_last[..., 2] = 0.0
    bias = random.normal(0.0, bias_size, 6).astype(np.float32)
    return Node(kind, kind, ("input",), kernel, bias)  # type: ignore[arg-type]


KINDS = st.sampled_from(["conv", "depthwise", "dense"])


@given(kind=KINDS, seed=SEEDS, exponent=st.floats(-6.0, 2.0))
@settings(deadline=None)
def test_weights_are_symmetric_and_at_most_half_a_step_off(kind: str, seed: int, exponent: float) -> None:
    """Codes -127..127 without a zero point, one scale per output channel, one in all for a dense layer."""
    node = _weighted(kind, seed)
    weights = quantize_weights(node, 10.0**exponent)
    assert weights.kernel.dtype == np.int8
    assert np.abs(weights.kernel.astype(int)).max() <= WEIGHT_MAX
    assert weights.scales.shape == (6,)
    assert (len(set(weights.scales.tolist())) == 1) == (kind == "dense")
    error = np.abs(weights.kernel * weights.scales.astype(np.float64) - channels_last(node))
    assert (error <= weights.scales * 0.5 * (1 + 1e-5)).all()


@given(kind=KINDS, seed=SEEDS, input_exponent=st.floats(-8.0, 2.0), bias_exponent=st.floats(-3.0, 6.0))
@settings(deadline=None)
def test_biases_stay_below_the_limit_and_keep_their_value(
    kind: str, seed: int, input_exponent: float, bias_exponent: float
) -> None:
    """However small the scales, a bias fits int32 with head room, and stands for its own value."""
    node = _weighted(kind, seed, bias_size=10.0**bias_exponent, dead=True)
    input_scale = 10.0**input_exponent
    weights = quantize_weights(node, input_scale)
    assert node.bias is not None
    assert kind != "dense" or len(set(weights.scales.tolist())) == 1
    step = weights.scales.astype(np.float64) * input_scale
    assert np.abs(weights.bias.astype(np.int64)).max() <= BIAS_LIMIT * (1 + 1e-6)
    assert (np.abs(weights.bias * step - node.bias) <= step * 0.5 * (1 + 1e-6)).all()


def test_a_dead_channel_raises_its_own_scale_only() -> None:
    """A channel of zeros has any scale: the one that its bias needs, while the others keep theirs."""
    node = _weighted("conv", 1, dead=True)
    weights = quantize_weights(node, 1e-3)
    others = [0, 1, 3, 4, 5]
    assert node.kernel is not None
    np.testing.assert_array_equal(
        weights.scales[others], weight_scales(node.kernel, per_channel=True)[others]
    )
    assert weights.scales[2] > 1e-8


def test_a_missing_bias_is_zero() -> None:
    """The kernels want a bias tensor in any case."""
    node = Node("dense", "dense", ("input",), np.ones((3, 2), np.float32))
    assert quantize_weights(node, 0.1).bias.tolist() == [0, 0]


@pytest.mark.parametrize("mean", [0.0, 127.0, 127.5, 255.0])
def test_the_input_grid_is_the_pixel_minus_128(mean: float) -> None:
    """Scale 1, and real zero at the pixel that pads the border."""
    graph = replace(Sketch().graph("input"), normalisation=Normalisation((mean,) * 3, (1.0,) * 3))
    grid = input_grid(graph)
    assert grid.scale == 1.0
    assert QMIN <= grid.zero_point <= QMAX
    assert abs(grid.zero_point + 128 - mean) <= 0.5


def test_operators_that_only_move_values_share_one_grid() -> None:
    """A pool, a padding, a concatenation or a reshape neither rescales nor shifts: one grid from end to end."""
    sketch = Sketch()
    left = sketch.pool("max_pool", "most", sketch.conv("a", "input", 4))
    right = sketch.pool("average_pool", "middle", sketch.conv("b", "input", 4))
    row = sketch.flat("row", sketch.pad("pad", sketch.concat("join", left, right)))
    graph = sketch.graph(sketch.dense("logits", row, 3))
    ranges = {"a": (-1.0, 2.0), "b": (-5.0, 1.0), "logits": (-1.0, 1.0), "join": (-3.0, 3.0)}
    grids = grids_from_ranges(graph, ranges)
    shared = {grids[name] for name in ("a", "b", "most", "middle", "join", "pad", "row")}
    assert shared == {grid_from_range(-5.0, 3.0)}
    assert grids["logits"] == grid_from_range(-1.0, 1.0)
    assert grids["input"] == Grid(1.0, -1)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=50)
def test_shared_grids_are_shared_whatever_the_graph(seed: int) -> None:
    """In random graphs, every operator of that kind has the grid of each of its inputs, and gates their fixed one."""
    random = np.random.default_rng(seed)
    sketch = Sketch(seed=int(seed))
    names = [sketch.conv("first", "input", 4)]
    for number in range(8):
        first, second = (names[int(index)] for index in random.integers(0, len(names), 2))
        kind = ["conv", "relu", "concat", "logistic", "pad"][int(random.integers(5))]
        name = f"{kind}{number}"
        if kind == "conv":
            names.append(sketch.conv(name, first, 4))
        elif kind == "concat" and sketch.shapes[first][1:3] == sketch.shapes[second][1:3]:
            names.append(sketch.concat(name, first, second))
        elif kind == "pad":
            names.append(sketch.pad(name, first))
        elif kind in {"relu", "logistic"}:
            names.append(sketch.same(kind, name, first))
    graph = sketch.graph(names[-1])
    ranges = {name: (-float(random.uniform(0, 5)), float(random.uniform(0.1, 5))) for name in names}
    grids = grids_from_ranges(graph, ranges)
    assert set(grids) == set(graph.shapes)
    for node in graph.nodes:
        if node.kind in SHARED_GRID:
            assert {grids[name] for name in node.inputs} == {grids[node.name]}
        if node.kind in FIXED_GRIDS:
            assert grids[node.name] == FIXED_GRIDS[node.kind]


def test_every_operator_with_weights_gets_integers() -> None:
    """The quantised graph has a grid per tensor and integers per kernel, biases at the input's scale."""
    sketch = Sketch()
    graph = sketch.graph(sketch.dense("logits", sketch.mean("mean", sketch.conv("conv", "input", 4)), 3))
    quantized = quantize_graph(graph, {"conv": (-1.0, 1.0), "mean": (-0.5, 0.5), "logits": (-2.0, 2.0)})
    assert set(quantized.weights) == {"conv", "logits"}
    assert set(quantized.grids) == set(graph.shapes)
    wanted = quantize_weights(graph.nodes[-1], quantized.grids["mean"].scale)
    np.testing.assert_array_equal(quantized.weights["logits"].bias, wanted.bias)
