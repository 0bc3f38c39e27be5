"""From a tf_keras functional model to the frozen graph: batch norm folded, dropout gone, one operator per TFLite operator.

One row per layer type (`LOWERINGS`). A layer type without a row is an error that names it: nothing is guessed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import ConversionError
from edge_effnet.models.graph import Graph, Node
from edge_effnet.variants.place import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Floats, NodeKind
    from edge_effnet.variants.spec import Normalisation

__all__ = ["LOWERINGS", "freeze"]

_FUSABLE = ("conv", "depthwise", "dense", "add")
_FOLDABLE = ("conv", "depthwise", "dense")


class _Builder:
    """Nodes so far, and which tensor each Keras tensor became."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self.nodes: dict[str, Node] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.input_shape = input_shape
        self.uses: dict[str, int] = {}

    def emit(
        self, layer: Any, kind: NodeKind, inputs: tuple[str, ...], shape: tuple[int, ...], **fields: Any
    ) -> str:
        name: str = fields.pop("name", layer.name)
        block, part = place_of(layer.name)
        self.nodes[name] = Node(kind, name, inputs, layer=layer.name, block=block, part=part, **fields)
        self.shapes[name] = shape
        return name

    def fuse(self, tensor: str, kinds: tuple[str, ...]) -> Node | None:
        """Return the operator behind ``tensor`` when a follower may be merged into it."""
        node = self.nodes.get(tensor)
        if node is None or node.kind not in kinds or node.activation != "none" or self.uses[tensor] != 1:
            return None
        return node


def _static(shape: Any) -> tuple[int, ...]:
    return (1, *(int(side) for side in shape[1:]))


def _weights(layer: Any) -> dict[str, Floats]:
    return {
        variable.name.rsplit("/", 1)[-1].split(":")[0]: variable.numpy().astype(np.float32)
        for variable in layer.weights
    }


def _activation_name(layer: Any) -> str:
    name = getattr(layer.activation, "__name__", str(layer.activation))
    return {"silu": "swish", "linear": "none"}.get(name, name)


def _activate(builder: _Builder, layer: Any, tensor: str, kind: str) -> str:
    """Append an activation, fused into its producer where TFLite can."""
    shape = builder.shapes[tensor]
    if kind == "none":
        return tensor
    if kind == "swish":
        gate = builder.emit(layer, "logistic", (tensor,), shape, name=f"{layer.name}/sigmoid")
        return builder.emit(layer, "mul", (tensor, gate), shape, name=f"{layer.name}/swish")
    if kind in {"sigmoid", "hard_swish", "softmax"}:
        kinds: dict[str, NodeKind] = {"sigmoid": "logistic", "hard_swish": "hard_swish", "softmax": "softmax"}
        return builder.emit(layer, kinds[kind], (tensor,), shape, name=f"{layer.name}/{kind}")
    if kind not in {"relu", "relu6"}:
        raise ConversionError(f"activation of layer {layer.name} has no int8 form", got=kind)
    producer = builder.fuse(tensor, _FUSABLE)
    if producer is not None:
        builder.nodes[tensor] = replace(producer, activation="relu6" if kind == "relu6" else "relu")
        return tensor
    return builder.emit(
        layer,
        "relu",
        (tensor,),
        shape,
        name=f"{layer.name}/{kind}",
        activation="relu6" if kind == "relu6" else "relu",
    )


def _padding(builder: _Builder, layer: Any, tensor: str) -> tuple[str, str]:
    """Merge a zero padding before a ``valid`` convolution when TFLite's SAME means just that."""
    pad = builder.nodes.get(tensor)
    if layer.padding == "same" or pad is None or pad.kind != "pad" or builder.uses[tensor] != 1:
        return tensor, str(layer.padding)
    source = pad.inputs[0]
    wanted = tuple(
        _same_padding(side, int(layer.kernel_size[axis]), int(layer.strides[axis]))
        for axis, side in enumerate(builder.shapes[source][1:3])
    )
    if pad.padding != wanted:
        return tensor, "valid"
    del builder.nodes[tensor], builder.shapes[tensor]
    return source, "same"


def _same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def _convolve(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    weights = _weights(layer)
    depthwise = "depthwise_kernel" in weights
    kernel = weights["depthwise_kernel" if depthwise else "kernel"]
    if depthwise and kernel.shape[3] != 1:
        raise ConversionError(
            f"depthwise layer {layer.name} multiplies its channels", got=kernel.shape[3], allowed=1
        )
    if tuple(layer.dilation_rate) != (1, 1) or getattr(layer, "groups", 1) != 1:
        raise ConversionError(
            f"layer {layer.name} is dilated or grouped",
            hint="only plain and depthwise convolutions are supported",
        )
    source, padding = _padding(builder, layer, inputs[0])
    tensor = builder.emit(
        layer,
        "depthwise" if depthwise else "conv",
        (source,),
        _static(layer.output_shape),
        kernel=kernel,
        bias=weights.get("bias"),
        strides=tuple(int(s) for s in layer.strides),
        padding=padding,
    )
    builder.uses[tensor] = builder.uses.pop(f"{layer.name}:uses")
    return _activate(builder, layer, tensor, _activation_name(layer))


def _separable(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    weights = _weights(layer)
    source, padding = _padding(builder, layer, inputs[0])
    shape = _static(layer.output_shape)
    channels = builder.shapes[source][3]
    depthwise = builder.emit(
        layer,
        "depthwise",
        (source,),
        (*shape[:3], channels),
        name=f"{layer.name}/depthwise",
        kernel=weights["depthwise_kernel"],
        strides=tuple(int(s) for s in layer.strides),
        padding=padding,
    )
    tensor = builder.emit(
        layer,
        "conv",
        (depthwise,),
        shape,
        kernel=weights["pointwise_kernel"],
        bias=weights.get("bias"),
        padding="same",
    )
    builder.uses[tensor] = builder.uses.pop(f"{layer.name}:uses")
    return _activate(builder, layer, tensor, _activation_name(layer))


def _dense(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    weights = _weights(layer)
    tensor = builder.emit(
        layer,
        "dense",
        inputs,
        _static(layer.output_shape),
        kernel=weights["kernel"],
        bias=weights.get("bias"),
    )
    builder.uses[tensor] = builder.uses.pop(f"{layer.name}:uses")
    return _activate(builder, layer, tensor, _activation_name(layer))


def _batch_norm(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    weights = _weights(layer)
    mean, variance = weights["moving_mean"].astype(np.float64), weights["moving_variance"].astype(np.float64)
    scale = weights.get("gamma", np.ones_like(weights["moving_mean"])).astype(np.float64) / np.sqrt(
        variance + layer.epsilon
    )
    shift = weights.get("beta", np.zeros_like(weights["moving_mean"])).astype(np.float64) - mean * scale
    tensor = inputs[0]
    producer = builder.fuse(tensor, _FOLDABLE)
    if producer is None or producer.kind != "dense":
        _require_channels(builder, layer, tensor, *layer.axis)
    if producer is None:  # before its convolution, as in DenseNet: a 1x1 depthwise convolution does the same
        kernel = scale.astype(np.float32).reshape(1, 1, -1, 1)
        return builder.emit(
            layer,
            "depthwise",
            inputs,
            builder.shapes[tensor],
            kernel=kernel,
            bias=shift.astype(np.float32),
            padding="same",
        )
    builder.nodes[tensor] = _folded(producer, scale, shift)
    return tensor


def _folded(node: Node, scale: Any, shift: Any) -> Node:
    assert node.kernel is not None  # noqa: S101 - foldable operators have kernels
    spread = scale.reshape(-1, 1) if node.kind == "depthwise" else scale
    bias = 0.0 if node.bias is None else node.bias.astype(np.float64)
    return replace(
        node, kernel=(node.kernel * spread).astype(np.float32), bias=(bias * scale + shift).astype(np.float32)
    )


def _activation_layer(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    return _activate(builder, layer, inputs[0], _activation_name(layer))


def _relu_layer(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    if float(layer.negative_slope) or float(layer.threshold) or layer.max_value not in (None, 6.0, 6):
        raise ConversionError(f"layer {layer.name} is neither ReLU nor ReLU6")
    return _activate(builder, layer, inputs[0], "relu" if layer.max_value is None else "relu6")


def _mean(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    return builder.emit(layer, "mean", inputs, (1, 1, 1, builder.shapes[inputs[0]][3]))


def _pool(kind: NodeKind) -> Callable[[_Builder, Any, tuple[str, ...]], str]:
    def lower(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
        return builder.emit(
            layer,
            kind,
            inputs,
            _static(layer.output_shape),
            padding=str(layer.padding),
            strides=tuple(int(s) for s in layer.strides),
            window=tuple(int(s) for s in layer.pool_size),
        )

    return lower


def _pairwise(kind: NodeKind) -> Callable[[_Builder, Any, tuple[str, ...]], str]:
    def lower(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
        if len(inputs) != 2:
            raise ConversionError(f"layer {layer.name} does not join two tensors", got=len(inputs), allowed=2)
        return builder.emit(layer, kind, inputs, _static(layer.output_shape))

    return lower


def _concatenate(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    _require_channels(builder, layer, inputs[0], int(layer.axis))
    return builder.emit(layer, "concat", inputs, _static(layer.output_shape))


def _require_channels(builder: _Builder, layer: Any, tensor: str, axis: int) -> None:
    """Refuse a layer that works along another axis than the last of a map."""
    shape = builder.shapes[tensor]
    if len(shape) != 4 or axis not in {-1, 3}:
        raise ConversionError(
            f"layer {layer.name} does not work along the channels of a map",
            got=f"axis {axis} of {shape}",
            allowed="axis 3 of (1, height, width, channels)",
        )


def _zero_padding(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    padding = tuple((int(a), int(b)) for a, b in layer.padding)
    tensor = builder.emit(layer, "pad", inputs, _static(layer.output_shape), padding=padding)
    builder.uses[tensor] = builder.uses.pop(f"{layer.name}:uses")
    return tensor


def _pass(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    del builder, layer
    return inputs[0]


def _reshape(builder: _Builder, layer: Any, inputs: tuple[str, ...]) -> str:
    """A reshape around a 1x1 map changes nothing that TFLite's operators see; a map may be made flat."""
    shape, wanted = builder.shapes[inputs[0]], _static(layer.output_shape)
    flat = len(wanted) == 2
    if wanted[-1] == shape[-1] and (flat or shape[1:3] == (1, 1)):
        return inputs[0]
    if not flat:
        raise ConversionError(
            f"layer {layer.name} does not make a map flat", got=wanted, allowed="(1, values)"
        )
    return builder.emit(layer, "reshape", inputs, wanted)


LOWERINGS: dict[str, Callable[[_Builder, Any, tuple[str, ...]], str]] = {
    "Conv2D": _convolve,
    "DepthwiseConv2D": _convolve,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "Activation": _activation_layer,
    "ReLU": _relu_layer,
    "GlobalAveragePooling2D": _mean,
    "MaxPooling2D": _pool("max_pool"),
    "AveragePooling2D": _pool("average_pool"),
    "Multiply": _pairwise("mul"),
    "Add": _pairwise("add"),
    "Concatenate": _concatenate,
    "ZeroPadding2D": _zero_padding,
    "Dropout": _pass,
    "Reshape": _reshape,
    "Flatten": _reshape,
}
"""Layer type of tf_keras -> how it becomes operators."""


def _count_uses(layers: list[Any]) -> dict[int, int]:
    uses: dict[int, int] = {}
    for layer in layers:
        for node in layer.inbound_nodes[:1]:
            for tensor in _as_list(node.input_tensors):
                uses[id(tensor)] = uses.get(id(tensor), 0) + 1
    return uses


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def freeze(model: Any, normalisation: Normalisation, *, name: str) -> Graph:
    """Freeze a tf_keras functional model that takes normalised pixels and gives logits.

    Args:
        model: The model; one input ``(batch, height, width, 3)``, one output ``(batch, classes)``.
        normalisation: What the model's input expects to have been done to the pixels.
        name: The graph's name.

    Raises:
        ConversionError: A layer type or setting has no lowering.
    """
    keras_input = model.inputs[0]
    shape = _static(keras_input.shape)
    builder = _Builder(shape)
    uses = _count_uses(model.layers)
    tensors = {id(keras_input): "input"}
    builder.shapes["input"] = shape
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        lower = LOWERINGS.get(type(layer).__name__)
        if lower is None:
            raise ConversionError(
                f"layer {layer.name} has no lowering", got=type(layer).__name__, allowed=", ".join(LOWERINGS)
            )
        inputs = tuple(tensors[id(tensor)] for tensor in _as_list(layer.inbound_nodes[0].input_tensors))
        count = uses.get(id(layer.output), 0)
        builder.uses[f"{layer.name}:uses"] = count
        tensor = lower(builder, layer, inputs)
        builder.uses[tensor] = count
        tensors[id(layer.output)] = tensor
    output = tensors[id(model.outputs[0])]
    return Graph(
        name, "input", shape[1], normalisation, tuple(builder.nodes.values()), builder.shapes, output
    )
