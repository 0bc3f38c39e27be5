"""What tests of models use to look inside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_effnet.models.keras import import_keras

KERAS_NAMES = {f"b{n}": f"EfficientNetB{n}" for n in range(8)} | {
    f"v2-{size}": f"EfficientNetV2{size.upper()}" for size in ("b0", "b1", "b2", "b3", "s", "m", "l")
}
"""Our ids -> constructors of Keras applications."""


def tensors_of(model: Any) -> dict[str, dict[str, np.ndarray]]:
    """Read a Keras model's weights by layer and variable."""
    return {
        layer.name: {v.name.rsplit("/", 1)[-1].split(":")[0]: v.numpy() for v in layer.weights}
        for layer in model.layers
        if layer.weights
    }


def assert_same_tensors(these: Any, those: Any) -> None:
    """Hold two sets of tensors against each other, bit by bit."""
    assert {k: set(v) for k, v in these.items()} == {k: set(v) for k, v in those.items()}
    for layer, variables in those.items():
        for name, value in variables.items():
            np.testing.assert_array_equal(these[layer][name], value, err_msg=f"{layer}/{name}")


def keras_twin(model_id: str, resolution_px: int, **options: Any) -> Any:
    """Build the model of Keras applications that ours must equal, with logits as its output."""
    constructor = getattr(import_keras().applications, KERAS_NAMES[model_id])
    shape = (resolution_px, resolution_px, 3)
    return constructor(weights=None, input_shape=shape, classifier_activation=None, **options)


def multiply_adds(model: Any) -> int:
    """Count the multiply-adds of convolutions and dense layers from a Keras model, for one picture."""
    total = 0
    for layer in model.layers:
        sizes = {v.name.rsplit("/", 1)[-1].split(":")[0]: int(np.prod(v.shape)) for v in layer.weights}
        kernels = sum(size for name, size in sizes.items() if name.endswith("kernel"))
        total += kernels * int(np.prod(layer.output_shape[1:3])) if len(layer.output_shape) == 4 else kernels
    return total
