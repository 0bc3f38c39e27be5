"""Random weights under which activations keep their scale, so that work on speed and structure is representative.

Mean and mean square of every tensor are carried through the graph, and each kernel is drawn so that its output has unit
mean square. No picture is run: the same seed gives the same weights on every machine.

References:
    He et al., "Delving Deep into Rectifiers", 2015: the argument, here with the moments of each activation.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from edge_effnet.variants.spec import Normalisation

    Doubles = npt.NDArray[np.float64]
    Floats = npt.NDArray[np.float32]

__all__ = ["fresh_classifier", "initialise"]

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(65)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()

_PIXEL_MEAN, _PIXEL_STD = 118.0, 58.0  # of ImageNet's photographs, 0..255, over R, G and B
_SPREAD = 0.1  # of biases; relative, of what batch norm holds

# Standard deviation that batch norm gives. At 1, a swish widens a wider input more than in proportion, which multiplies
# up from layer to layer; at 3, near to what trained networks have, it is nearly a ReLU, which keeps proportions.
_NORMAL_STD = 3.0
# The same where a residual ends, so that blocks add a little to what goes by them (Goyal et al., "Accurate, Large
# Minibatch SGD", 2017, begin with 0), and before a sigmoid, whose gates would multiply differences between pictures.
_RESIDUAL_STD = 0.3
_GATE_STD = 0.5


@dataclass(frozen=True)
class Moments:
    """Mean and mean square of a tensor."""

    mean: float
    square: float


def _sigmoid(x: Doubles) -> Doubles:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


_ACTIVATIONS: Mapping[str, Callable[[Doubles], Doubles]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "sigmoid": _sigmoid,
    "swish": lambda x: x * _sigmoid(x),
    "silu": lambda x: x * _sigmoid(x),
    "hard_swish": lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
}


def _activated(moments: Moments, name: str) -> Moments:
    """Return the moments of ``activation(x)`` for a normal ``x``, by Gauss-Hermite quadrature."""
    std = np.sqrt(max(moments.square - moments.mean**2, 0.0))
    values = _ACTIVATIONS[name](moments.mean + std * _NODES)
    return Moments(float(values @ _NODE_WEIGHTS), float(values**2 @ _NODE_WEIGHTS))


def _leaf(variable: Any) -> str:
    return str(variable.name).rsplit("/", 1)[-1].split(":")[0]


def _linear(layer: Any, moments: Moments, rng: np.random.Generator) -> Moments:
    """Draw kernels and bias of a convolution (plain, depthwise, separable) or dense layer."""
    activation = getattr(layer.activation, "__name__", "linear")
    std = _GATE_STD if activation == "sigmoid" else 1.0
    drawn = []
    for variable in layer.weights:
        name, shape = _leaf(variable), tuple(int(side) for side in variable.shape)
        value = rng.standard_normal(shape, np.float32)
        if name == "bias":
            value *= np.float32(_SPREAD)
        else:
            fan_in = int(np.prod(shape[:2] if name == "depthwise_kernel" else shape[:-1]))
            value *= np.float32(std / np.sqrt(fan_in * moments.square))
            moments = Moments(0.0, std**2)
        drawn.append(value)
    layer.set_weights(drawn)
    return _activated(moments, activation)


def _batch_norm(layer: Any, moments: Moments, rng: np.random.Generator) -> Moments:
    std = _RESIDUAL_STD if _ends_residual(layer) else _NORMAL_STD
    size = tuple(int(side) for side in layer.weights[0].shape)
    scale = np.sqrt(moments.square)
    # A batch norm without gamma gives unit variance; the statistics then take its place.
    shrink = 1.0 if layer.scale else std
    drawn: dict[str, Doubles] = {
        "gamma": std * rng.uniform(1 - _SPREAD, 1 + _SPREAD, size),
        "beta": std * rng.normal(0.0, _SPREAD, size),
        "moving_mean": scale * rng.normal(0.0, _SPREAD, size),
        "moving_variance": (scale / shrink) ** 2 * rng.uniform(1 - _SPREAD, 1 + _SPREAD, size),
    }
    layer.set_weights([drawn[_leaf(variable)].astype(np.float32) for variable in layer.weights])
    return Moments(0.0, std**2)


def _ends_residual(layer: Any) -> bool:
    """Tell whether a layer's output goes into a sum, dropout between them or not."""
    readers = [node.layer for node in layer.outbound_nodes]
    return any(
        type(reader).__name__ == "Add" or (type(reader).__name__ == "Dropout" and _ends_residual(reader))
        for reader in readers
    )


_WEIGHTED: Mapping[str, Callable[[Any, Moments, np.random.Generator], Moments]] = {
    "Conv2D": _linear,
    "DepthwiseConv2D": _linear,
    "SeparableConv2D": _linear,
    "Dense": _linear,
    "BatchNormalization": _batch_norm,
}


def _sum(inputs: list[Moments]) -> Moments:
    mean = sum(each.mean for each in inputs)
    return Moments(mean, sum(each.square - each.mean**2 for each in inputs) + mean**2)


def _product(inputs: list[Moments]) -> Moments:
    return Moments(float(np.prod([e.mean for e in inputs])), float(np.prod([e.square for e in inputs])))


def _average(inputs: list[Moments]) -> Moments:
    return Moments(float(np.mean([e.mean for e in inputs])), float(np.mean([e.square for e in inputs])))


_UNWEIGHTED: Mapping[str, Callable[[list[Moments]], Moments]] = {
    "Add": _sum,
    "Multiply": _product,
    "Concatenate": _average,
    "ReLU": lambda inputs: _activated(inputs[0], "relu"),
}


def _outcome(layer: Any, inputs: list[Moments], seed: int) -> Moments:
    kind = type(layer).__name__
    if kind in _WEIGHTED:
        # A stream of its own for every layer: adding one elsewhere leaves the others as they are.
        rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
        return _WEIGHTED[kind](layer, inputs[0], rng)
    if kind == "Activation":
        return _activated(inputs[0], layer.activation.__name__)
    return _UNWEIGHTED[kind](inputs) if kind in _UNWEIGHTED else inputs[0]


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
    mean, std = float(np.mean(normalisation.mean)), float(np.mean(normalisation.std))
    picture = Moments((_PIXEL_MEAN - mean) / std, (_PIXEL_STD**2 + (_PIXEL_MEAN - mean) ** 2) / std**2)
    moments = {id(tensor): picture for tensor in model.inputs}
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        tensors = layer.inbound_nodes[0].input_tensors
        tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
        moments[id(layer.output)] = _outcome(layer, [moments[id(tensor)] for tensor in tensors], seed)


def fresh_classifier(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Floats]:
    """Return new weights for a dense layer: Glorot-uniform kernel, zero bias (Glorot and Bengio, 2010)."""
    rng = np.random.default_rng([seed, zlib.crc32(b"predictions")])
    rows, columns = shapes["kernel"]
    limit = float(np.sqrt(6.0 / (rows + columns)))
    fresh = {"kernel": rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)}
    return fresh | {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "kernel"}
