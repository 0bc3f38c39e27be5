"""The quantised graph as a scheme of TensorFlow's Model Optimization Toolkit: one row per kind of layer.

The toolkit's own 8-bit scheme refuses this network (it has no row for ``Multiply``) and begins from ranges that it has
not seen. Here every layer is rounded where the int8 kernel of its operator rounds, on the grid that calibration gave it:

* weights live in units of their own rounding step, biases as a change in steps of the layer's output, and a grid as a
  change of its (log) scale and its zero point, so that one learning rate suits them all and no change is no change;
* a sigmoid keeps its 1/256, the input its pixels, and tensors that must share a grid keep the shared one.

Importing this module imports TensorFlow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.keras import import_tfmot
from edge_effnet.quantize.kernels import accumulator_unit
from edge_effnet.quantize.quantizers import BiasQuantizer, GridQuantizer, KernelQuantizer, WeightQuantizer
from edge_effnet.quantize.scheme import FIXED_GRIDS, SHARED_GRID, WEIGHT_MAX
from edge_effnet.quantize.twin import INPUT_LAYER, layer_name

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["EfficientNetScheme", "LayerRow", "layer_rows"]

tfmot: Any = import_tfmot()


_ONCE: Final = frozenset({"dense", "logistic", "softmax"})
"""Operators whose kernel rounds a real number once; an average of codes, in contrast, has many exact halves."""

_HARDLY: Final = 2.0**-31
"""A unit, in steps of the output, that rounds nothing by itself."""


@dataclass(frozen=True)
class LayerRow:
    """How the layers of one operator kind are rounded.

    Attributes:
        weights: Whether it has a kernel and a bias.
        channel_axis: Of the kernel, the axis of the output channels.
        kernel: Name of the Keras layer's kernel.
        per_channel: Whether every output channel has a scale of its own; a dense layer has one in all.
        output: Whether its output is rounded; the int8 kernels of the others only move codes.
    """

    weights: bool = False
    channel_axis: int = -1
    kernel: str = "kernel"
    per_channel: bool = True
    output: bool = True


_ROWS: Final[dict[str, LayerRow]] = {
    "conv": LayerRow(weights=True),
    "depthwise": LayerRow(weights=True, channel_axis=2, kernel="depthwise_kernel"),
    "dense": LayerRow(weights=True, per_channel=False),
    "logistic": LayerRow(),
    "hard_swish": LayerRow(),
    "mul": LayerRow(),
    "add": LayerRow(),
    "mean": LayerRow(),
    "softmax": LayerRow(),
    "average_pool": LayerRow(),
    "concat": LayerRow(output=False),
    "max_pool": LayerRow(output=False),
    "pad": LayerRow(output=False),
    "reshape": LayerRow(output=False),
    "relu": LayerRow(output=False),
}


def layer_rows() -> dict[str, LayerRow]:
    """Return operator kind -> row; every kind that the frozen graph knows has one."""
    return dict(_ROWS)


class _Config(tfmot.QuantizeConfig):  # type: ignore[misc]  # the toolkit has no types
    """What the toolkit asks of a layer."""

    def __init__(self, row: LayerRow, weights: list[Any], output: Any) -> None:
        self.row, self.weights, self.output = row, weights, output

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        if not self.row.weights:
            return []
        return list(zip((getattr(layer, self.row.kernel), layer.bias), self.weights, strict=True))

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        del layer  # a clamp is part of the kernel: only what comes out of it is rounded
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        if self.row.weights:
            setattr(layer, self.row.kernel, quantize_weights[0])
            layer.bias = quantize_weights[1]

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        del layer, quantize_activations

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        del layer
        return [self.output] if self.row.output else []

    def get_config(self) -> dict[str, Any]:
        return {"row": self.row, "weights": self.weights, "output": self.output}


class _Registry(tfmot.QuantizeRegistry):  # type: ignore[misc]  # the toolkit has no types
    """Layer -> how it is rounded."""

    def __init__(self, quantized: QuantizedGraph, *, learn_grids: bool, exact: bool) -> None:
        graph = quantized.graph
        self._quantized, self._learn, self._exact = quantized, learn_grids, exact
        self._nodes = {layer_name(node.name): node for node in graph.nodes}
        self._fixed = _fixed_tensors(graph)

    def supports(self, layer: Any) -> bool:
        """Say whether a layer is one of the graph's."""
        return layer.name == INPUT_LAYER or layer.name in self._nodes

    def get_quantize_config(self, layer: Any) -> Any:
        """Return the configuration of a layer."""
        if layer.name == INPUT_LAYER:
            return _Config(LayerRow(), [], self._entry())
        node = self._nodes[layer.name]
        row = _ROWS[node.kind]
        return _Config(row, self._weights(node, row), self._output(node))

    def _entry(self) -> GridQuantizer | KernelQuantizer:
        name = self._quantized.graph.input_name
        return KernelQuantizer(self._quantized.grids[name], None, 1) if self._exact else self._moving(name)

    def _output(self, node: Node) -> GridQuantizer | KernelQuantizer:
        return self._exactly(node) if self._exact else self._moving(node.name)

    def _exactly(self, node: Node) -> KernelQuantizer:
        grids, weights = self._quantized.grids, self._quantized.weights.get(node.name)
        shape = self._quantized.graph.shapes[node.inputs[0]]
        summed = math.prod(shape[1:3]) if node.kind == "mean" else 1
        scales = None if weights is None else weights.scales
        given = [grids[name] for name in node.inputs]
        unit = accumulator_unit(node, given, grids[node.name], scales, summed=summed)
        if unit is None and node.kind in _ONCE:
            unit = grids[node.name].scale * _HARDLY
        return KernelQuantizer(grids[node.name], unit, summed)

    def _moving(self, tensor: str) -> GridQuantizer:
        return GridQuantizer(self._quantized.grids[tensor], learn=self._learn and tensor not in self._fixed)

    def _weights(self, node: Node, row: LayerRow) -> list[Any]:
        if not row.weights:
            return []
        scales = self._quantized.weights[node.name].scales
        bias = real_bias(self._quantized, node)
        return [
            WeightQuantizer(scales, row.channel_axis, len(scales) if row.per_channel else 1),
            BiasQuantizer(bias, self._quantized.grids[node.name].scale),
        ]


def real_bias(quantized: QuantizedGraph, node: Node) -> Any:
    """Return what the integers of a bias stand for, ``(out,) float64``."""
    weights, step = quantized.weights[node.name], quantized.grids[node.inputs[0]].scale
    return weights.bias * (weights.scales.astype(np.float64) * step)


def _fixed_tensors(graph: Graph) -> set[str]:
    """Return the tensors whose grid is not free: the kernel's own, the input's, and those that share one."""
    shared = {name for node in graph.nodes if node.kind in SHARED_GRID for name in (node.name, *node.inputs)}
    return shared | {graph.input_name} | {node.name for node in graph.nodes if node.kind in FIXED_GRIDS}


class _CodesLayout(tfmot.QuantizeLayoutTransform):  # type: ignore[misc]  # the toolkit has no types
    """The layout transform: weights in units of their rounding step, biases as a change."""

    def __init__(self, quantized: QuantizedGraph) -> None:
        self._quantized = quantized

    def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Give the layers of a folded model their first values."""
        for node in self._quantized.graph.nodes:
            if node.kernel is not None:
                model.get_layer(layer_name(node.name)).set_weights(first_values(self._quantized, node))
        return model, layer_quantize_map


def first_values(quantized: QuantizedGraph, node: Node) -> list[Any]:
    """Return kernel, in steps and not yet rounded, and change of the bias that a layer begins with."""
    assert node.kernel is not None  # noqa: S101 - the caller has looked
    scales = quantized.weights[node.name].scales
    spread = scales[:, None] if node.kind == "depthwise" else scales
    codes = np.clip(node.kernel / spread, -WEIGHT_MAX, WEIGHT_MAX)
    return [codes.astype(np.float32), np.zeros(scales.shape, np.float32)]


class EfficientNetScheme(tfmot.QuantizeScheme):  # type: ignore[misc]  # the toolkit has no types
    """What `quantize_apply` is given.

    Args:
        quantized: Grids and integers that training begins from.
        learn_grids: Whether grids move.
        exact: Round as the reference kernels do, to the last bit; without gradients.
    """

    def __init__(self, quantized: QuantizedGraph, *, learn_grids: bool = True, exact: bool = False) -> None:
        self._quantized, self._learn, self._exact = quantized, learn_grids, exact

    def get_layout_transformer(self) -> _CodesLayout:
        """Return the layout transform."""
        return _CodesLayout(self._quantized)

    def get_quantize_registry(self) -> _Registry:
        """Return the registry."""
        return _Registry(self._quantized, learn_grids=self._learn, exact=self._exact)
