"""The quantised graph: which grid every tensor has, and the integers of every weight and bias.

The rules are those of the int8 kernels of TensorFlow Lite: activations asymmetric int8 per tensor, convolution weights
symmetric int8 per output channel in -127..127, dense weights per tensor, biases int32 at input scale x weight scale.

References:
    TensorFlow Lite 8-bit quantization specification.
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node

__all__ = [
    "FIXED_GRIDS",
    "SHARED_GRID",
    "Grid",
    "QuantizedGraph",
    "QuantizedWeights",
    "grid_from_range",
    "grids_from_ranges",
    "quantize_graph",
    "quantize_weights",
]

QMIN, QMAX, WEIGHT_MAX = -128, 127, 127
BIAS_LIMIT = 2**29
"""Largest |bias| in int32 codes: the accumulator needs head room above it (a dead channel's tiny scale breaks this)."""


@dataclass(frozen=True)
class Grid:
    """``real = scale * (code - zero_point)``, codes in -128..127."""

    scale: float
    zero_point: int

    @property
    def minimum(self) -> float:
        """Smallest real value on the grid."""
        return float(self.scale * (QMIN - self.zero_point))

    @property
    def maximum(self) -> float:
        """Largest real value on the grid."""
        return float(self.scale * (QMAX - self.zero_point))


FIXED_GRIDS: dict[str, Grid] = {"logistic": Grid(1 / 256, -128), "softmax": Grid(1 / 256, -128)}
"""Operator kind -> the output grid that its int8 kernel demands."""

SHARED_GRID = frozenset({"max_pool", "average_pool", "pad", "concat", "reshape", "relu"})
"""Operators whose int8 kernels neither rescale nor shift: output and inputs lie on one grid."""


@dataclass(frozen=True)
class QuantizedWeights:
    """Integers of one operator's weights: ``real kernel = kernel * scales``, ``real bias = bias * scales * input scale``."""

    kernel: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32]


@dataclass(frozen=True)
class QuantizedGraph:
    """A graph with a grid for every tensor and integers for every weight.

    Attributes:
        graph: The graph, with the weights that were rounded.
        grids: Grid of every tensor.
        weights: Integers of every operator that has weights.
        factors: Tensor -> what each of its channels must be multiplied by to be comparable with the float network's.
    """

    graph: Graph
    grids: dict[str, Grid]
    weights: dict[str, QuantizedWeights]
    factors: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)


def grid_from_range(minimum: float, maximum: float) -> Grid:
    """Return the asymmetric int8 grid of a range, widened to hold zero exactly."""
    low, high = min(float(minimum), 0.0), max(float(maximum), 0.0)
    scale = max((high - low) / (QMAX - QMIN), 1e-8)
    zero_point = int(np.clip(round(QMIN - low / scale), QMIN, QMAX))
    return Grid(float(np.float32(scale)), zero_point)


def weight_scales(kernel: npt.NDArray[np.float32], *, per_channel: bool) -> npt.NDArray[np.float32]:
    """Return the symmetric scale of every output channel (last axis), equal ones where ``per_channel`` is false."""
    magnitude = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
    if not per_channel:
        magnitude = np.full_like(magnitude, magnitude.max())
    return np.asarray(np.maximum(magnitude / WEIGHT_MAX, 1e-8), np.float32)


def channels_last(node: Node) -> npt.NDArray[np.float32]:
    """Return the kernel with its output channels on the last axis (depthwise keeps them on the third)."""
    assert node.kernel is not None  # noqa: S101 - callers ask only operators with weights
    return node.kernel[..., 0] if node.kind == "depthwise" else node.kernel


def quantize_weights(node: Node, input_scale: float) -> QuantizedWeights:
    """Round an operator's weights to nearest and its bias to int32.

    The scale of a dead channel is raised until its bias fits `BIAS_LIMIT`.
    """
    kernel = channels_last(node)
    scales = weight_scales(kernel, per_channel=node.kind != "dense")
    bias = np.zeros(kernel.shape[-1], np.float32) if node.bias is None else node.bias
    floor = np.abs(bias).astype(np.float64) / (BIAS_LIMIT * input_scale)
    if node.kind == "dense":
        floor = np.full_like(floor, floor.max())
    scales = np.maximum(scales, floor.astype(np.float32))
    codes = np.clip(np.rint(kernel / scales), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)
    bias_codes = np.rint(bias.astype(np.float64) / (scales.astype(np.float64) * input_scale))
    return QuantizedWeights(codes, scales, bias_codes.astype(np.int32))


def input_grid(graph: Graph) -> Grid:
    """Return the grid of raw pixels: code = pixel - 128 exactly; real 0 is the pixel that pads the border.

    SAME padding writes real zero, so the zero point sits on the (common, rounded) mean pixel.
    """
    return Grid(1.0, round(float(np.mean(graph.normalisation.mean))) - 128)


def grids_from_ranges(graph: Graph, ranges: dict[str, tuple[float, float]]) -> dict[str, Grid]:
    """Give every tensor its grid; tensors that must share one get the hull of their ranges."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.get(name, name) != name:
            name = root[name]
        return name

    for node in graph.nodes:
        if node.kind in SHARED_GRID:
            for tensor in node.inputs:
                root[find(tensor)] = find(node.name)
    groups: dict[str, list[str]] = {}
    for tensor in (graph.input_name, *(node.name for node in graph.nodes)):
        groups.setdefault(find(tensor), []).append(tensor)
    fixed = {node.name: FIXED_GRIDS[node.kind] for node in graph.nodes if node.kind in FIXED_GRIDS}
    fixed[graph.input_name] = input_grid(graph)
    grids: dict[str, Grid] = {}
    for members in groups.values():
        pinned = [fixed[name] for name in members if name in fixed]
        known = [ranges[name] for name in members if name in ranges]
        grid = (
            pinned[0]
            if pinned
            else grid_from_range(min(low for low, _ in known), max(high for _, high in known))
        )
        grids.update(dict.fromkeys(members, grid))
    return grids


def quantize_graph(
    graph: Graph,
    ranges: dict[str, tuple[float, float]],
    factors: dict[str, npt.NDArray[np.float32]] | None = None,
) -> QuantizedGraph:
    """Quantise a graph whose first convolution takes raw pixels (see `edge_effnet.models.fold`)."""
    grids = grids_from_ranges(graph, ranges)
    weights = {
        node.name: quantize_weights(node, grids[node.inputs[0]].scale)
        for node in graph.nodes
        if node.kernel is not None
    }
    return QuantizedGraph(graph, grids, weights, factors or {})
