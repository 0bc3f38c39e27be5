"""Other networks of Keras applications through the same code path, so that a report can show them beside ours.

References:
    Keras applications: each model's ``preprocess_input`` (modes "tf", "torch" and "caffe" of imagenet_utils.py) and
    its native resolution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.models.keras import import_keras
from edge_effnet.models.weights import snake_case
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_effnet.models.weights import Found, Target

__all__ = ["BASELINES", "Baseline", "build_baseline", "to_rgb"]

_TF = Normalisation((127.5,) * 3, (127.5,) * 3)
_TORCH = Normalisation((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255))
_CAFFE = Normalisation((123.68, 116.779, 103.939), (1.0,) * 3)  # written as B, G, R there


@dataclass(frozen=True)
class Baseline:
    """One network of Keras applications.

    Attributes:
        constructor: Its function in ``tf_keras.applications``.
        resolution_px: Native side of the square input.
        normalisation: Of RGB pixels.
        least_px: Smallest side that leaves something on the last map.
        is_bgr: Whether the published weights take B, G, R; their first kernel is then turned round, so that the model
            takes RGB like every other.
    """

    constructor: str
    resolution_px: int
    normalisation: Normalisation
    least_px: int = 32
    is_bgr: bool = False


BASELINES: Mapping[str, Baseline] = MappingProxyType({
    "mobilenet_v2": Baseline("MobileNetV2", 224, _TF),
    "resnet50": Baseline("ResNet50", 224, _CAFFE, is_bgr=True),
    "densenet121": Baseline("DenseNet121", 224, _TORCH),
    "inception_v3": Baseline("InceptionV3", 299, _TF, least_px=75),
    "xception": Baseline("Xception", 299, _TF, least_px=71),
    "vgg16": Baseline("VGG16", 224, _CAFFE, is_bgr=True),
})  # fmt: skip
"""Model id -> network."""


def build_baseline(
    model_id: str, *, num_classes: int, resolution_px: int, include_top: bool, batch_size: int | None
) -> Any:
    """Build a baseline with logits as its output; its weights are Keras' own random ones."""
    keras = import_keras()
    tensor = keras.Input((resolution_px, resolution_px, 3), batch_size=batch_size, name="input")
    options = {"classes": num_classes, "classifier_activation": None} if include_top else {}
    constructor = getattr(keras.applications, BASELINES[model_id].constructor)
    model = constructor(weights=None, include_top=include_top, input_tensor=tensor, **options)
    _settle_names(model)
    return model


def _settle_names(model: Any) -> None:
    """Count automatic layer names from 0, as in a fresh process: else they depend on what was built before."""
    counted: dict[str, list[tuple[int, Any]]] = {}
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        match = re.fullmatch(rf"{kind}(?:_(\d+))?", layer.name)
        if match:
            counted.setdefault(kind, []).append((int(match[1] or 0), layer))
    for kind, layers in counted.items():
        for index, (_, layer) in enumerate(sorted(layers, key=lambda pair: pair[0])):
            layer._name = f"{kind}_{index}" if index else kind  # noqa: SLF001 - Keras has no public way


def to_rgb(model_id: str, target: Target, found: Found) -> Found:
    """Return a file's tensors with the first kernel's input channels in the order R, G, B."""
    baseline = BASELINES.get(model_id)
    if baseline is None or not baseline.is_bgr or found.is_rgb:
        return found
    first = target.slots[0].layer
    variables = dict(found.tensors.get(first, {}))
    kernel = variables.get("kernel")
    if kernel is None or kernel.ndim != 4:
        return found
    variables["kernel"] = np.ascontiguousarray(kernel[:, :, ::-1])
    note = f"the published weights take B, G, R: {first}'s kernel is turned round to take R, G, B"
    return replace(
        found, tensors={**found.tensors, first: variables}, notes=(*found.notes, note), is_rgb=True
    )
