"""Which output of a model means which class: names, the background class, and models with another order.

A *label* is a class's place in the first model's list of classes, without a background class. Labels of a set, and the
predictions of every model, are compared in these terms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

__all__ = ["ModelClasses", "labels_by_name", "labels_of_outputs", "normalised", "offset_for"]

_BACKGROUND = frozenset({"background", "dummy", "unused background"})
_WITH_BACKGROUND = 1001
"""Outputs of an ImageNet classifier that has a background class in front of the 1,000."""

_WNID = re.compile(r"^(n\d{8})\s+(.*)$")
_SEPARATORS = re.compile(r"[\s_\-]+")


@dataclass(frozen=True)
class ModelClasses:
    """What the outputs of a model stand for.

    Attributes:
        outputs: How many there are.
        names: One name per output, or None when the model does not carry them.
    """

    outputs: int
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.names is not None and len(self.names) != self.outputs:
            raise DataError(
                "the model's labels do not fit its outputs",
                got=f"{len(self.names)} labels",
                allowed=f"{self.outputs}",
                hint="convert the model again with the labels of its classes",
            )

    @property
    def has_named_background(self) -> bool:
        """Whether the first output is called background."""
        return self.names is not None and normalised(self.names[0]) in _BACKGROUND

    def names_from(self, offset: int) -> tuple[str, ...] | None:
        """Return the names without the first ``offset`` outputs."""
        return None if self.names is None else self.names[offset:]


def normalised(name: str) -> str:
    """Return a class name in lower case with single spaces, so that ``Rose_Hip`` is ``rose hip``."""
    return _SEPARATORS.sub(" ", name).strip().lower()


def offset_for(classes: ModelClasses, highest_label: int) -> int:
    """Return 1 if the first output is a background class that the labels do not count, else 0.

    Recognised when the model has 1,001 outputs, no label is above 999, and the names (if any) say so.
    """
    if classes.outputs != _WITH_BACKGROUND or highest_label >= _WITH_BACKGROUND - 1:
        return 0
    return int(classes.names is None or classes.has_named_background)


def labels_by_name(names: Sequence[str]) -> dict[str, int]:
    """Return normalised name -> place, for every form of a name that means one class only.

    A name such as ``n01440764 tench, Tinca tinca`` is known by the whole, by the WordNet id, by what follows it, and by
    each synonym. A form that two classes share (``crane`` is a bird and a machine) is left out.
    """
    places: dict[str, set[int]] = {}
    for place, name in enumerate(names):
        for form in _forms(name):
            places.setdefault(form, set()).add(place)
    return {form: next(iter(found)) for form, found in places.items() if len(found) == 1}


def _forms(name: str) -> Iterable[str]:
    match = _WNID.match(name)
    rest = match[2] if match else name
    forms = {name, rest, *rest.split(",")} | ({match[1]} if match else set())
    return {normalised(form) for form in forms} - {""}


def labels_of_outputs(
    classes: ModelClasses, offset: int, reference: Sequence[str] | None
) -> npt.NDArray[np.int64]:
    """Return the label of each output of a model, in the first model's terms.

    Args:
        classes: The model's outputs.
        offset: 1 if its first output is a background class.
        reference: The first model's class names in the order of the labels, or None where it has none.

    Returns:
        ``(outputs,)``; -1 for a background class, below -1 for a class that the first model does not have.
    """
    own = classes.names_from(offset)
    places = np.arange(classes.outputs, dtype=np.int64) - offset
    if own is None or reference is None or list(own) == list(reference):
        return places
    known = labels_by_name(reference)
    named = [known.get(normalised(name), -2 - place) for place, name in enumerate(own)]
    if all(
        label < -1 for label in named
    ):  # other words for the classes altogether: their order is all there is
        return places
    places[offset:] = named
    return places
