"""Which operators of TensorFlow Lite the fake-quant graph knows, one row each, and what of them it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.inspect import Operator, Subgraph
    from edge_effnet.models.graph import NodeKind

__all__ = ["ROWS", "NotRebuildable", "Row", "constant_of", "refusal"]

_ACTIVATIONS: Final = {None: "none", "NONE": "none", "RELU": "relu", "RELU6": "relu6"}


class NotRebuildable(DataError):  # noqa: N818 - it says what the file is, and compare turns it into a missing engine
    """The file holds something that the fake-quant graph has no row for."""


@dataclass(frozen=True)
class Row:
    """How an operator of TensorFlow Lite becomes a node.

    Attributes:
        kind: The node's kind.
        constants: How many operands, after the activations, are constants; -1 for any number.
        fields: Reads the node's other fields, or refuses the operator.
    """

    kind: NodeKind
    constants: int
    fields: Callable[[Subgraph, Operator], dict[str, Any]]


def refusal(operator: Operator, why: str) -> NotRebuildable:
    """Return the error that names an operator and what is wrong with it."""
    return NotRebuildable(f"operator {operator.index}, {operator.name}, {why}")


def _activation(operator: Operator) -> dict[str, Any]:
    if operator.options.activation not in _ACTIVATIONS:
        raise refusal(operator, f"is followed by {operator.options.activation}")
    return {"activation": _ACTIVATIONS[operator.options.activation]}


def _fused(_: Subgraph, operator: Operator) -> dict[str, Any]:
    return _activation(operator)


def _plain(_graph: Subgraph, _operator: Operator) -> dict[str, Any]:
    return {}


def _clamp(activation: str) -> Callable[[Subgraph, Operator], dict[str, Any]]:
    return lambda _graph, _operator: {"activation": activation}


def _moving(_: Subgraph, operator: Operator) -> dict[str, Any]:
    """Read what convolutions and pools share."""
    options = operator.options
    if options.strides is None or options.padding not in {"SAME", "VALID"}:
        raise refusal(operator, f"has no strides or an unknown padding ({options.padding})")
    if options.dilation not in {None, (1, 1)}:
        raise refusal(operator, f"is dilated {options.dilation}")
    return {"strides": options.strides, "padding": options.padding.lower(), **_activation(operator)}


def _pool(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    return {**_moving(graph, operator), "window": operator.options.window or (1, 1)}


def _channels(graph: Subgraph, operator: Operator, *, taken: int) -> None:
    """Refuse grouped convolutions and multiplied channels: the kernel must fit the input one to one."""
    have = graph.operands(operator)[0].shape[-1]
    if have != taken:
        raise refusal(operator, f"has {taken} channels in its weights for {have} in its input")


def _conv(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    _channels(graph, operator, taken=graph.operands(operator)[1].shape[3])
    return _moving(graph, operator)


def _depthwise(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    _channels(graph, operator, taken=graph.operands(operator)[1].shape[3])
    return _moving(graph, operator)


def _dense(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    if operator.options.weights_format not in {None, "DEFAULT"} or len(graph.results(operator)[0].shape) != 2:
        raise refusal(operator, "has shuffled weights or more than one row")
    return _activation(operator)


def constant_of(graph: Subgraph, operator: Operator, position: int) -> list[Any]:
    """Return the values of a small constant operand."""
    tensor = graph.operand(operator, position)
    data = None if tensor is None else tensor.data()
    if data is None:
        raise refusal(operator, "computes an operand that should be a constant")
    values: list[Any] = data.tolist()
    return values


def _mean(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    if constant_of(graph, operator, 1) != [1, 2] or not operator.options.keep_dims:
        raise refusal(operator, "is not a mean over height and width that keeps its dimensions")
    return {}


def _pad(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    rows = constant_of(graph, operator, 1)
    if len(rows) != 4 or rows[0] != [0, 0] or rows[3] != [0, 0]:
        raise refusal(operator, f"pads batch or channels: {rows}")
    return {"padding": (tuple(rows[1]), tuple(rows[2]))}


def _concat(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    rank = len(graph.results(operator)[0].shape)
    if operator.options.axis not in {-1, rank - 1}:
        raise refusal(operator, f"joins along axis {operator.options.axis}, not the channels")
    return _activation(operator)


def _reshape(graph: Subgraph, operator: Operator) -> dict[str, Any]:
    shape = graph.results(operator)[0].shape
    if len(shape) != 2 or shape[0] != 1:
        raise refusal(operator, f"gives {shape}, not one row")
    return {}


ROWS: Final[dict[str, Row]] = {
    "CONV_2D": Row("conv", 2, _conv),
    "DEPTHWISE_CONV_2D": Row("depthwise", 2, _depthwise),
    "FULLY_CONNECTED": Row("dense", 2, _dense),
    "LOGISTIC": Row("logistic", 0, _plain),
    "HARD_SWISH": Row("hard_swish", 0, _plain),
    "MUL": Row("mul", 0, _fused),
    "ADD": Row("add", 0, _fused),
    "MEAN": Row("mean", 1, _mean),
    "MAX_POOL_2D": Row("max_pool", 0, _pool),
    "AVERAGE_POOL_2D": Row("average_pool", 0, _pool),
    "CONCATENATION": Row("concat", 0, _concat),
    "PAD": Row("pad", 1, _pad),
    "RELU": Row("relu", 0, _clamp("relu")),
    "RELU6": Row("relu", 0, _clamp("relu6")),
    "SOFTMAX": Row("softmax", 0, _plain),
    "RESHAPE": Row("reshape", 1, _reshape),
}
"""Operator of TensorFlow Lite -> how it becomes a node. QUANTIZE, DEQUANTIZE and SUB stand only at the border."""
