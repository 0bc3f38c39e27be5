"""Augmentation: one table of what may be done to pictures, and named policies that say how strongly.

A row changes one picture, or a whole batch with its targets. Its chance is drawn from a stateless seed that follows
from the run's seed, the epoch and the picture's number, so that no thread and no restart changes what is seen.

References:
    Szegedy et al., "Going Deeper with Convolutions", 2015: random resized crops.
    Cubuk et al., "RandAugment", 2020.
    Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
    Yun et al., "CutMix", 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.train.augment_rows import (
    colour_jitter,
    cutmix,
    flip,
    mixup,
    rand_augment,
    random_resized_crop,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["POLICIES", "ROWS", "Policy", "Row", "policy_from_text"]


@dataclass(frozen=True)
class Row:
    """One augmentation.

    Attributes:
        scope: ``crop`` makes the square that the network sees; ``picture`` changes one; ``batch`` mixes several.
        apply: The function, see `edge_effnet.train.augment_rows`.
        strength: What its strength means.
    """

    scope: Literal["crop", "picture", "batch"]
    apply: Callable[..., Any]
    strength: str


ROWS: Final[Mapping[str, Row]] = {
    "crop": Row("crop", random_resized_crop, "share of the picture's area that a crop may leave out"),
    "flip": Row("picture", flip, "probability of a mirror image"),
    "colour": Row("picture", colour_jitter, "largest relative change of brightness, contrast and saturation"),
    "randaugment": Row("picture", rand_augment, "magnitude of two operations drawn from a list"),
    "mixup": Row("batch", mixup, "alpha of the beta distribution, in 0 to 1, that mixes two pictures"),
    "cutmix": Row("batch", cutmix, "probability that a rectangle comes from another picture"),
}
"""In the order in which they are applied."""

POLICIES: Final[Mapping[str, Mapping[str, float]]] = {
    "none": {},
    "light": {"crop": 0.5, "flip": 0.5},
    "medium": {"crop": 0.7, "flip": 0.5, "colour": 0.2, "randaugment": 0.3},
    "strong": {"crop": 0.9, "flip": 0.5, "colour": 0.3, "randaugment": 0.6, "mixup": 0.2, "cutmix": 0.5},
}
"""Policy -> row -> strength; a row that is not named is off."""


@dataclass(frozen=True)
class Policy:
    """What is done to pictures.

    Attributes:
        strengths: Row -> strength, 0 to 1; rows that are off are absent.
    """

    strengths: Mapping[str, float] = field(default_factory=dict)

    @property
    def crops(self) -> bool:
        """Whether crops are drawn, for which pictures must be larger than what the network sees."""
        return "crop" in self.strengths

    @property
    def text(self) -> str:
        """The policy written out, as `policy_from_text` reads it."""
        return ",".join(["none", *(f"{name}={value:g}" for name, value in self.strengths.items())])

    def rows(self, scope: str) -> list[tuple[int, Row, float]]:
        """Return the rows of a scope that are on, each with its number in the table and its strength."""
        return [
            (number, row, self.strengths[name])
            for number, (name, row) in enumerate(ROWS.items())
            if row.scope == scope and name in self.strengths
        ]


def policy_from_text(text: str) -> Policy:
    """Read ``POLICY[,ROW=STRENGTH ...]``, such as ``light`` or ``medium,mixup=0.2,colour=0``.

    Raises:
        UnknownNameError: There is no such policy or row.
        UsageError: A strength is no number from 0 to 1.
    """
    name, *changes = text.split(",")
    if name not in POLICIES:
        raise UnknownNameError("augmentation policy", name, POLICIES)
    strengths = dict(POLICIES[name])
    for change in changes:
        row, _, value = change.partition("=")
        if row not in ROWS:
            raise UnknownNameError("augmentation", row, ROWS)
        strengths[row] = _strength(row, value)
    return Policy({row: strengths[row] for row in ROWS if strengths.get(row)})


def _strength(row: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise UsageError(
            f"the strength of {row} is out of range",
            got=text or "nothing",
            allowed=f"0 (off) to 1: {ROWS[row].strength}",
        )
    return value
