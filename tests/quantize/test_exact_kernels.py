"""quantize.exact: one operator at a time against the int8 reference kernels, on random integers, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_graphs import FOLDED, pictures, small_mbconv

from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.models.graph import Graph, Node, NodeKind
from edge_effnet.quantize.exact import kernel_runner
from edge_effnet.quantize.execute import input_values, quantized_function, run_node
from edge_effnet.quantize.kernels import accumulator_unit, round_as_kernel
from edge_effnet.quantize.scheme import (
    FIXED_GRIDS,
    QMAX,
    QMIN,
    SHARED_GRID,
    Grid,
    QuantizedGraph,
    QuantizedWeights,
    grid_from_range,
    quantize_weights,
)

if TYPE_CHECKING:
    from collections.abc import Callable

tensorflow = pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")

SEEDS = st.integers(0, 2**32 - 1)
EXAMPLES = settings(deadline=None, max_examples=12)
SHAPE = (1, 9, 8, 5)
Draws = np.random.Generator


def _conv(draws: Draws) -> Node:
    side = int(draws.choice([1, 3]))
    kernel = draws.normal(0, 1, (side, side, 5, 11)) * draws.lognormal(0, 1.5, 11)
    return _weighted("conv", kernel, 11, draws)


def _depthwise(draws: Draws) -> Node:
    side = int(draws.choice([3, 5]))
    kernel = draws.normal(0, 1, (side, side, 5, 1)) * draws.lognormal(0, 1.5, (5, 1))
    return _weighted("depthwise", kernel, 5, draws)


def _dense(draws: Draws) -> Node:
    return _weighted("dense", draws.normal(0, 1, (5, 300)), 300, draws)


def _weighted(kind: Any, kernel: np.ndarray, out: int, draws: Draws) -> Node:
    return Node(
        kind, "node", ("input",), kernel.astype(np.float32), draws.normal(0, 1, out).astype(np.float32),
        strides=(1, 1) if kind == "dense" else (int(draws.choice([1, 2])),) * 2,
        padding=str(draws.choice(["same", "valid"])), activation=draws.choice(["none", "relu", "relu6"]),
    )  # fmt: skip


def _pool(kind: Any) -> Callable[[Draws], Node]:
    def draw(draws: Draws) -> Node:
        window, stride = int(draws.choice([2, 3, 4])), int(draws.choice([1, 2]))
        padding = str(draws.choice(["same", "valid"]))
        return Node(kind, "node", ("input",), window=(window,) * 2, strides=(stride,) * 2, padding=padding)

    return draw


def _plain(
    kind: Any, *inputs: str, activations: tuple[str, ...] = ("none",), **more: Any
) -> Callable[[Draws], Node]:
    return lambda draws: Node(kind, "node", inputs, activation=str(draws.choice(activations)), **more)


_CLAMPS = ("none", "relu", "relu6")
CASES: dict[str, Callable[[Draws], Node]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "logistic": _plain("logistic", "input"),
    "hard_swish": _plain("hard_swish", "input"),
    "mul": _plain("mul", "input", "other", activations=_CLAMPS),
    "add": _plain("add", "input", "other", activations=_CLAMPS),
    "mean": _plain("mean", "input"),
    "max_pool": _pool("max_pool"),
    "average_pool": _pool("average_pool"),
    "concat": _plain("concat", "input", "other"),
    "pad": _plain("pad", "input", padding=((1, 2), (0, 3))),
    "relu": _plain("relu", "input", activations=("relu", "relu6")),
    "softmax": _plain("softmax", "input"),
    "reshape": _plain("reshape", "input"),
}
"""Operator kind -> draws one; ``other`` is a second tensor, which a convolution makes of the input."""

FLAT = frozenset({"dense", "softmax"})


def _random_grid(draws: Draws) -> Grid:
    return Grid(float(np.float32(np.exp(draws.uniform(-6, 1)))), int(draws.integers(QMIN, QMAX + 1)))


def _grid_for(kind: str, draws: Draws, given: Grid, reals: np.ndarray) -> Grid:
    """Draw the output's grid: of its values' range, or narrower, so that codes are clipped, or wider."""
    if kind in SHARED_GRID:
        return given
    if kind in FIXED_GRIDS:
        return FIXED_GRIDS[kind]
    stretch = np.exp(draws.uniform(-2.5, 1.0))
    grid = grid_from_range(float(reals.min()) * stretch, float(reals.max()) * stretch)
    # The kernel of a hard swish refuses an output that is more than 128 times finer than its input.
    finest = given.scale / 100.0 if kind == "hard_swish" else 0.0
    return replace(grid, scale=float(np.float32(max(grid.scale, finest))))


def _drawn(kind: str, seed: int, *, clamped: bool = True) -> tuple[QuantizedGraph, np.ndarray]:
    """Return a network of one operator (and the convolution before its second input), and codes for its input."""
    draws = np.random.default_rng(seed)
    shape = (1, 5) if kind in FLAT else SHAPE
    grids = {"input": _random_grid(draws)}
    codes = draws.integers(QMIN, QMAX + 1, shape).astype(np.int8)
    tensors = {
        "input": ((codes.astype(np.float64) - grids["input"].zero_point) * grids["input"].scale).astype(
            np.float32
        )
    }
    node = CASES[kind](draws)
    if not clamped and kind != "relu":
        node = replace(node, activation="none")
    nodes = [node]
    if "other" in node.inputs:
        kernel = draws.normal(0, 1, (1, 1, 5, 5)).astype(np.float32)
        nodes.insert(0, Node("conv", "other", ("input",), kernel, np.zeros(5, np.float32), padding="same"))
    for one in nodes:
        reals = np.asarray(run_node(one, [tensorflow.constant(tensors[name]) for name in one.inputs]))
        shared = kind == "concat" and one.name == "other"
        grids[one.name] = grids["input"] if shared else _grid_for(one.kind, draws, grids["input"], reals)
        tensors[one.name] = reals
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    graph = Graph("one", "input", shape[1], FOLDED, tuple(nodes), shapes, "node")
    weights = {
        one.name: quantize_weights(one, grids[one.inputs[0]].scale) for one in nodes if one.kernel is not None
    }
    return QuantizedGraph(graph, grids, weights), codes


def _reference(quantized: QuantizedGraph, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the codes of every tensor as the reference kernels give them."""
    interpreter = litert.Interpreter(
        model_content=tflite_from_quantized(quantized),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], codes)
    interpreter.invoke()
    wanted = {"input", *(node.name for node in quantized.graph.nodes)}
    return {
        detail["name"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["name"] in wanted
    }


def _reals(grid: Grid, codes: np.ndarray) -> Any:
    return tensorflow.constant(((codes.astype(np.float64) - grid.zero_point) * grid.scale).astype(np.float32))


def _codes(grid: Grid, reals: Any) -> np.ndarray:
    return np.rint(np.asarray(reals, np.float64) / grid.scale).astype(int) + grid.zero_point


def test_every_kind_has_a_case() -> None:
    """A kind without one would be a kind without a proof."""
    assert set(CASES) == set(get_args(NodeKind))


@pytest.mark.parametrize("kind", sorted(CASES))
@given(seed=SEEDS)
@EXAMPLES
def test_an_operator_gives_the_codes_of_the_reference_kernel(kind: str, seed: int) -> None:
    """Random codes, weights, grids, strides and clamps: every code is equal, given equal codes."""
    quantized, codes = _drawn(kind, seed)
    found = _reference(quantized, codes)
    for node in quantized.graph.nodes:
        inputs = [_reals(quantized.grids[name], found[name]) for name in node.inputs]
        mine = _codes(quantized.grids[node.name], kernel_runner(quantized, node)(inputs))
        np.testing.assert_array_equal(
            mine.reshape(found[node.name].shape), found[node.name], err_msg=node.kind
        )


ROUNDED = ("conv", "depthwise", "dense", "mul", "add", "mean", "average_pool", "relu")


@pytest.mark.parametrize("kind", ROUNDED)
@given(seed=SEEDS)
@EXAMPLES
def test_real_values_are_rounded_as_the_kernel_rounds_its_accumulator(kind: str, seed: int) -> None:
    """A graph that computes in float32 need only round with `round_as_kernel`: 999 codes of 1,000 are equal, at least.

    What is left over is float32's: a sum that ends up on the other side of a half. No code is more than one off.
    """
    quantized, codes = _drawn(kind, seed, clamped=False)
    found, node = _reference(quantized, codes), quantized.graph.nodes[-1]
    grids, grid = [quantized.grids[name] for name in node.inputs], quantized.grids[node.name]
    weights = quantized.weights.get(node.name)
    count = SHAPE[1] * SHAPE[2] if kind == "mean" else 1
    unit = accumulator_unit(node, grids, grid, None if weights is None else weights.scales, summed=count)
    reals = run_node(
        node,
        [_reals(grid, found[name]) for grid, name in zip(grids, node.inputs, strict=True)],
        None if weights is None else _float_weights(weights, grids[0], node),
    )
    rounded = round_as_kernel(reals, grid, unit, summed=count)
    assert rounded.dtype == tensorflow.float32
    steps = np.abs(_codes(grid, rounded).reshape(-1) - found[node.name].reshape(-1).astype(int))
    assert steps.max() <= 1
    assert np.count_nonzero(steps) <= max(1, steps.size // 1000)


def _float_weights(weights: QuantizedWeights, grid: Grid, node: Node) -> tuple[np.ndarray, np.ndarray]:
    kernel = (weights.kernel * weights.scales).astype(np.float32)
    bias = weights.bias * (weights.scales.astype(np.float64) * grid.scale)
    return kernel[..., np.newaxis] if node.kind == "depthwise" else kernel, bias.astype(np.float32)


def test_rounding_once_is_not_what_the_kernels_do() -> None:
    """The comparison can fail: with one rounding, codes of a mean and of a convolution differ by one here and there."""
    apart = {"mean": 0, "conv": 0}
    for kind in apart:
        for seed in range(12):
            quantized, codes = _drawn(kind, seed)
            found, node = _reference(quantized, codes), quantized.graph.nodes[-1]
            grid = quantized.grids[node.name]
            weights = quantized.weights.get(node.name)
            real = None if weights is None else _float_weights(weights, quantized.grids["input"], node)
            values = run_node(node, [_reals(quantized.grids["input"], found["input"])], real)
            apart[kind] += np.count_nonzero(
                _codes(grid, round_as_kernel(values, grid, None)) != found[node.name]
            )
    assert all(count > 0 for count in apart.values()), apart


def test_sums_that_float32_cannot_hold_are_exact_all_the_same() -> None:
    """3,000 weights of about 127 on inputs of up to 255 steps reach 80 million, beyond 2**24; a bias brings them back.

    One step of the output is one of the accumulator, so an error of one there is an error of one here.
    """
    draws = np.random.default_rng(3)
    codes = draws.integers(60, 128, (1, 3000)).astype(np.int8)
    kernel = draws.integers(120, 128, (3000, 40)).astype(np.int8)
    sums = (codes[0].astype(np.int64) + 128) @ kernel.astype(np.int64)
    wanted = draws.integers(-100, 101, 40)
    weights = QuantizedWeights(kernel, np.full(40, 0.5, np.float32), (wanted - sums).astype(np.int32))
    node = Node("dense", "node", ("input",), (kernel * 0.5).astype(np.float32), np.zeros(40, np.float32))
    graph = Graph("one", "input", 1, FOLDED, (node,), {"input": (1, 3000), "node": (1, 40)}, "node")
    grids = {"input": Grid(1.0, QMIN), "node": Grid(0.5, 0)}
    quantized = QuantizedGraph(graph, grids, {"node": weights})
    mine = _codes(grids["node"], kernel_runner(quantized, node)([_reals(grids["input"], codes)]))
    assert sums.min() > 2**24
    np.testing.assert_array_equal(mine[0], wanted)
    np.testing.assert_array_equal(_reference(quantized, codes)["node"][0], wanted)


def test_every_product_of_two_codes_is_that_of_the_kernel() -> None:
    """On the grids of a gate of B0 where the exact multiplier gives 8 of the 65,536 products another code."""
    grids = {"input": Grid(1.0, 0), "node": Grid(0.037418242543935776, -120)}
    given = {"value": Grid(0.049007661640644073, -122), "gate": Grid(0.00390625, -128)}
    codes = np.stack(np.meshgrid(np.arange(QMIN, QMAX + 1), np.arange(QMIN, QMAX + 1)), -1)[np.newaxis]
    nodes, weights = [], {}
    for channel, (name, grid) in enumerate(
        given.items()
    ):  # a convolution that passes one channel on, code by code
        kernel = np.zeros((1, 1, 2, 1), np.int8)
        kernel[0, 0, channel, 0] = 1
        zero = np.array([-grid.zero_point], np.int32)
        scale = np.array([grid.scale], np.float32)
        weights[name], grids[name] = QuantizedWeights(kernel, scale, zero), grid
        nodes.append(Node("conv", name, ("input",), kernel * scale, zero * scale))
    node = Node("mul", "node", ("value", "gate"))
    shapes = {"input": (1, 256, 256, 2), **dict.fromkeys((*given, "node"), (1, 256, 256, 1))}
    quantized = QuantizedGraph(
        Graph("one", "input", 256, FOLDED, (*nodes, node), shapes, "node"), grids, weights
    )
    found = _reference(quantized, codes.astype(np.int8))
    for channel, name in enumerate(given):
        np.testing.assert_array_equal(found[name][..., 0], codes[..., channel])
    inputs = [_reals(grids[name], found[name]) for name in node.inputs]
    np.testing.assert_array_equal(
        _codes(grids["node"], kernel_runner(quantized, node)(inputs)), found["node"]
    )


def test_a_whole_network_gives_the_codes_of_the_reference_kernels(tiny_quantized: QuantizedGraph) -> None:
    """Every tensor of every picture, one after the other without a correction in between: all codes are equal."""
    images = pictures(4, seed=9)
    values = tensorflow.constant(input_values(tiny_quantized.graph, images))
    mine = quantized_function(tiny_quantized, runner=kernel_runner)(values)
    assert [node.name for node in small_mbconv().nodes] == [node.name for node in tiny_quantized.graph.nodes]
    for index, picture in enumerate(images):
        found = _reference(tiny_quantized, (picture.astype(int) - 128).astype(np.int8)[np.newaxis])
        for name, codes in found.items():
            got = _codes(tiny_quantized.grids[name], mine[name][index])
            np.testing.assert_array_equal(got.reshape(-1), codes.reshape(-1), err_msg=name)
