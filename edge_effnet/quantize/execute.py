"""Run frozen-graph operators in TensorFlow: in float, and on the grids that the int8 kernels work on.

One row per operator kind. With quantised weights and `fake_quantize` after every operator this is the fake-quant graph.
It rounds each result once and lets gradients through; `edge_effnet.quantize.exact` rounds as the kernels do, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.kernels import accumulator_unit, round_as_kernel
from edge_effnet.quantize.segments import last_uses

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.quantize.scheme import Grid, QuantizedGraph, QuantizedWeights

    NodeFunction: TypeAlias = Callable[[Sequence["Tensor"]], "Tensor"]
    Runner: TypeAlias = Callable[[QuantizedGraph, Node], NodeFunction]

__all__ = [
    "accumulator_unit",
    "fake_quant_runner",
    "fake_quantize",
    "float_function",
    "input_values",
    "integer_weights",
    "quantized_function",
    "round_as_kernel",
    "run_node",
]

Tensor = Any


def _convolve(tf: Any, node: Node, inputs: list[Tensor], kernel: Tensor, bias: Tensor) -> Tensor:
    strides, padding = list(node.strides), str(node.padding).upper()
    return _with_bias(tf.nn.conv2d(inputs[0], kernel, strides, padding), bias)


def _depthwise(tf: Any, node: Node, inputs: list[Tensor], kernel: Tensor, bias: Tensor) -> Tensor:
    strides, padding = [1, *node.strides, 1], str(node.padding).upper()
    return _with_bias(tf.nn.depthwise_conv2d(inputs[0], kernel, strides, padding), bias)


def _dense(tf: Any, node: Node, inputs: list[Tensor], kernel: Tensor, bias: Tensor) -> Tensor:
    del node
    return _with_bias(tf.matmul(tf.reshape(inputs[0], (-1, kernel.shape[0])), kernel), bias)


def _with_bias(tensor: Tensor, bias: Tensor) -> Tensor:
    return tensor if bias is None else tensor + bias


def _pool(name: str) -> Callable[[Any, Node, list[Tensor]], Tensor]:
    def run(tf: Any, node: Node, inputs: list[Tensor]) -> Tensor:
        return getattr(tf.nn, name)(
            inputs[0], list(node.window), list(node.strides), str(node.padding).upper()
        )

    return run


def _pad(tf: Any, node: Node, inputs: list[Tensor]) -> Tensor:
    return tf.pad(inputs[0], [(0, 0), *node.padding, (0, 0)])


def _reshape(tf: Any, node: Node, inputs: list[Tensor]) -> Tensor:
    del node
    return tf.reshape(inputs[0], (tf.shape(inputs[0])[0], -1))


_WEIGHTED: dict[str, Callable[..., Tensor]] = {"conv": _convolve, "depthwise": _depthwise, "dense": _dense}
_PLAIN: dict[str, Callable[[Any, Any, list[Tensor]], Tensor]] = {
    "logistic": lambda tf, _, inputs: tf.sigmoid(inputs[0]),
    "hard_swish": lambda tf, _, inputs: inputs[0] * tf.nn.relu6(inputs[0] + 3.0) / 6.0,
    "mul": lambda _tf, _, inputs: inputs[0] * inputs[1],
    "add": lambda _tf, _, inputs: inputs[0] + inputs[1],
    "mean": lambda tf, _, inputs: tf.reduce_mean(inputs[0], (1, 2), keepdims=True),
    "concat": lambda tf, _, inputs: tf.concat(inputs, -1),
    "relu": lambda _tf, _, inputs: inputs[0],
    "softmax": lambda tf, _, inputs: tf.nn.softmax(inputs[0]),
    "max_pool": _pool("max_pool2d"),
    "average_pool": _pool("avg_pool2d"),
    "pad": _pad,
    "reshape": _reshape,
}


def run_node(
    node: Node,
    inputs: list[Tensor],
    weights: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None] | None = None,
    *,
    activate: bool = True,
) -> Tensor:
    """Run one operator in float.

    Args:
        node: The operator.
        inputs: Its inputs, batch first.
        weights: Kernel and bias to use instead of the node's own.
        activate: Apply the fused activation.
    """
    tf = import_tensorflow()
    if node.kind in _WEIGHTED:
        kernel, bias = weights or (node.kernel, node.bias)
        output = _WEIGHTED[node.kind](tf, node, inputs, kernel, bias)
    else:
        output = _PLAIN[node.kind](tf, node, inputs)
    if not activate or node.activation == "none":
        return output
    return tf.nn.relu6(output) if node.activation == "relu6" else tf.nn.relu(output)


def fake_quantize(tensor: Tensor, grid: Grid) -> Tensor:
    """Round a tensor to a grid, as real values; the gradient passes inside the range."""
    return import_tensorflow().quantization.fake_quant_with_min_max_args(tensor, grid.minimum, grid.maximum)


def integer_weights(
    node: Node, weights: QuantizedWeights, input_scale: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the real kernel and bias that the integers of an operator stand for."""
    kernel = (weights.kernel * weights.scales).astype(np.float32)
    if node.kind == "depthwise":
        kernel = kernel[..., np.newaxis]
    return kernel, (weights.bias * (weights.scales.astype(np.float64) * input_scale)).astype(np.float32)


def input_values(graph: Graph, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return what a folded graph's input holds for raw pixels: ``pixel - offset``."""
    return pixels.astype(np.float32) - np.asarray(graph.normalisation.mean, np.float32)


def float_function(graph: Graph) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return a function from the graph's input to every tensor, in float."""

    def run(values: Tensor) -> dict[str, Tensor]:
        tensors = {graph.input_name: values}
        for node in graph.nodes:
            tensors[node.name] = run_node(node, [tensors[name] for name in node.inputs])
        return tensors

    return run


def fake_quant_runner(quantized: QuantizedGraph, node: Node) -> NodeFunction:
    """Return one operator of the fake-quant graph: it computes in float32 and rounds its result once."""
    grid, weights = quantized.grids[node.name], quantized.weights.get(node.name)
    real = None if weights is None else integer_weights(node, weights, quantized.grids[node.inputs[0]].scale)
    return lambda inputs: fake_quantize(run_node(node, list(inputs), real), grid)


def quantized_function(
    quantized: QuantizedGraph, keep: Collection[str] | None = None, *, runner: Runner = fake_quant_runner
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return the quantised graph: a function from the graph's input to its tensors, real values on the grids.

    Args:
        quantized: The graph with its grids and integers.
        keep: Tensors to return; any other is dropped after its last use, which bounds memory. None returns all.
        runner: Makes the function of one operator: `fake_quant_runner`, which has a gradient, or
            `edge_effnet.quantize.exact.kernel_runner`, which gives the codes of the reference kernels.
    """
    graph, last = quantized.graph, last_uses(quantized.graph)
    run_one = {node.name: runner(quantized, node) for node in graph.nodes}

    def run(values: Tensor) -> dict[str, Tensor]:
        tensors = {graph.input_name: values}
        for index, node in enumerate(graph.nodes):
            tensors[node.name] = run_one[node.name]([tensors[name] for name in node.inputs])
            if keep is not None:
                for name in set(node.inputs).difference(keep):
                    if last[name] <= index:
                        del tensors[name]
        return tensors

    return run
