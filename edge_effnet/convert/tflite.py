"""From the frozen graph to the bytes of a .tflite file: one row per operator kind, static batch 1, nothing else added.

Writing the flatbuffer directly is what makes the result exact: no QUANTIZE between layers, no SHAPE or PACK of a dynamic
batch, no Flex, the same bytes every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from edge_effnet.convert.flatbuffer import ModelWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.scheme import Grid, QuantizedGraph

__all__ = ["tflite_from_quantized"]

_ACTIVATIONS = {"none": 0, "relu": 1, "relu6": 3}
_PADDINGS = {"same": 0, "valid": 1}


def _conv_options(node: Node) -> Any:
    options = tfl.Conv2DOptionsT()
    options.padding, options.fusedActivationFunction = _PADDINGS[str(node.padding)], _ACTIVATIONS[node.activation]
    options.strideH, options.strideW = node.strides
    return options


def _depthwise_options(node: Node) -> Any:
    options = tfl.DepthwiseConv2DOptionsT()
    options.padding, options.fusedActivationFunction = _PADDINGS[str(node.padding)], _ACTIVATIONS[node.activation]
    options.strideH, options.strideW = node.strides
    options.depthMultiplier = 1
    return options


def _fused(make: Callable[[], Any]) -> Callable[[Node], Any]:
    def options_of(node: Node) -> Any:
        options = make()
        options.fusedActivationFunction = _ACTIVATIONS[node.activation]
        return options

    return options_of


def _pool_options(node: Node) -> Any:
    options = tfl.Pool2DOptionsT()
    options.padding = _PADDINGS[str(node.padding)]
    options.strideH, options.strideW = node.strides
    options.filterHeight, options.filterWidth = node.window
    return options


def _mean_options(node: Node) -> Any:
    del node
    options = tfl.ReducerOptionsT()
    options.keepDims = True
    return options


def _concat_options(node: Node) -> Any:
    del node
    options = tfl.ConcatenationOptionsT()
    options.axis = 3
    return options


def _softmax_options(node: Node) -> Any:
    del node
    options = tfl.SoftmaxOptionsT()
    options.beta = 1.0
    return options


def _no_options(node: Node) -> Any:
    del node


_O = tfl.BuiltinOptions
_B = tfl.BuiltinOperator
OPERATORS: dict[str, tuple[int, int, int, Callable[[Node], Any]]] = {
    "conv": (_B.CONV_2D, 3, _O.Conv2DOptions, _conv_options),
    "depthwise": (_B.DEPTHWISE_CONV_2D, 3, _O.DepthwiseConv2DOptions, _depthwise_options),
    "dense": (_B.FULLY_CONNECTED, 4, _O.FullyConnectedOptions, _fused(tfl.FullyConnectedOptionsT)),
    "logistic": (_B.LOGISTIC, 2, _O.NONE, _no_options),
    "hard_swish": (_B.HARD_SWISH, 1, _O.HardSwishOptions, lambda _: tfl.HardSwishOptionsT()),
    "mul": (_B.MUL, 2, _O.MulOptions, _fused(tfl.MulOptionsT)),
    "add": (_B.ADD, 2, _O.AddOptions, _fused(tfl.AddOptionsT)),
    "mean": (_B.MEAN, 2, _O.ReducerOptions, _mean_options),
    "max_pool": (_B.MAX_POOL_2D, 2, _O.Pool2DOptions, _pool_options),
    "average_pool": (_B.AVERAGE_POOL_2D, 2, _O.Pool2DOptions, _pool_options),
    "concat": (_B.CONCATENATION, 2, _O.ConcatenationOptions, _concat_options),
    "pad": (_B.PAD, 2, _O.PadOptions, lambda _: tfl.PadOptionsT()),
    "relu": (_B.RELU, 2, _O.NONE, _no_options),
    "relu6": (_B.RELU6, 2, _O.NONE, _no_options),
    "softmax": (_B.SOFTMAX, 2, _O.SoftmaxOptions, _softmax_options),
    "reshape": (_B.RESHAPE, 1, _O.ReshapeOptions, lambda _: tfl.ReshapeOptionsT()),
}
"""Operator kind -> (TFLite operator, version, options type, options). Versions are the lowest whose int8 kernel does it."""


def _stored(node: Node, kernel: Any) -> Any:
    """Order a kernel as TFLite stores it: OHWI, 1HWC, or (out, in); output channels are last in ``kernel``."""
    if node.kind == "conv":
        return kernel.transpose(3, 0, 1, 2)
    return kernel[np.newaxis] if node.kind == "depthwise" else kernel.T


def _constants(writer: ModelWriter, node: Node) -> list[int]:
    """Write the small integer operands that some operators read."""
    if node.kind == "mean":
        return [writer.shared_constant("axes", np.array([1, 2], np.int32))]
    if node.kind == "pad":
        (top, bottom), (left, right) = node.padding  # type: ignore[misc]
        return [writer.constant(f"{node.name}/paddings", np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))]
    return []


def _write_weights(writer: ModelWriter, node: Node, quantized: QuantizedGraph) -> list[int]:
    weights = quantized.weights[node.name]
    dense = node.kind == "dense"
    scales = weights.scales[:1] if dense else weights.scales
    axis = 3 if node.kind == "depthwise" else 0
    kernel = writer.constant(f"{node.name}/kernel", np.ascontiguousarray(_stored(node, weights.kernel)), scales, axis=axis)
    input_scale = np.float32(quantized.grids[node.inputs[0]].scale)
    bias = writer.constant(f"{node.name}/bias", weights.bias, (scales * input_scale).astype(np.float32), axis=0)
    return [kernel, bias]


def _activation(writer: ModelWriter, name: str, shape: tuple[int, ...], grid: Grid) -> int:
    return writer.tensor(name, shape, np.int8, np.array([grid.scale], np.float32), grid.zero_point)


def tflite_from_quantized(quantized: QuantizedGraph, *, metadata: dict[str, bytes] | None = None) -> bytes:
    """Write a quantised graph as a full-integer .tflite with int8 input and output.

    Args:
        quantized: The graph with its grids and integers.
        metadata: Named blobs to carry along.

    Returns:
        The file's bytes; equal inputs give equal bytes.
    """
    graph = quantized.graph
    writer = ModelWriter(description=f"edge-effnet {graph.name}")
    index = {graph.input_name: _activation(writer, graph.input_name, graph.shapes[graph.input_name], quantized.grids[graph.input_name])}
    for node in graph.nodes:
        inputs = [index[name] for name in node.inputs] + _constants(writer, node)
        if node.kernel is not None:
            inputs += _write_weights(writer, node, quantized)
        index[node.name] = _activation(writer, node.name, graph.shapes[node.name], quantized.grids[node.name])
        kind = "relu6" if node.kind == "relu" and node.activation == "relu6" else node.kind
        code, version, options_type, options = OPERATORS[kind]
        writer.operator(code, version, inputs, [index[node.name]], options_type, options(node))
    return writer.finish([index[graph.input_name]], [index[graph.output_name]], metadata or {})
