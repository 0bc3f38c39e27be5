"""How a network is taught: every choice of a transfer-learning run in one record, with the defaults for small sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.train.augment import Policy, policy_from_text
from edge_effnet.train.unfreeze import Unfreezing, default_unfreezing, unfreezing_from_text

__all__ = ["BATCH_NORMS", "CLASS_WEIGHTS", "Settings"]

BATCH_NORMS: Final = ("frozen", "trained")
CLASS_WEIGHTS: Final = ("none", "auto")

_RANGES: Final = {
    "epochs": (1, math.inf),
    "batch_size": (1, math.inf),
    "learning_rate": (1e-12, math.inf),
    "head_rate": (1e-12, math.inf),
    "warm_up": (0, 1),
    "weight_decay": (0, math.inf),
    "label_smoothing": (0, 0.9),
    "dropout": (0, 0.9),
    "ema": (0, 0.99999),
    "patience": (1, math.inf),
}
"""Smallest and largest value of each number."""


@dataclass(frozen=True)
class Settings:
    """A transfer-learning run.

    Attributes:
        epochs: Passes over the pictures.
        batch_size: Pictures in a step; all of them where there are fewer.
        learning_rate: Highest rate while more than the classifier learns.
        head_rate: Highest rate while only the classifier learns.
        warm_up: Share of the steps of each row of the table of unfreezing on which the rate rises.
        weight_decay: Of kernels, relative to the rate.
        label_smoothing: Probability that is spread over all classes.
        dropout: Share of the features that the classifier does not see at a step.
        ema: Decay of the mean of the weights that is judged and saved; 0 turns it off.
        head_only: Only the classifier learns, from features that are computed once.
        unfreeze: Table of what learns when, see `edge_effnet.train.unfreeze`; None for the default one.
        batch_norm: ``frozen`` or ``trained``.
        class_weights: ``auto`` weighs a picture by the inverse of its class's share; ``none`` weighs all the same.
        augment: Augmentation, see `edge_effnet.train.augment`.
        patience: Stop after so many epochs without a better one; None never does.
        seed: Of the new classifier, the order, the augmentation and dropout.

    References:
        Szegedy et al., "Rethinking the Inception Architecture", 2016: label smoothing.
        Kornblith et al., "Do Better ImageNet Models Transfer Better?", 2019: the classifier first, then all of it.
    """

    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 2e-4
    head_rate: float = 5e-3
    warm_up: float = 0.1
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    dropout: float = 0.2
    ema: float = 0.98
    head_only: bool = False
    unfreeze: str | None = None
    batch_norm: str = "frozen"
    class_weights: str = "none"
    augment: str = "light"
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"{name} is out of range", got=value, allowed=f"{low:g} to {high:g}")
        if self.seed < 0:
            raise UsageError("the seed is out of range", got=self.seed, allowed="0 or more")
        for kind, got, allowed in (
            ("treatment of batch norm", self.batch_norm, BATCH_NORMS),
            ("class weights", self.class_weights, CLASS_WEIGHTS),
        ):
            if got not in allowed:
                raise UnknownNameError(kind, got, allowed)
        if self.head_only and self.unfreeze is not None:
            raise UsageError(
                "--head-only and --unfreeze disagree", got=self.unfreeze, hint="give one of them"
            )

    @property
    def policy(self) -> Policy:
        """The augmentation, read."""
        return policy_from_text(self.augment)

    @property
    def unfreezing(self) -> Unfreezing:
        """The table of unfreezing, read; rows after the last epoch are left out."""
        if self.unfreeze is None:
            return default_unfreezing(self.epochs, head_only=self.head_only)
        rows = unfreezing_from_text(self.unfreeze).rows
        return Unfreezing(tuple(row for row in rows if row[0] < self.epochs))

    def to_record(self) -> dict[str, Any]:
        """Return the settings as they are written beside weights and checkpoints, tables written out."""
        from dataclasses import asdict

        return asdict(self) | {"augment": self.policy.text, "unfreeze": self.unfreezing.text}
