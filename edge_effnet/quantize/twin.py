"""The frozen graph as a Keras model again: one layer per operator, batch norm folded, swish in two operators.

This is the layout on which the int8 kernels round, so it is the layout that is trained with rounding. In float it is
the folded network itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.errors import ConversionError
from edge_effnet.models.keras import import_keras, import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Graph, Node

__all__ = ["CUSTOM_OBJECTS", "INPUT_LAYER", "keras_from_graph", "layer_name"]

INPUT_LAYER: Final = "pixels_in"
"""Layer that does nothing but hold the rounding of the input."""

_ROWS: Final = 2
"""Dimensions of ``(n, features)``."""


def layer_name(tensor: str) -> str:
    """Return the name of the layer that computes a tensor: Keras takes no slash at the start of a scope."""
    return tensor.replace("/", "__").replace(":", "_")


def _convolution(keras: Any, node: Node, name: str) -> Any:
    assert node.kernel is not None  # noqa: S101 - a convolution has weights
    return keras.layers.Conv2D(
        node.kernel.shape[-1],
        node.kernel.shape[:2],
        strides=node.strides,
        padding=node.padding,
        activation=_ACTIVATIONS[node.activation],
        name=name,
    )


def _depthwise(keras: Any, node: Node, name: str) -> Any:
    assert node.kernel is not None  # noqa: S101 - a convolution has weights
    return keras.layers.DepthwiseConv2D(
        node.kernel.shape[:2],
        strides=node.strides,
        padding=node.padding,
        activation=_ACTIVATIONS[node.activation],
        name=name,
    )


def _dense(keras: Any, node: Node, name: str) -> Any:
    assert node.kernel is not None  # noqa: S101 - a dense layer has weights
    return keras.layers.Dense(node.kernel.shape[-1], activation=_ACTIVATIONS[node.activation], name=name)


def _pool(kind: str) -> Callable[[Any, Node, str], Any]:
    def make(keras: Any, node: Node, name: str) -> Any:
        return getattr(keras.layers, kind)(node.window, node.strides, node.padding, name=name)

    return make


def _activation(function: Callable[[Any], Any] | str) -> Callable[[Any, Node, str], Any]:
    return lambda keras, _, name: keras.layers.Activation(function, name=name)


def _hard_swish(values: Any) -> Any:
    return values * import_tensorflow().nn.relu6(values + 3.0) / 6.0


def _relu6(values: Any) -> Any:
    return import_tensorflow().nn.relu6(values)


CUSTOM_OBJECTS: Final[dict[str, Any]] = {"_hard_swish": _hard_swish, "_relu6": _relu6}
"""What Keras must know by name to make a copy of such a model."""

_ACTIVATIONS: Final[dict[str, Any]] = {"none": None, "relu": "relu", "relu6": _relu6}

_LAYERS: Final[dict[str, Callable[[Any, Node, str], Any]]] = {
    "conv": _convolution,
    "depthwise": _depthwise,
    "dense": _dense,
    "logistic": _activation("sigmoid"),
    "hard_swish": _activation(_hard_swish),
    "relu": lambda keras, node, name: keras.layers.Activation(_ACTIVATIONS[node.activation], name=name),
    "softmax": _activation("softmax"),
    "mul": lambda keras, _, name: keras.layers.Multiply(name=name),
    "add": lambda keras, _, name: keras.layers.Add(name=name),
    "concat": lambda keras, _, name: keras.layers.Concatenate(name=name),
    "mean": lambda keras, _, name: keras.layers.GlobalAveragePooling2D(keepdims=True, name=name),
    "max_pool": _pool("MaxPooling2D"),
    "average_pool": _pool("AveragePooling2D"),
    "pad": lambda keras, node, name: keras.layers.ZeroPadding2D(node.padding, name=name),
    "reshape": lambda keras, _, name: keras.layers.Flatten(name=name),
}
"""Operator kind -> how to make its layer."""


def keras_from_graph(graph: Graph, wrap: Callable[[Any], Any] = lambda layer: layer) -> Any:
    """Build the Keras model of a graph and give it the graph's weights.

    Args:
        graph: With its normalisation folded in; the model's input is ``pixel - offset``, ``(n, side, side, 3)``.
        wrap: Applied to every layer before it is called, such as `tfmot.quantization.keras.quantize_annotate_layer`.

    Returns:
        A tf_keras functional model, from the input to the logits.

    Raises:
        ConversionError: A convolution is neither SAME nor VALID.
    """
    keras = import_keras()
    inputs = keras.Input(graph.shapes[graph.input_name][1:], name="pixels")
    entry = keras.layers.Activation("linear", name=INPUT_LAYER)
    tensors = {graph.input_name: wrap(entry)(inputs)}
    layers: dict[str, Any] = {}
    for node in graph.nodes:
        if node.kernel is not None and node.kind != "dense" and not isinstance(node.padding, str):
            raise ConversionError("a convolution with explicit padding cannot be trained", got=node.name)
        kind = "relu" if _is_clamped_sum(node) else node.kind
        layer = layers[node.name] = _LAYERS[kind](keras, node, layer_name(node.name))
        tensors[node.name] = wrap(layer)(_operands(keras, node, [tensors[name] for name in node.inputs]))
    for node in graph.nodes:
        if node.kernel is not None:
            layers[node.name].set_weights([node.kernel, _bias(node)])
    return keras.Model(inputs, tensors[graph.output_name], name=f"{graph.name}_folded")


def _is_clamped_sum(node: Node) -> bool:
    return node.kind == "add" and node.activation != "none"


def _operands(keras: Any, node: Node, tensors: list[Any]) -> Any:
    """Return what a layer is called on; Keras needs a layer of its own to flatten or to sum before a clamp."""
    if node.kind == "dense" and len(tensors[0].shape) > _ROWS:
        return keras.layers.Flatten(name=f"{layer_name(node.name)}__flat")(tensors[0])
    if _is_clamped_sum(node):
        return keras.layers.Add(name=f"{layer_name(node.name)}__sum")(tensors)
    return tensors[0] if len(tensors) == 1 else tensors


def _bias(node: Node) -> Any:
    assert node.kernel is not None  # noqa: S101 - the caller has looked
    size = node.kernel.shape[-2] if node.kind == "depthwise" else node.kernel.shape[-1]
    return np.zeros(size, np.float32) if node.bias is None else node.bias
