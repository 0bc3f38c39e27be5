"""What a quantization-aware training run is told. Data only."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from edge_effnet.errors import UsageError
from edge_effnet.train.schedule import Cosine

__all__ = ["QatSettings", "Rates", "settings_from"]

_LABEL_WEIGHT: Final = 0.1


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of Adam, each in the natural unit of what it moves, so that none depends on the network.

    Attributes:
        kernel: Rounding steps of a weight, per training step.
        bias: Rounding steps of the layer's output, per training step.
        gain: Relative change of a channel's weight scale, per training step.
        grid: Relative change of an activation's scale, per training step.
    """

    kernel: float = 2.5e-3
    bias: float = 2.5e-3
    gain: float = 2.5e-5
    grid: float = 5e-5


@dataclass(frozen=True)
class QatSettings:
    """One run.

    Attributes:
        steps: Training steps.
        batch_size: Pictures in a step.
        seed: Of the order and the crops of the pictures.
        longest_epoch: Steps between two judgements, each with a checkpoint.
        warm_up_steps: Steps on which the rates rise; they fall on half a cosine after.
        rates: Peak learning rates.
        last_share: What is left of the rates at the last step.
        temperature: Of the distillation; 1 compares the probabilities as they are.
        logit_weight: Weight of the logits' mean square error: the divergence alone lets all logits drift together.
        feature_weight: Weight of the mean square error at the ends of the blocks, relative to the float network's variance.
        label_weight: Weight of the labels' cross-entropy against the distillation, in [0, 1]; None takes 0.1 where the
            pictures have labels and 0 where not.
        augment: Name of the augmentation policy, see `edge_effnet.train.augment`.
        held_out: Pictures that are not trained on and choose what is kept.
        learn_grids: Whether the ranges of the activations are learned.
        reestimate: Whether batch norm is re-estimated at the end: each layer's output gets the float network's mean and
            variance again, as far as held-out pictures want it.
    """

    steps: int = 600
    batch_size: int = 16
    seed: int = 0
    longest_epoch: int = 50
    warm_up_steps: int = 10
    rates: Rates = field(default_factory=Rates)
    last_share: float = 0.02
    temperature: float = 1.0
    logit_weight: float = 1.0
    feature_weight: float = 0.2
    label_weight: float | None = None
    augment: str = "light"
    held_out: int = 150
    learn_grids: bool = True
    reestimate: bool = True

    def __post_init__(self) -> None:
        for name, value in (
            ("steps", self.steps),
            ("batch size", self.batch_size),
            ("steps in an epoch", self.longest_epoch),
        ):
            if value < 1:
                raise UsageError(f"the number of {name} is out of range", got=value, allowed="1 or more")
        if self.label_weight is not None and not 0.0 <= self.label_weight <= 1.0:
            raise UsageError("the label weight is out of range", got=self.label_weight, allowed="0 to 1")
        if self.temperature <= 0.0:
            raise UsageError("the temperature is out of range", got=self.temperature, allowed="above 0")

    @property
    def label_share(self) -> float:
        """The label weight, 0 where it was left open."""
        return self.label_weight or 0.0

    def on(self, *, labelled: bool) -> QatSettings:
        """Return the settings with the label weight that suits the pictures.

        Raises:
            UsageError: Labels were asked for, and there are none.
        """
        if self.label_share and not labelled:
            raise UsageError(
                "the pictures have no labels", got=f"label weight {self.label_weight:g}",
                hint="put them into one folder per class, or leave --label-weight out",
            )  # fmt: skip
        return replace(
            self,
            label_weight=(_LABEL_WEIGHT if labelled else 0.0)
            if self.label_weight is None
            else self.label_weight,
        )

    @property
    def epochs(self) -> int:
        """Judgements."""
        return math.ceil(self.steps / self.longest_epoch)

    @property
    def epoch_steps(self) -> int:
        """Steps between two of them: equal parts of the run, which may make it a few steps longer."""
        return math.ceil(self.steps / self.epochs)

    def share_at(self, step: int) -> float:
        """Return the share of the peak rates at a step, counted from 0."""
        warm_up = min(self.warm_up_steps, self.steps // 4)
        return Cosine(1.0, self.steps, warm_up, self.last_share).rate_at(step)

    def to_record(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


def settings_from(rate: float = 1.0, **choices: Any) -> QatSettings:
    """Return settings with every rate times ``rate``; choices that are None keep their default.

    Raises:
        UsageError: A value is out of range.
    """
    if not 0.0 < rate < math.inf:
        raise UsageError("the factor of the learning rates is out of range", got=rate, allowed="above 0")
    rates = Rates(**{name: rate * value for name, value in asdict(Rates()).items()})
    return QatSettings(rates=rates, **{name: value for name, value in choices.items() if value is not None})
