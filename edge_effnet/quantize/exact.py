"""Run a quantised graph with the codes that the int8 reference kernels give, bit for bit.

Every operator takes and gives real values on the grids, and computes on integers in between. Convolutions multiply codes
by integer weights: in float32 that is exact as long as no sum of products can reach 2**24, which is looked up for each
operator from its weights; where one could, it is computed in float64. (Convolving real values in float32 would put the
accumulator off by a unit now and then, and the rounding with it.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.execute import run_node
from edge_effnet.quantize.kernels import (
    accumulator_unit,
    hard_swish_steps,
    product_unit,
    rescale,
    round_half_away,
    round_quotient,
    sum_of_two,
)
from edge_effnet.quantize.scheme import QMAX, QMIN, Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.execute import NodeFunction
    from edge_effnet.quantize.scheme import QuantizedGraph, QuantizedWeights

    Doubles: TypeAlias = npt.NDArray[np.float64]

__all__ = ["kernel_runner"]

Tensor = Any

_EXACT_BELOW: Final = 2**24
"""float32 holds every integer up to here."""


class _Part:
    """What a row of the table knows about an operator.

    Attributes:
        node: The operator.
        grids: Grids of its inputs.
        grid: Grid of its output.
        weights: Its integers, if it has any.
    """

    def __init__(self, quantized: QuantizedGraph, node: Node) -> None:
        self.node, self.grid = node, quantized.grids[node.name]
        self.grids = [quantized.grids[name] for name in node.inputs]
        self.weights = quantized.weights.get(node.name)

    @property
    def scale(self) -> float:
        """What one step of the output stands for."""
        return self.grid.scale


def kernel_runner(quantized: QuantizedGraph, node: Node) -> NodeFunction:
    """Return one operator as the int8 reference kernel computes it; its result has no useful gradient."""
    tf = import_tensorflow()
    part = _Part(quantized, node)
    compute = _ROWS.get(node.kind, _copied)(part)
    low, high = _limits(node, part.grid)

    def run(inputs: Sequence[Tensor]) -> Tensor:
        steps = [tf.round(value / grid.scale) for value, grid in zip(inputs, part.grids, strict=True)]
        return tf.clip_by_value(tf.cast(compute(steps), tf.float32), low, high) * np.float32(part.scale)

    return run


def _limits(node: Node, grid: Grid) -> tuple[float, float]:
    """Return the smallest and largest ``code - zero point`` behind the fused activation."""
    low, high = QMIN - grid.zero_point, QMAX - grid.zero_point
    if node.activation != "none":
        low = max(low, 0)
    if node.activation == "relu6":
        high = min(high, int(np.floor(6.0 / grid.scale + 0.5)))
    return float(low), float(high)


def _copied(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    return lambda steps: run_node(part.node, steps, activate=False)


def _weighted(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    """Convolutions and dense layers: integers times integers, an int32 bias, and one multiplication at the end."""
    tf = import_tensorflow()
    assert part.weights is not None  # noqa: S101 - kinds in this row have weights
    kernel = tf.constant(_integers(part.node, part.weights))  # int8 between runs: a quarter of the memory
    bias = part.weights.bias.astype(np.float64)
    exact = tf.float32 if _largest_sum(part.weights, part.grids[0]) < _EXACT_BELOW else tf.float64
    unit = accumulator_unit(part.node, part.grids, part.grid, part.weights.scales)
    once = part.grids[0].scale * part.weights.scales.astype(np.float64) / part.scale

    def compute(steps: list[Tensor]) -> Tensor:
        weights = (tf.cast(kernel, exact), None)
        sums = run_node(part.node, [tf.cast(steps[0], exact)], weights, activate=False)
        accumulator = tf.cast(sums, tf.float64) + bias
        return round_half_away(accumulator * once) if unit is None else rescale(accumulator, unit, part.scale)

    return compute


def _integers(node: Node, weights: QuantizedWeights) -> npt.NDArray[np.int8]:
    """Return the kernel's codes in the operator's own layout."""
    return weights.kernel[..., np.newaxis] if node.kind == "depthwise" else weights.kernel


def _largest_sum(weights: QuantizedWeights, grid: Grid) -> int:
    """Return what no partial sum of an output's products can exceed."""
    kernel = np.abs(weights.kernel.astype(np.int64)).reshape(-1, weights.kernel.shape[-1])
    return int(kernel.sum(axis=0).max()) * max(QMAX - grid.zero_point, grid.zero_point - QMIN)


def _product(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    tf = import_tensorflow()
    unit = product_unit(part.grids[0].scale, part.grids[1].scale, part.scale)
    return lambda steps: rescale(tf.cast(steps[0] * steps[1], tf.float64), unit, part.scale)


def _sum(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    tf = import_tensorflow()
    scales = [grid.scale for grid in part.grids]
    return lambda steps: sum_of_two([tf.cast(one, tf.float64) for one in steps], scales, part.scale)


def _mean(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    tf = import_tensorflow()

    def compute(steps: list[Tensor]) -> Tensor:
        total = tf.reduce_sum(tf.cast(steps[0], tf.float64), (1, 2), keepdims=True)
        count = int(steps[0].shape[1]) * int(steps[0].shape[2])
        return rescale(total, part.grids[0].scale / count, part.scale, summed=count)

    return compute


def _average(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    tf = import_tensorflow()

    def compute(steps: list[Tensor]) -> Tensor:
        averages = run_node(part.node, steps, activate=False)
        return round_quotient(tf.cast(averages, tf.float64), part.grid.zero_point)

    return compute


def _clamped(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    tf = import_tensorflow()
    return lambda steps: rescale(tf.cast(steps[0], tf.float64), part.grids[0].scale, part.scale)


def _softmax(part: _Part) -> Callable[[list[Tensor]], Tensor]:
    tf = import_tensorflow()
    scale = part.grids[0].scale
    return lambda steps: round_half_away(tf.nn.softmax(tf.cast(steps[0], tf.float64) * scale) / part.scale)


def _looked_up(function: Callable[[npt.NDArray[np.int64], float, float], Doubles]) -> Any:
    """Return the row of an operator of one tensor: 256 results, computed once."""

    def row(part: _Part) -> Callable[[list[Tensor]], Tensor]:
        tf = import_tensorflow()
        lowest = QMIN - part.grids[0].zero_point
        inputs = np.arange(lowest, lowest + QMAX - QMIN + 1)
        table = tf.constant(function(inputs, part.grids[0].scale, part.scale), tf.float32)
        return lambda steps: tf.gather(table, tf.cast(steps[0], tf.int32) - lowest)

    return row


def _logistic_steps(steps: npt.NDArray[np.int64], input_scale: float, scale: float) -> Doubles:
    gates = 1.0 / (1.0 + np.exp(-steps * np.float64(input_scale)))
    rounded: Doubles = np.floor(gates / scale + 0.5)
    return rounded


_ROWS: Final[dict[str, Callable[[_Part], Callable[[list[Tensor]], Tensor]]]] = {
    "conv": _weighted,
    "depthwise": _weighted,
    "dense": _weighted,
    "mul": _product,
    "add": _sum,
    "mean": _mean,
    "average_pool": _average,
    "relu": _clamped,
    "softmax": _softmax,
    "logistic": _looked_up(_logistic_steps),
    "hard_swish": _looked_up(hard_swish_steps),
}
"""Operator kind -> how it is computed; kinds that are not here copy codes (max_pool, pad, concat, reshape)."""
