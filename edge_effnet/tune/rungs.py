"""The ladder: one row per rung, from the cheapest recipe to the dearest."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.quantize.recipes import get_recipe

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RUNGS", "RUNG_NAMES", "Rung", "Situation", "reason_to_skip"]


@dataclass(frozen=True)
class Situation:
    """What decides whether a rung applies.

    Attributes:
        has_swish: Whether the network has a swish that channels can be scaled through.
        is_variant: Whether the network can be built with another activation.
        allow_mixed: Whether a result that is not full integer is allowed.
        has_folder: Whether there is a folder of pictures to distil on.
    """

    has_swish: bool
    is_variant: bool
    allow_mixed: bool
    has_folder: bool


@dataclass(frozen=True)
class Rung:
    """One way to a model.

    Attributes:
        name: What records and the command line call it.
        summary: What it does, for people.
        recipe: Recipe that quantises, see `edge_effnet.quantize.recipes`.
        mixed: Whether the most sensitive blocks stay in float.
        distil: Whether the quantised graph is then trained on the float network's answers.
        activation: What takes the place of swish; None leaves it.
    """

    name: str
    summary: str
    recipe: str = "ptq"
    mixed: bool = False
    distil: bool = False
    activation: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return what decides on the result, beside the inputs: everything but the words."""
        settings = get_recipe(self.recipe).settings
        found = {**asdict(self), "settings": None if settings is None else asdict(settings)}
        del found["summary"]
        return found


RUNGS: tuple[Rung, ...] = (
    Rung("minmax", "TensorFlow's converter: smallest and largest value seen", "minmax"),
    Rung("ptq-ranges", "ranges with the smallest error after the activation", "ranges"),
    Rung("bias", "+ biases of depthwise layers moved by the mean error", "bias"),
    Rung(
        "equalise",
        "+ offsets and gains of all layers, outlier channels scaled down through swish",
        "equalise",
    ),
    Rung("ptq", "+ weights refitted on what each layer really gets"),
    Rung("mixed", "ptq, with the most sensitive blocks in float: not full integer", mixed=True),
    Rung("qat", "ptq, then trained on the float network's answers without labels", distil=True),
    Rung("hard-swish", "hard-swish for swish, then trained likewise", distil=True, activation="hard_swish"),
    Rung("relu6", "ReLU6 for swish, then trained likewise", distil=True, activation="relu6"),
)
"""In the order in which they are tried."""

RUNG_NAMES: tuple[str, ...] = tuple(rung.name for rung in RUNGS)


def _needs_swish(rung: Rung, situation: Situation) -> str | None:
    if situation.has_swish or not (rung.recipe == "equalise" or rung.activation):
        return None
    return "the network has no swish"


def _needs_permission(rung: Rung, situation: Situation) -> str | None:
    if situation.allow_mixed or not rung.mixed:
        return None
    return "its result is not full integer: --allow-mixed allows it"


def _needs_variant(rung: Rung, situation: Situation) -> str | None:
    if situation.is_variant or rung.activation is None:
        return None
    return "a baseline is built with its own activation only"


def _needs_folder(rung: Rung, situation: Situation) -> str | None:
    if situation.has_folder or not rung.distil:
        return None
    return "distillation needs a folder of pictures: --calibration DIR"


_NEEDS: tuple[Callable[[Rung, Situation], str | None], ...] = (
    _needs_swish,
    _needs_permission,
    _needs_variant,
    _needs_folder,
)


def reason_to_skip(rung: Rung, situation: Situation) -> str | None:
    """Return why a rung does not apply, or None where it does."""
    return next((reason for need in _NEEDS if (reason := need(rung, situation))), None)
