"""The fake-quant graph with variables: out of a quantised graph, through the toolkit's scheme, and back into one."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.models.keras import import_keras, import_tfmot
from edge_effnet.quantize.scheme import (
    BIAS_LIMIT,
    QMAX,
    QMIN,
    WEIGHT_MAX,
    Grid,
    QuantizedGraph,
    QuantizedWeights,
)
from edge_effnet.quantize.twin import CUSTOM_OBJECTS, keras_from_graph, layer_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.models.graph import Node

__all__ = ["output_of", "read_back", "trainable_model"]

_PREFIX = "quant_"


def trainable_model(quantized: QuantizedGraph, *, learn_grids: bool = True, exact: bool = False) -> Any:
    """Return the quantised graph as a Keras model wrapped by `tfmot.quantization.keras.quantize_apply`.

    Args:
        quantized: Where training begins.
        learn_grids: Whether scales and zero points of the activations are variables.
        exact: Round as the reference int8 kernels do, to the last bit, which has no gradient: what the .tflite computes.

    Returns:
        A tf_keras model from ``pixel - offset`` to logits. Nothing in it is changed yet: it computes what the quantised
        graph computes.
    """
    from edge_effnet.quantize.registry import EfficientNetScheme

    tfmot = import_tfmot()
    # In float64 the integer accumulators of every variant can be told from the real values that a layer gives.
    with tfmot.quantize_scope(CUSTOM_OBJECTS), _arithmetic("float64" if exact else "float32"):
        annotated = keras_from_graph(quantized.graph, tfmot.quantize_annotate_layer)
        scheme = EfficientNetScheme(quantized, learn_grids=learn_grids, exact=exact)
        return tfmot.quantize_apply(annotated, scheme, quantized_layer_name_prefix=_PREFIX)


@contextlib.contextmanager
def _arithmetic(dtype: str) -> Iterator[None]:
    """Let layers that are made inside compute in a type."""
    backend = import_keras().backend
    before = backend.floatx()
    backend.set_floatx(dtype)
    try:
        yield
    finally:
        backend.set_floatx(before)


def read_back(model: Any, quantized: QuantizedGraph) -> QuantizedGraph:
    """Return the quantised graph that a trained model has become.

    Args:
        model: From `trainable_model`, trained.
        quantized: What it began from. A model that has not been trained gives the very same integers back.
    """
    layers = {layer.name: layer for layer in model.layers}
    grids = dict(quantized.grids)
    for node in quantized.graph.nodes:
        grids[node.name] = _moved(layers[_PREFIX + layer_name(node.name)], quantized.grids[node.name])
    weights: dict[str, QuantizedWeights] = {}
    nodes: list[Node] = []
    for node in quantized.graph.nodes:
        if node.kernel is None:
            nodes.append(node)
            continue
        layer = layers[_PREFIX + layer_name(node.name)]
        integers, kernel, bias = _integers(layer, node, quantized, grids)
        weights[node.name] = integers
        nodes.append(replace(node, kernel=kernel, bias=bias))
    return QuantizedGraph(replace(quantized.graph, nodes=tuple(nodes)), grids, weights, quantized.factors)


def _variables(layer: Any) -> dict[str, Any]:
    return {str(each.name).rsplit("/", 1)[-1].split(":")[0]: each.numpy() for each in layer.weights}


def _moved(layer: Any, grid: Grid) -> Grid:
    change = _variables(layer).get("output_grid")
    if change is None or not change.any():
        return grid
    scale = float(np.float32(grid.scale * math.exp(float(change[0]))))
    return Grid(scale, int(np.clip(np.rint(grid.zero_point + float(change[1])), QMIN, QMAX)))


def _integers(
    layer: Any, node: Node, quantized: QuantizedGraph, grids: dict[str, Grid]
) -> tuple[QuantizedWeights, Any, Any]:
    """Return the integers of a layer, and its kernel and bias before they were rounded."""
    assert node.kernel is not None  # noqa: S101 - the caller has looked
    from edge_effnet.quantize.registry import layer_rows, real_bias

    row, before = layer_rows()[node.kind], quantized.weights[node.name]
    known = _variables(layer)
    codes, change, gain = known[row.kernel], known["bias"], known[f"{row.kernel}_gain"]
    codes = codes[..., 0] if node.kind == "depthwise" else codes
    scales = (before.scales * np.exp(gain)).astype(np.float32)
    bias = real_bias(quantized, node) + quantized.grids[node.name].scale * change.astype(np.float64)
    input_scale = grids[node.inputs[0]].scale
    unit = scales.astype(np.float64) * input_scale
    rounded = np.clip(np.rint(bias / unit), -2 * BIAS_LIMIT, 2 * BIAS_LIMIT).astype(np.int32)
    whole = np.clip(np.rint(codes), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)
    kernel = (codes * scales).astype(np.float32)
    kernel = kernel[..., np.newaxis] if node.kind == "depthwise" else kernel
    return QuantizedWeights(whole, scales, rounded), kernel, bias.astype(np.float32)


def output_of(model: Any, tensor: str) -> Any:
    """Return the symbolic output of a tensor's layer in a model from `trainable_model`."""
    return model.get_layer(_PREFIX + layer_name(tensor)).output
