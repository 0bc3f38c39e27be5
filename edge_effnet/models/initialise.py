"""Random weights under which activations keep their scale, so that work on speed and structure is representative.

Kernels are drawn from a seed; batch norm then gets the statistics of a small set of seeded, picture-like noise, layer
by layer. That is computed in float64 and rounded to far fewer bits, so that one seed gives one set of weights on
every machine.

References:
    Mishkin and Matas, "All you need is a good init", 2016: scaling each layer by what it gives.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import UsageError
from edge_effnet.models.keras import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from edge_effnet.variants.spec import Normalisation

    Floats = npt.NDArray[np.float32]
    Doubles = npt.NDArray[np.float64]
    Run = Callable[[Any, list[Any], np.random.Generator], Any]

__all__ = ["fresh_classifier", "initialise"]

_PICTURES = 4
_SIDE_PX = 128  # enough for 4 x 4 values on the last map of an EfficientNet
_MEAN, _STD = 118.0, 58.0  # of ImageNet's photographs, 0..255, over R, G and B
_SPREAD = 0.1  # of biases; relative, of batch norm's gamma and beta
# Batch norm's gamma. Trained networks have about this before a swish, and with 1 they would be unstable: there a wider
# input widens swish's output more than in proportion, from layer to layer.
_GAMMA = 3.0
# Standard deviation before a sigmoid: gates that swing fully from picture to picture would multiply up through a network.
_BEFORE_GATE = 0.25
_BITS = 10


def _pictures(side_px: int, seed: int) -> Doubles:
    """Return noise with the 1/f spectrum of photographs and alike channels, ``(n, side, side, 3)`` in 0..255."""
    rng = np.random.default_rng([seed, side_px])
    shape = (_PICTURES, side_px, side_px, 3)
    total = np.zeros(shape)
    cell = 1
    while cell < side_px:
        cells = -(-side_px // cell)
        noise = rng.standard_normal((_PICTURES, cells, cells, 1))
        noise = noise + 0.3 * rng.standard_normal((_PICTURES, cells, cells, 3))
        total += noise.repeat(cell, axis=1).repeat(cell, axis=2)[:, :side_px, :side_px]
        cell *= 2
    return np.clip(_MEAN + _STD * (total - total.mean()) / total.std(), 0.0, 255.0)


def _rounded(values: Any) -> Doubles:
    """Keep so few bits that the last ones of a float64, which differ between machines, do not matter."""
    fraction, exponent = np.frexp(np.asarray(values, np.float64))
    return np.asarray(np.ldexp(np.round(fraction * 2.0**_BITS) / 2.0**_BITS, exponent))


def _leaf(variable: Any) -> str:
    return str(variable.name).rsplit("/", 1)[-1].split(":")[0]


def _convolution(layer: Any, values: Any, kernel: Doubles, *, is_depthwise: bool, strides: tuple[int, int]) -> Any:
    tf = import_tensorflow()
    run = tf.nn.depthwise_conv2d if is_depthwise else tf.nn.conv2d
    return run(values, kernel, (1, *strides, 1), layer.padding.upper())


def _linear(layer: Any, inputs: list[Any], rng: np.random.Generator) -> Any:
    """Draw kernels and bias of a convolution (plain, depthwise, separable) or dense layer; kernels give unit variance."""
    tf = import_tensorflow()
    values, drawn = inputs[0], []
    strides = tuple(getattr(layer, "strides", (1, 1)))
    wanted = _BEFORE_GATE if getattr(layer.activation, "__name__", "") == "sigmoid" else 1.0
    for variable in layer.weights:
        name, shape = _leaf(variable), tuple(int(side) for side in variable.shape)
        if name == "bias":
            weight = rng.normal(0.0, _SPREAD, shape).astype(np.float32)
            values = values + weight.astype(np.float64)
        else:
            weight = rng.standard_normal(shape, np.float32)
            kernel = weight.astype(np.float64)
            is_depthwise = name == "depthwise_kernel"
            if len(shape) == 2:
                values = tf.matmul(values, kernel)
            else:
                values = _convolution(layer, values, kernel, is_depthwise=is_depthwise, strides=strides)
            strides = (1, 1)
            scale = float(_rounded(wanted / max(float(tf.math.reduce_std(values)), 1e-6)))
            weight, values = weight * np.float32(scale), values * scale
        drawn.append(weight)
    layer.set_weights(drawn)
    return layer.activation(values)


def _batch_norm(layer: Any, inputs: list[Any], rng: np.random.Generator) -> Any:
    tf = import_tensorflow()
    mean, variance = (_rounded(side) for side in tf.nn.moments(inputs[0], (0, 1, 2)))
    drawn = {
        "gamma": _GAMMA * rng.uniform(1 - _SPREAD, 1 + _SPREAD, mean.shape),
        "beta": _GAMMA * rng.normal(0.0, _SPREAD, mean.shape),
        "moving_mean": mean,
        "moving_variance": variance,
    }
    layer.set_weights([drawn[_leaf(variable)].astype(np.float32) for variable in layer.weights])
    scale = (drawn["gamma"] if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon)
    return (inputs[0] - mean) * scale + (drawn["beta"] if layer.center else 0.0)


_WEIGHTED: Mapping[str, Run] = {
    "Conv2D": _linear,
    "DepthwiseConv2D": _linear,
    "SeparableConv2D": _linear,
    "Dense": _linear,
    "BatchNormalization": _batch_norm,
}


def _pooled(layer: Any, values: Any, kind: str) -> Any:
    return import_tensorflow().nn.pool(values, layer.pool_size, kind, layer.strides, layer.padding.upper())


_UNWEIGHTED: Mapping[str, Callable[[Any, list[Any]], Any]] = {
    "Activation": lambda layer, inputs: layer.activation(inputs[0]),
    "ReLU": lambda layer, inputs: np.clip(inputs[0], 0.0, layer.max_value),
    "Add": lambda _, inputs: sum(inputs),
    "Multiply": lambda _, inputs: inputs[0] * inputs[1],
    "Concatenate": lambda _, inputs: import_tensorflow().concat(inputs, -1),
    "GlobalAveragePooling2D": lambda _, inputs: import_tensorflow().reduce_mean(inputs[0], (1, 2)),
    "MaxPooling2D": lambda layer, inputs: _pooled(layer, inputs[0], "MAX"),
    "AveragePooling2D": lambda layer, inputs: _pooled(layer, inputs[0], "AVG"),
    "ZeroPadding2D": lambda layer, inputs: import_tensorflow().pad(inputs[0], ((0, 0), *layer.padding, (0, 0))),
    "Reshape": lambda layer, inputs: import_tensorflow().reshape(inputs[0], (-1, *layer.target_shape)),
    "Flatten": lambda _, inputs: import_tensorflow().reshape(inputs[0], (_PICTURES, -1)),
    "Dropout": lambda _, inputs: inputs[0],
}


def _run(layer: Any, inputs: list[Any], seed: int) -> Any:
    kind = type(layer).__name__
    if kind in _UNWEIGHTED:
        return _UNWEIGHTED[kind](layer, inputs)
    # A stream of its own for every layer: adding one elsewhere leaves the others as they are.
    return _WEIGHTED[kind](layer, inputs, np.random.default_rng([seed, zlib.crc32(layer.name.encode())]))


def _side_px(model: Any) -> int:
    """A smaller picture costs less and does as well, unless a dense layer counts its pixels."""
    native = int(model.inputs[0].shape[1])
    counted = any(type(layer).__name__ == "Flatten" for layer in model.layers)
    return native if counted else min(native, _SIDE_PX)


def initialise(model: Any, seed: int, normalisation: Normalisation) -> None:
    """Give every variable of a tf_keras functional model a random value.

    Args:
        model: The model; its weights are replaced.
        seed: 0 or more; the same seed gives the same weights.
        normalisation: What is done to the pixels before the model.

    Raises:
        UsageError: The seed is negative.
    """
    if seed < 0:
        raise UsageError("the seed is negative", got=seed, allowed="0 or more")
    pixels = _pictures(_side_px(model), seed)
    values = {id(model.inputs[0]): (pixels - np.asarray(normalisation.mean)) / np.asarray(normalisation.std)}
    readers = _reader_counts(model)
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        tensors = _tensors(layer)
        values[id(layer.output)] = _run(layer, [values[id(tensor)] for tensor in tensors], seed)
        for tensor in tensors:
            readers[id(tensor)] -= 1
            if not readers[id(tensor)]:
                del values[id(tensor)]  # a deep network's maps do not all fit in memory


def _tensors(layer: Any) -> list[Any]:
    tensors = layer.inbound_nodes[0].input_tensors
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _reader_counts(model: Any) -> dict[int, int]:
    counts: dict[int, int] = {}
    for layer in model.layers:
        for tensor in _tensors(layer) if type(layer).__name__ != "InputLayer" else []:
            counts[id(tensor)] = counts.get(id(tensor), 0) + 1
    return counts


def fresh_classifier(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Floats]:
    """Return new weights for a dense layer: Glorot-uniform kernel, zero bias (Glorot and Bengio, 2010)."""
    rng = np.random.default_rng([seed, zlib.crc32(b"predictions")])
    rows, columns = shapes["kernel"]
    limit = float(np.sqrt(6.0 / (rows + columns)))
    fresh = {"kernel": rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)}
    return fresh | {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "kernel"}
