"""Weights as data between a file and a model: what the model has room for, what a file held, and the strict fit.

A reader (`edge_effnet.models.formats`) turns a file into `Found`; `fit` accounts for every tensor: one without a home,
or a home without a tensor, is an error that names it. No TensorFlow here but for `slots_of` and `put`, which take a
model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.models.initialise import fresh_classifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from edge_effnet.variants.spec import Normalisation

    Floats = npt.NDArray[np.float32]
    Tensors = Mapping[str, Mapping[str, Floats]]

__all__ = ["CLASSIFIER", "Found", "Slot", "Target", "fit", "put", "slots_of", "snake_case"]

CLASSIFIER = "predictions"
_NAMED = 5  # how many tensors an error names before it counts the rest


@dataclass(frozen=True)
class Slot:
    """A layer of the model that has variables.

    Attributes:
        layer: Its name.
        kind: Its class in tf_keras, such as ``Conv2D``.
        shapes: Variable name -> shape, in the layer's own order.
    """

    layer: str
    kind: str
    shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Target:
    """What a reader may need to know of the model in order to name what it finds.

    Attributes:
        model_id: Such as ``b0``.
        slots: Layers with variables, in the order of the model's layers.
        block_names: Names of the EfficientNet's blocks, in order; empty for a baseline.
        normalisation: What the model takes to have been done to the pixels.
        bn_epsilon: Of every batch norm.
        adopts_normalisation: Whether Keras applications puts ``pixel / 255`` and a Normalization layer before this
            model, so that a file may hold another normalisation.
    """

    model_id: str
    slots: tuple[Slot, ...]
    normalisation: Normalisation
    block_names: tuple[str, ...] = ()
    bn_epsilon: float = 1e-3
    adopts_normalisation: bool = False

    @property
    def homes(self) -> dict[str, Slot]:
        """Layer name -> slot."""
        return {slot.layer: slot for slot in self.slots}


@dataclass(frozen=True)
class Found:
    """What a file held, under the model's own names as far as they could be told.

    Attributes:
        tensors: Layer name -> variable name -> value.
        layout: What kind of file it is, in words.
        normalisation: What the file says is done to the pixels; None where it says nothing or what the variant says.
        notes: What else is worth knowing.
        is_rgb: Whether the first convolution takes R, G, B whatever the model's original order of channels.
        labels: Class names in the order of the classifier's outputs, where the file names them.
    """

    tensors: Tensors
    layout: str
    normalisation: Normalisation | None = None
    notes: tuple[str, ...] = ()
    is_rgb: bool = False
    labels: tuple[str, ...] | None = None


def slots_of(model: Any) -> tuple[Slot, ...]:
    """List the layers of a tf_keras model that have variables."""
    return tuple(
        Slot(
            layer.name,
            type(layer).__name__,
            {v.name.rsplit("/", 1)[-1].split(":")[0]: tuple(int(s) for s in v.shape) for v in layer.weights},
        )
        for layer in model.layers
        if layer.weights
    )


def snake_case(kind: str) -> str:
    """Return Keras' snake case of a class name: ``DepthwiseConv2D`` is ``depthwise_conv2d``."""
    apart = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", apart).lower()


def put(model: Any, tensors: Tensors) -> None:
    """Give a tf_keras model its weights; every slot must be in ``tensors``."""
    for slot in slots_of(model):
        model.get_layer(slot.layer).set_weights([tensors[slot.layer][name] for name in slot.shapes])


def fit(
    target: Target, found: Found, *, allow_new_head: bool = False, seed: int = 0
) -> tuple[Tensors, tuple[str, ...]]:
    """Account for every tensor of a file and every variable of a model.

    Args:
        target: The model.
        found: The file.
        allow_new_head: Whether the classifier may start anew where the file's has another number of classes, or is
            missing.
        seed: Of a new classifier.

    Returns:
        The tensors, each with its home, and notes.

    Raises:
        DataError: A tensor has no home, a home has no tensor, a shape differs, or a value is not finite.
    """
    tensors = {layer: dict(variables) for layer, variables in found.tensors.items()}
    notes = found.notes
    head = target.homes.get(CLASSIFIER)
    if head is None and tensors.pop(CLASSIFIER, None) is not None:
        notes = (*notes, "the file's classifier is not used: the model was asked for without a top")
    if allow_new_head and head is not None and not _holds(tensors.get(CLASSIFIER, {}), head):
        tensors[CLASSIFIER] = fresh_classifier(head.shapes, seed)
        classes = head.shapes["bias"][0]
        notes = (*notes, f"the classifier is new and untrained: {classes} classes, seed {seed}")
    _check(target, tensors, found.layout)
    return tensors, notes


def _holds(variables: Mapping[str, Floats], slot: Slot) -> bool:
    return {name: value.shape for name, value in variables.items()} == dict(slot.shapes)


def _flat(tensors: Tensors) -> dict[str, Floats]:
    return {
        f"{layer}/{name}": value for layer, variables in tensors.items() for name, value in variables.items()
    }


def _check(target: Target, tensors: Tensors, layout: str) -> None:
    have = _flat(tensors)
    want = {f"{slot.layer}/{name}": shape for slot in target.slots for name, shape in slot.shapes.items()}
    shapes = [
        f"{name} {have[name].shape} for {want[name]}"
        for name in want
        if name in have and have[name].shape != want[name]
    ]
    problems = {
        "without a home in the model": [name for name in have if name not in want],
        "missing from the file": [name for name in want if name not in have],
        "of another shape than the model's": shapes,
        "with values that are not finite": [n for n in want if n in have and not np.isfinite(have[n]).all()],
    }
    if any(problems.values()):
        raise DataError(
            f"the weights do not fit {target.model_id} ({layout})",
            got="; ".join(_listed(what, names) for what, names in problems.items() if names),
            allowed=f"exactly the {len(want)} tensors of {target.model_id}",
            hint=_advice(problems),
        )


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    noun = "tensor" if len(names) == 1 else "tensors"
    return f"{len(names)} {noun} {what}: {', '.join(names[:_NAMED])}{more}"


def _advice(problems: Mapping[str, list[str]]) -> str:
    names = [name for group in problems.values() for name in group]
    if all(name.startswith(f"{CLASSIFIER}/") for name in names):
        return "--num-classes as in the file, or --allow-new-head for a new, untrained classifier"
    if problems["with values that are not finite"]:
        return "the file is damaged or its training diverged; take another"
    return "weights of this very model; `edge-effnet list` names the models"
