"""Two small networks that between them have every operator of the frozen graph, frozen and quantised by our own code."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_effnet.convert.tflite import tflite_from_graph, tflite_from_quantized
from edge_effnet.models.blocks import hard_swish
from edge_effnet.models.fold import fold_normalisation, fold_std
from edge_effnet.models.freeze import freeze
from edge_effnet.models.keras import import_keras, import_tensorflow
from edge_effnet.quantize.execute import float_function, input_values
from edge_effnet.quantize.scheme import QuantizedGraph, quantize_graph
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Graph

SIDE_PX = 24
CLASSES = 7
NORMALISATION = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def pictures(count: int, seed: int = 1, side_px: int = SIDE_PX) -> np.ndarray:
    """Return random pictures, ``(count, side, side, 3) uint8``: noise on a random slope, so that no two are alike."""
    draws = np.random.default_rng(seed)
    slope = np.linspace(-1, 1, side_px)
    rows, columns = draws.uniform(-90, 90, (2, count, 1, 1, 3))
    base = draws.uniform(60, 190, (count, 1, 1, 3))
    smooth = base + rows * slope[:, None, None] + columns * slope[None, :, None]
    noise = draws.normal(0, 25, (count, side_px, side_px, 3))
    return np.clip(np.rint(smooth + noise), 0, 255).astype(np.uint8)


def _swish_layers(layers: Any, inputs: Any) -> Any:
    """One MBConv block with squeeze-and-excite and a residual add, named as Keras applications names them."""
    tensor = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="stem_conv")(inputs)
    tensor = layers.BatchNormalization(name="stem_bn")(tensor)
    tensor = stem = layers.Activation("swish", name="stem_activation")(tensor)
    tensor = layers.Conv2D(24, 1, name="block1a_expand_conv")(tensor)
    tensor = layers.Activation("swish", name="block1a_expand_activation")(tensor)
    tensor = layers.DepthwiseConv2D(3, padding="same", name="block1a_dwconv")(tensor)
    tensor = wide = layers.Activation("swish", name="block1a_activation")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="block1a_se_squeeze")(tensor)
    tensor = layers.Reshape((1, 1, 24), name="block1a_se_reshape")(tensor)
    tensor = layers.Conv2D(4, 1, activation="swish", name="block1a_se_reduce")(tensor)
    tensor = layers.Conv2D(24, 1, activation="sigmoid", name="block1a_se_expand")(tensor)
    tensor = layers.Multiply(name="block1a_se_excite")([wide, tensor])
    tensor = layers.Conv2D(8, 1, name="block1a_project_conv")(tensor)
    tensor = layers.Add(name="block1a_add")([stem, tensor])
    tensor = layers.Conv2D(16, 1, name="top_conv")(tensor)
    tensor = layers.Activation("swish", name="top_activation")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
    return layers.Dense(CLASSES, name="predictions")(tensor)


def _mixed_layers(layers: Any, inputs: Any) -> Any:
    """Padding, clamps, pools, a join, hard swish, a lone clamp and a flattened map."""
    tensor = layers.ZeroPadding2D(2, name="pad")(inputs)
    tensor = layers.Conv2D(8, 3, 2, "valid", name="first")(tensor)
    tensor = layers.ReLU(6.0, name="first_relu6")(tensor)
    left = layers.MaxPooling2D(3, 2, "same", name="left")(tensor)
    right = layers.AveragePooling2D(2, 2, "same", name="right")(tensor)
    right = layers.ReLU(name="right_relu")(layers.Conv2D(5, 3, padding="same", name="right_conv")(right))
    tensor = layers.Concatenate(name="join")([left, right])
    tensor = layers.ReLU(name="lone_relu")(tensor)
    tensor = layers.SeparableConv2D(12, 3, padding="same", name="separable")(tensor)
    tensor = layers.Activation(hard_swish, name="hard")(tensor)
    tensor = layers.ReLU(name="sum_relu")(layers.Add(name="sum")([tensor, tensor]))
    tensor = layers.AveragePooling2D(2, 2, name="small")(tensor)
    tensor = layers.Flatten(name="flat")(tensor)
    return layers.Dense(CLASSES, activation="softmax", name="predictions")(tensor)


_LAYERS: dict[str, Callable[[Any, Any], Any]] = {"swish": _swish_layers, "mixed": _mixed_layers}


@dataclass(frozen=True)
class Tiny:
    """A float network and its int8 twin."""

    float_graph: Graph
    quantized: QuantizedGraph

    def float_file(self) -> bytes:
        """Return the float32 .tflite."""
        return tflite_from_graph(fold_std(self.float_graph), "float32")

    def int8_file(self, io: str = "int8", **metadata: bytes) -> bytes:
        """Return the int8 .tflite."""
        return tflite_from_quantized(self.quantized, io=io, metadata=metadata)


@functools.cache
def tiny(kind: str = "swish") -> Tiny:
    """Return ``swish`` or ``mixed`` with seeded weights, quantised by the smallest and largest value seen."""
    keras = import_keras()
    inputs = keras.Input((SIDE_PX, SIDE_PX, 3), batch_size=1, name="input")
    model = keras.Model(inputs, _LAYERS[kind](keras.layers, inputs))
    draws = np.random.default_rng(5)
    model.set_weights([_weight(draws, value) for value in model.get_weights()])
    graph = freeze(model, NORMALISATION, name=f"tiny-{kind}")
    folded = fold_normalisation(graph)
    return Tiny(graph, quantize_graph(folded, ranges_of(folded)))


def _weight(draws: np.random.Generator, like: np.ndarray) -> np.ndarray:
    if like.ndim == 1:  # biases, and scales and variances of batch norm, which must be positive
        return draws.uniform(0.5, 1.5, like.shape) if like.any() else draws.normal(0, 0.3, like.shape)
    fan_in = np.prod(like.shape[:-1] if like.shape[-1] > 1 else like.shape[:2])
    return draws.normal(0, 1.6 / np.sqrt(fan_in), like.shape)


def ranges_of(graph: Graph) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest value of every tensor on some pictures."""
    values = import_tensorflow().constant(input_values(graph, pictures(16, seed=2)))
    tensors = float_function(graph)(values)
    return {name: (float(np.min(tensor)), float(np.max(tensor))) for name, tensor in tensors.items()}


def damaged(network: Tiny, name: str, codes: Callable[[np.ndarray], np.ndarray]) -> Tiny:
    """Return the network with the integers of one operator's weights changed."""
    weights = network.quantized.weights[name]
    changed = replace(weights, kernel=codes(weights.kernel).astype(np.int8))
    return replace(
        network, quantized=replace(network.quantized, weights={**network.quantized.weights, name: changed})
    )


def rewritten(content: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a .tflite file after a change of its records."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def without_a_name(content: bytes, name: str) -> bytes:
    """Return a file in which one tensor has no name: engines run it, and it cannot be rebuilt."""

    def change(model: Any) -> None:
        next(tensor for tensor in model.subgraphs[0].tensors if tensor.name == name.encode()).name = b""

    return rewritten(content, change)
