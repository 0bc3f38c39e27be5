"""Batch norm re-estimated on a folded network: each layer's output gets the float network's mean and variance again.

Batch norm divides by statistics of the float network. Rounding changes what arrives at it, so its statistics are no
longer those of what it normalises. Folded, it is a gain and an offset of each output channel; re-estimating it is
choosing both anew, layer after layer, on what each really gets.

References:
    Sun et al., "Hybrid 8-bit Floating Point Training and Inference for Deep Neural Networks", 2019, section 3.2: batch
    norm re-tuned after quantization.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.quantize.execute import fake_quantize, input_values, integer_weights, run_node
from edge_effnet.quantize.scheme import QuantizedWeights
from edge_effnet.quantize.segments import last_uses

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.quantize.scheme import QuantizedGraph

    Floats = npt.NDArray[np.float32]

__all__ = ["reestimate"]

_LARGEST_GAIN: Final = 1.25
_LEAST_SPREAD: Final = 1e-6
"""A channel that hardly varies has no gain to be estimated."""


def reestimate(quantized: QuantizedGraph, folded: Graph, pixels: npt.NDArray[np.uint8]) -> QuantizedGraph:
    """Return a quantised graph whose layers have the float network's mean and variance on some pictures.

    Args:
        quantized: What is corrected; its integer kernels and its grids stay.
        folded: The float network with its normalisation folded in.
        pixels: ``(n, side, side, 3)``; all of them are in memory at the widest layer.
    """
    walk = _Walk(quantized, folded, pixels)
    for index, node in enumerate(quantized.graph.nodes):
        walk.take(index, node)
    return replace(quantized, weights=walk.weights)


class _Walk:
    """Both networks, side by side, operator by operator."""

    def __init__(self, quantized: QuantizedGraph, folded: Graph, pixels: npt.NDArray[np.uint8]) -> None:
        self._quantized, self._last = quantized, last_uses(folded)
        self._floats = {node.name: node for node in folded.nodes}
        values = input_values(folded, pixels)
        self._exact: dict[str, Any] = {folded.input_name: values}
        self._given: dict[str, Any] = {folded.input_name: values}
        self.weights = dict(quantized.weights)

    def take(self, index: int, node: Node) -> None:
        """Run an operator in both, correcting it on the way."""
        grids = self._quantized.grids
        twin = self._floats[node.name]
        exact = run_node(twin, [self._exact[name] for name in node.inputs], activate=False)
        inputs = [self._given[name] for name in node.inputs]
        if node.name in self.weights:
            step = grids[node.inputs[0]].scale
            given = run_node(
                node, inputs, integer_weights(node, self.weights[node.name], step), activate=False
            )
            factors = self._quantized.factors.get(node.name, np.float32(1))
            self.weights[node.name] = _corrected(self.weights[node.name], step, exact / factors, given)
            given = run_node(node, inputs, integer_weights(node, self.weights[node.name], step))
        else:
            given = run_node(node, inputs)
        self._exact[node.name] = run_node(twin, [self._exact[name] for name in node.inputs])
        self._given[node.name] = fake_quantize(given, grids[node.name])
        for name in set(node.inputs):
            if self._last[name] <= index:
                self._exact.pop(name, None)
                self._given.pop(name, None)


def _corrected(weights: QuantizedWeights, input_scale: float, wanted: Any, given: Any) -> QuantizedWeights:
    """Change scales and biases so that the outputs get the wanted mean and variance, channel by channel."""
    mean, spread = _moments(wanted)
    old_mean, old_spread = _moments(given)
    known = old_spread > _LEAST_SPREAD
    gain = np.where(known, spread / np.where(known, old_spread, 1.0), 1.0)
    gain = np.clip(gain, 1.0 / _LARGEST_GAIN, _LARGEST_GAIN)
    if np.unique(weights.scales).size == 1 and weights.scales.size > 1:
        gain = np.ones_like(gain)  # a dense layer has one scale for all of its outputs
    scales = (weights.scales * gain).astype(np.float32)
    unit = weights.scales.astype(np.float64) * input_scale
    bias = (weights.bias * unit - old_mean) * gain + mean
    return QuantizedWeights(
        weights.kernel, scales, np.rint(bias / (scales.astype(np.float64) * input_scale)).astype(np.int32)
    )


def _moments(values: Any) -> tuple[Floats, Floats]:
    rows = np.asarray(values).reshape(-1, values.shape[-1])
    return rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
