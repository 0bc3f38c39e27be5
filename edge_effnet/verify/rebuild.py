"""From a .tflite file back to the quantised graph that it is: grids, integer weights, biases, from its bytes alone.

What `edge_effnet.quantize.execute` computes from the result is the fake-quant graph of this very file, whoever made it,
independent of the run that wrote it. One row per operator kind that our writer emits (`edge_effnet.verify.rows`); a file with anything else
is refused with the reason, because a graph that is nearly the file's proves nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.graph import Graph, Node
from edge_effnet.quantize.scheme import QMAX, QMIN, Grid, QuantizedGraph, QuantizedWeights
from edge_effnet.variants.place import layer_of, place_of
from edge_effnet.variants.spec import Normalisation
from edge_effnet.verify.rows import ROWS, NotRebuildable, constant_of, refusal

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.inspect import Model, Operator, Subgraph, Tensor
    from edge_effnet.models.graph import NodeKind

__all__ = ["Rebuilder", "Rebuilt", "grid_of", "only_graph", "outputs_last", "rebuild"]

_BOTH_INTERFACES: Final = 128
"""What a uint8 code is above the int8 code of the same value."""


@dataclass(frozen=True)
class Rebuilt:
    """The quantised graph of a file, and how pixels enter it.

    Attributes:
        quantized: Grids and integers as they stand in the file.
    """

    quantized: QuantizedGraph

    @property
    def output_grid(self) -> Grid:
        """Grid of the int8 output, before a change of its type at the border of the graph."""
        return self.quantized.grids[self.quantized.graph.output_name]

    def input_values(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return what the int8 input stands for, ``(n, height, width, 3)``, given raw RGB pixels of that shape."""
        graph = self.quantized.graph
        grid = self.quantized.grids[graph.input_name]
        mean, std = (
            np.asarray(side, np.float64) for side in (graph.normalisation.mean, graph.normalisation.std)
        )
        codes = np.clip(np.rint((pixels - mean) / std / grid.scale) + grid.zero_point, QMIN, QMAX)
        return np.asarray((codes - grid.zero_point) * grid.scale, np.float32)


def rebuild(model: Model) -> Rebuilt:
    """Rebuild the quantised graph of a full-integer file.

    Args:
        model: The file, as `edge_effnet.inspect.read_model` gives it.

    Raises:
        NotRebuildable: It holds an operator, an option or a number type outside the table; the message says which.
    """
    walker = Rebuilder(only_graph(model))
    return Rebuilt(QuantizedGraph(walker.run(), walker.grids, walker.weights))


def only_graph(model: Model) -> Subgraph:
    """Return the graph of a file that has one, with one input and one output; a feature map may stand behind the output.

    Raises:
        NotRebuildable: It has not.
    """
    graph = model.main
    features = [tensor for tensor in graph.output_tensors[1:] if len(tensor.shape) == 4]
    if len(model.subgraphs) != 1 or len(graph.inputs) != 1 or len(graph.outputs) != 1 + len(features[:1]):
        raise NotRebuildable("the model does not have one graph with one input and one output")
    return model.main


class Rebuilder:
    """Walks one subgraph; `edge_effnet.verify.rebuild_float` has what is different for float files."""

    def __init__(self, graph: Subgraph) -> None:
        self.graph = graph
        self.grids: dict[str, Grid] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.weights: dict[str, QuantizedWeights] = {}

    def run(self) -> Graph:
        """Read the borders, then every operator between them."""
        self.check_names()
        first, normalisation, before = self.entry()
        last, after = self.exit()
        self.activation(first)
        inner = [operator for operator in self.graph.operators if operator.index not in before | after]
        nodes = tuple(self.node(operator) for operator in inner)
        if last.name not in self.shapes:
            raise NotRebuildable("the output does not come out of the graph")
        side_px = first.shape[1] if len(first.shape) == 4 else 0
        return Graph("rebuilt", first.name, side_px, normalisation, nodes, self.shapes, last.name)

    def check_names(self) -> None:
        """Tensors are known by name, so names must be different."""
        written = [
            tensor.name for operator in self.graph.operators for tensor in self.graph.results(operator)
        ]
        twice = [name for name, count in Counter(written).items() if count > 1 or not name]
        if twice:
            raise NotRebuildable(f"two tensors have the same name, or none: {twice[0]!r}")

    def entry(self) -> tuple[Tensor, Normalisation, frozenset[int]]:
        """Return the int8 input, what it does to pixels, and the operators before it."""
        outer = self.graph.input_tensors[0]
        if outer.type == "INT8":
            return outer, _pixels_on(grid_of(outer)), frozenset()
        if outer.type == "UINT8":
            inner, border = self.follow(outer, "QUANTIZE")
            return inner, _pixels_on(_shifted(outer, inner)), frozenset({border})
        if outer.type != "FLOAT32":
            raise NotRebuildable(f"the input is {outer.type}, not INT8, UINT8 or FLOAT32")
        inner, border = self.follow(outer, "QUANTIZE")
        readers = self.graph.consumers.get(inner.index, ())
        if len(readers) != 1 or readers[0].builtin != "SUB":
            return inner, Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), frozenset({border})
        offset, subtraction = self.graph.operands(readers[0])[1], readers[0].index
        grid, codes = grid_of(offset), np.ravel(constant_of(self.graph, readers[0], 1))
        red, green, blue = np.broadcast_to(
            (codes.astype(np.float64) - grid.zero_point) * grid.scale, 3
        ).tolist()
        result = self.graph.results(readers[0])[0]
        return result, Normalisation((red, green, blue), (1.0, 1.0, 1.0)), frozenset({border, subtraction})

    def exit(self) -> tuple[Tensor, frozenset[int]]:
        """Return the int8 output, and the operators behind it and behind the feature map, if there are some."""
        scores, *features = [self.behind(outer) for outer in self.graph.output_tensors]
        return scores[0], frozenset().union(scores[1], *(borders for _, borders in features))

    def behind(self, outer: Tensor) -> tuple[Tensor, frozenset[int]]:
        """Return the int8 tensor that an output gives out, and the operator between them, if there is one."""
        if outer.type == "INT8":
            return outer, frozenset()
        writer = self.graph.producers.get(outer.index)
        wanted = {"UINT8": "QUANTIZE", "FLOAT32": "DEQUANTIZE"}.get(outer.type)
        if writer is None or writer.builtin != wanted:
            raise NotRebuildable(f"the output is {outer.type} and not behind a {wanted or 'known operator'}")
        inner = self.graph.operands(writer)[0]
        if outer.type == "UINT8":
            _shifted(outer, inner)
        return inner, frozenset({writer.index})

    def reader(self, tensor: Tensor) -> Operator:
        """Return the one operator that reads a tensor."""
        readers = self.graph.consumers.get(tensor.index, ())
        if len(readers) != 1:
            raise NotRebuildable(f"{len(readers)} operators read {tensor.name!r} at the border of the graph")
        return readers[0]

    def follow(self, tensor: Tensor, wanted: str) -> tuple[Tensor, int]:
        """Return what the one reader of a border tensor writes, and that reader's index."""
        operator = self.reader(tensor)
        result = self.graph.results(operator)[0]
        if operator.builtin != wanted or result.type != "INT8":
            raise refusal(operator, f"stands at the border instead of a {wanted} to INT8")
        return result, operator.index

    def activation(self, tensor: Tensor) -> str:
        """Note the grid and the shape of an activation; return its name."""
        if tensor.type != "INT8":
            raise NotRebuildable(f"tensor {tensor.name!r} is {tensor.type}, not INT8")
        self.grids[tensor.name], self.shapes[tensor.name] = grid_of(tensor), tensor.shape
        return tensor.name

    def node(self, operator: Operator) -> Node:
        """Read one operator."""
        row = ROWS.get(operator.builtin)
        if row is None:
            raise refusal(operator, "is not in the table of operators of the fake-quant graph")
        operands = self.graph.operands(operator)
        inputs = tuple(tensor.name for tensor in operands if not tensor.is_constant)
        unknown = [name for name in inputs if name not in self.shapes]
        if unknown or not inputs or len(operands) - len(inputs) > row.constants:
            raise refusal(
                operator, "reads a constant, or a tensor that nothing has written, as an activation"
            )
        name = self.activation(self.graph.results(operator)[0])
        fields = row.fields(self.graph, operator)
        if row.kind in {"conv", "depthwise", "dense"}:
            fields |= self.constants(operator, row.kind, name, inputs[0])
        block, part = place_of(layer_of(name))
        return Node(row.kind, name, inputs, layer=layer_of(name), block=block, part=part, **fields)

    def constants(self, operator: Operator, kind: NodeKind, name: str, source: str) -> dict[str, Any]:
        """Note the integers of an operator's weights; return the kernel and bias that they stand for."""
        weights = self.weights[name] = self.integers(operator, kind)
        return _reals(kind, weights, self.grids[source].scale)

    def integers(self, operator: Operator, kind: NodeKind) -> QuantizedWeights:
        """Read kernel and bias."""
        kernel, bias = self.graph.operand(operator, 1), self.graph.operand(operator, 2)
        codes = None if kernel is None else kernel.data()
        found = None if kernel is None else kernel.quantisation
        if codes is None or codes.dtype != np.int8 or found is None or found.zero_points.any():
            raise refusal(operator, "has weights that are not symmetric int8 constants")
        kept = outputs_last(kind, codes)
        biases = np.zeros(kept.shape[-1], np.int32) if bias is None else bias.data()
        if biases is None or biases.dtype != np.int32 or biases.shape != (kept.shape[-1],):
            raise refusal(operator, "has a bias that is not an int32 constant")
        if found.per_channel and found.scales.size != kept.shape[-1]:
            raise refusal(operator, "has scales that are not one per output channel")
        scales = np.broadcast_to(found.scales, (kept.shape[-1],)).astype(np.float32)
        return QuantizedWeights(kept, scales, biases)  # type: ignore[arg-type]  # both types are checked above


def grid_of(tensor: Tensor) -> Grid:
    """Return the grid of a tensor that has one scale."""
    if tensor.scale is None or tensor.zero_point is None:
        raise NotRebuildable(f"tensor {tensor.name!r} does not have one scale")
    return Grid(tensor.scale, tensor.zero_point)


def _shifted(outer: Tensor, inner: Tensor) -> Grid:
    """Return the int8 grid behind a uint8 interface whose codes differ by 128 and by nothing else."""
    wide, narrow = grid_of(outer), grid_of(inner)
    if (wide.scale, wide.zero_point) != (narrow.scale, narrow.zero_point + _BOTH_INTERFACES):
        raise NotRebuildable("the uint8 interface rescales instead of shifting by 128")
    return narrow


def _pixels_on(grid: Grid) -> Normalisation:
    """Return what a raw pixel stands for where int8 = pixel - 128."""
    mean, std = float(grid.zero_point + _BOTH_INTERFACES), 1.0 / grid.scale
    return Normalisation((mean, mean, mean), (std, std, std))


def outputs_last(kind: NodeKind, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Undo TensorFlow Lite's order of a kernel: OHWI, 1HWC, or (out, in)."""
    if kind == "conv":
        return np.ascontiguousarray(stored.transpose(1, 2, 3, 0))
    return stored[0] if kind == "depthwise" else np.ascontiguousarray(stored.T)


def _reals(kind: NodeKind, weights: QuantizedWeights, input_scale: float) -> dict[str, Any]:
    """Return the kernel and bias that the integers stand for, in the frozen graph's layout."""
    kernel = (weights.kernel * weights.scales).astype(np.float32)
    bias = (weights.bias * (weights.scales.astype(np.float64) * input_scale)).astype(np.float32)
    return {"kernel": kernel[..., np.newaxis] if kind == "depthwise" else kernel, "bias": bias}
