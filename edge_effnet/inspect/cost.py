"""What a model costs: multiply-accumulates by kind of operator, and bytes by layer."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from edge_effnet.inspect.kinds import INTEGER8, Operands, weighted_operands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_effnet.inspect.records import Model, Operator, Subgraph

__all__ = ["Cost", "Layer", "cost_from_model"]


@dataclass(frozen=True)
class Layer:
    """One operator and what it costs.

    Attributes:
        op_index: Its place in the graph.
        op: Its name.
        name: Name of its first output; the operator's name when it has none.
        shape: Shape of that output.
        macs: Multiply-accumulates of one run; 0 for operators that are not made of them.
        int8: Whether input, weights and output are 8-bit integers.
        size_bytes: Bytes of its constants that no operator before it owns.
    """

    op_index: int
    op: str
    name: str
    shape: tuple[int, ...]
    macs: int
    int8: bool
    size_bytes: int


@dataclass(frozen=True)
class Cost:
    """A model's cost, layer by layer.

    Attributes:
        layers: One per operator, in order.
        size_bytes: Size of the file.
        uncounted: Custom operators, whose work cannot be known.
    """

    layers: tuple[Layer, ...]
    size_bytes: int
    uncounted: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(layer.macs for layer in self.layers)

    @property
    def int8_macs(self) -> int:
        """Multiply-accumulates that are done on 8-bit integers."""
        return sum(layer.macs for layer in self.layers if layer.int8)

    @property
    def other_bytes(self) -> int:
        """Bytes of the file that belong to no layer: names, shapes, scales, metadata, files appended."""
        return max(self.size_bytes - sum(layer.size_bytes for layer in self.layers), 0)

    @property
    def operators(self) -> Mapping[str, int]:
        """Operator name -> how many, the commonest first."""
        return dict(Counter(layer.op for layer in self.layers).most_common())

    def macs_by_operator(self) -> Mapping[str, tuple[int, int]]:
        """Return operator name -> (all, on 8-bit integers), for those that are made of multiply-accumulates."""
        found: dict[str, tuple[int, int]] = {}
        for layer in self.layers:
            if layer.macs:
                total, int8 = found.get(layer.op, (0, 0))
                found[layer.op] = total + layer.macs, int8 + layer.macs * layer.int8
        return found


def _per_output(operands: Operands) -> int:
    """Each output element sums over the rest of its channel's weights (this also holds for grouped convolutions)."""
    return operands.output.elements * (math.prod(operands.weights.shape) // max(operands.channels, 1))


def _per_input(operands: Operands) -> int:
    """Each input element is multiplied by the kernel of every output channel: (out, h, w, in) over in."""
    return operands.input.elements * math.prod(operands.weights.shape[:3])


_COUNTS: Mapping[str, Callable[[Operands], int]] = MappingProxyType(
    {
        "CONV_2D": _per_output,
        "DEPTHWISE_CONV_2D": _per_output,
        "FULLY_CONNECTED": _per_output,
        "TRANSPOSE_CONV": _per_input,
    }
)


def _matrix_product(graph: Subgraph, operator: Operator) -> tuple[int, bool]:
    """Return the multiply-accumulates of (…, rows, depth) @ (…, depth, columns), and whether it is 8-bit."""
    left, right = graph.operand(operator, 0), graph.operand(operator, 1)
    if left is None or right is None or not operator.outputs or len(left.shape) < 2:
        return 0, False
    output = graph.results(operator)[0]
    depth = abs(left.shape[-2 if (operator.options.transposed or (False,))[0] else -1])
    return output.elements * depth, {left.type, right.type, output.type} <= INTEGER8


def _work(graph: Subgraph) -> Mapping[int, tuple[int, bool]]:
    """Return operator index -> (multiply-accumulates, whether on 8-bit integers)."""
    found = {
        operands.operator.index: (
            _COUNTS[operands.operator.builtin](operands),
            {operands.input.type, operands.weights.type, operands.output.type} <= INTEGER8,
        )
        for operands in weighted_operands(graph)
    }
    products = (operator for operator in graph.operators if operator.builtin == "BATCH_MATMUL")
    return {**found, **{operator.index: _matrix_product(graph, operator) for operator in products}}


def cost_from_model(model: Model) -> Cost:
    """Count the graph that runs; an open dimension counts once.

    Multiplications of SE gates, residual sums and poolings are not multiply-accumulates, as in the published figures.
    """
    graph = model.main
    work = _work(graph)
    owned: set[int] = set()
    layers = []
    for operator in graph.operators:
        constants = {tensor.buffer: tensor.size_bytes for tensor in graph.operands(operator)}
        results = graph.results(operator)
        macs, int8 = work.get(operator.index, (0, all(t.type in INTEGER8 for t in results)))
        layers.append(
            Layer(
                op_index=operator.index,
                op=operator.name,
                name=results[0].name if results else operator.name,
                shape=results[0].shape if results else (),
                macs=macs,
                int8=int8,
                size_bytes=sum(size for buffer, size in constants.items() if buffer not in owned)
                + int(operator.custom_options.nbytes),
            )
        )
        owned.update(constants)
    custom = sum(operator.kind != "builtin" for operator in graph.operators)
    return Cost(tuple(layers), model.size_bytes, custom)
