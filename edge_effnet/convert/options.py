"""Operator kind of the frozen graph -> operator and options of TensorFlow Lite, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ai_edge_litert import schema_py_generated as tfl

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Node

__all__ = ["OPERATORS", "Row", "operator_of"]

_ACTIVATIONS = {"none": 0, "relu": 1, "relu6": 3}
_PADDINGS = {"same": 0, "valid": 1}


class Row(NamedTuple):
    """An operator of TensorFlow Lite; ``version`` is the lowest whose kernel does it, per arithmetic."""

    code: int
    float_version: int
    int8_version: int
    options_type: int
    options: Callable[[Node], Any]


def _window(options: Any, node: Node) -> Any:
    options.padding, options.fusedActivationFunction = (
        _PADDINGS[str(node.padding)],
        _ACTIVATIONS[node.activation],
    )
    options.strideH, options.strideW = node.strides
    return options


def _conv(node: Node) -> Any:
    return _window(tfl.Conv2DOptionsT(), node)


def _depthwise(node: Node) -> Any:
    options = _window(tfl.DepthwiseConv2DOptionsT(), node)
    options.depthMultiplier = 1
    return options


def _pool(node: Node) -> Any:
    options = _window(tfl.Pool2DOptionsT(), node)
    options.filterHeight, options.filterWidth = node.window
    return options


def _fused(make: Callable[[], Any]) -> Callable[[Node], Any]:
    def options_of(node: Node) -> Any:
        options = make()
        options.fusedActivationFunction = _ACTIVATIONS[node.activation]
        return options

    return options_of


def _with(make: Callable[[], Any], **fields: Any) -> Callable[[Node], Any]:
    def options_of(node: Node) -> Any:
        del node
        options = make()
        for name, value in fields.items():
            setattr(options, name, value)
        return options

    return options_of


def _nothing(node: Node) -> None:
    del node


_O, _B = tfl.BuiltinOptions, tfl.BuiltinOperator

OPERATORS: dict[str, Row] = {
    "conv": Row(_B.CONV_2D, 1, 3, _O.Conv2DOptions, _conv),
    "depthwise": Row(_B.DEPTHWISE_CONV_2D, 1, 3, _O.DepthwiseConv2DOptions, _depthwise),
    "dense": Row(_B.FULLY_CONNECTED, 1, 4, _O.FullyConnectedOptions, _fused(tfl.FullyConnectedOptionsT)),
    "logistic": Row(_B.LOGISTIC, 1, 2, _O.NONE, _nothing),
    "hard_swish": Row(_B.HARD_SWISH, 1, 1, _O.HardSwishOptions, _with(tfl.HardSwishOptionsT)),
    "mul": Row(_B.MUL, 1, 2, _O.MulOptions, _fused(tfl.MulOptionsT)),
    "add": Row(_B.ADD, 1, 2, _O.AddOptions, _fused(tfl.AddOptionsT)),
    "mean": Row(_B.MEAN, 1, 2, _O.ReducerOptions, _with(tfl.ReducerOptionsT, keepDims=True)),
    "max_pool": Row(_B.MAX_POOL_2D, 1, 2, _O.Pool2DOptions, _pool),
    "average_pool": Row(_B.AVERAGE_POOL_2D, 1, 2, _O.Pool2DOptions, _pool),
    "concat": Row(_B.CONCATENATION, 1, 2, _O.ConcatenationOptions, _with(tfl.ConcatenationOptionsT, axis=3)),
    "pad": Row(_B.PAD, 1, 2, _O.PadOptions, _with(tfl.PadOptionsT)),
    "relu": Row(_B.RELU, 1, 2, _O.NONE, _nothing),
    "relu6": Row(_B.RELU6, 1, 2, _O.NONE, _nothing),
    "softmax": Row(_B.SOFTMAX, 1, 2, _O.SoftmaxOptions, _with(tfl.SoftmaxOptionsT, beta=1.0)),
    "reshape": Row(_B.RESHAPE, 1, 1, _O.ReshapeOptions, _with(tfl.ReshapeOptionsT)),
    "sub": Row(_B.SUB, 1, 2, _O.SubOptions, _with(tfl.SubOptionsT)),
    "quantize": Row(_B.QUANTIZE, 1, 2, _O.QuantizeOptions, _with(tfl.QuantizeOptionsT)),
    "dequantize": Row(_B.DEQUANTIZE, 3, 2, _O.DequantizeOptions, _with(tfl.DequantizeOptionsT)),
}


def operator_of(node: Node) -> str:
    """Return the row of a node: a clamp that stands alone is RELU or RELU6."""
    return "relu6" if node.kind == "relu" and node.activation == "relu6" else node.kind
