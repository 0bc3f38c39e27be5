"""What the demonstration's training does at each step: pure functions of the step, so that a resumed run is the same run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from edge_effnet.errors import UsageError
from edge_effnet.train.schedule import Cosine

__all__ = ["DEMO_PLAN", "Phase", "Plan"]

_EASIEST: Final = 0.2
"""Where the limit of how hard pictures are begins."""

_FULL_AT: Final = 0.5
"""Share of the run after which pictures are as hard as the set's."""


@dataclass(frozen=True)
class Phase:
    """Some epochs at one resolution.

    Attributes:
        resolution_px: Side of the pictures.
        epochs: How many.
    """

    resolution_px: int
    epochs: int


@dataclass(frozen=True)
class Plan:
    """A training run from the first step to the last.

    No picture comes twice, so that nothing can be learnt by heart: there is no dropout and no augmentation beyond what
    the pictures themselves vary in. Resolution and hardness rise while the network learns.

    Attributes:
        model_id: What is trained.
        classes: Outputs.
        seed: Of the first weights.
        phases: Resolutions, in order; the last is that of the result.
        epoch_pictures: Pictures in an epoch, a multiple of ``batch_size``.
        batch_size: Pictures in a step.
        peak_rate: Highest learning rate, reached after the warm-up and falling to 0 on half a cosine.
        warm_up_steps: Steps on which the learning rate rises from 0.
        weight_decay: Of kernels, relative to the learning rate (Loshchilov and Hutter, "Decoupled weight decay", 2019).
        label_smoothing: Probability that is spread over all classes.
        bn_momentum: Of the moving statistics; 0.99 would still carry the first weights after so few steps.
        validation_pictures: How many of the split ``val`` judge each epoch.

    References:
        Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021: resolution that rises in training.
        Bengio et al., "Curriculum learning", 2009: plain examples first.
    """

    model_id: str = "b0"
    classes: int = 10
    seed: int = 20240610
    phases: tuple[Phase, ...] = (Phase(64, 9), Phase(96, 3))
    epoch_pictures: int = 8000
    batch_size: int = 32
    peak_rate: float = 2e-3
    warm_up_steps: int = 200
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    bn_momentum: float = 0.97
    validation_pictures: int = 500

    def __post_init__(self) -> None:
        if self.epoch_pictures % self.batch_size or not self.epochs:
            raise UsageError(
                "the plan has no whole number of steps",
                got=f"{self.epochs} epochs of {self.epoch_pictures} pictures in steps of {self.batch_size}",
            )

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def epoch_steps(self) -> int:
        """Steps in an epoch."""
        return self.epoch_pictures // self.batch_size

    @property
    def steps(self) -> int:
        """Steps in the run."""
        return self.epochs * self.epoch_steps

    @property
    def resolution_px(self) -> int:
        """Resolution of the result."""
        return self.phases[-1].resolution_px

    def resolution_at(self, epoch: int) -> int:
        """Return the resolution of an epoch, counted from 0, in pixels."""
        sides = [phase.resolution_px for phase in self.phases for _ in range(phase.epochs)]
        return sides[epoch]

    def hardest_at(self, epoch: int) -> float:
        """Return the limit of how hard an epoch's pictures are, 0 to 1: rising, then 1."""
        return min(1.0, _EASIEST + (1.0 - _EASIEST) * epoch / (_FULL_AT * self.epochs))

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return Cosine(self.peak_rate, self.steps, self.warm_up_steps).rate_at(step)

    def to_record(self) -> dict[str, Any]:
        """Return the plan as it is written beside weights and checkpoints."""
        return asdict(self)


DEMO_PLAN: Final = Plan()
"""The weights that ``edge-effnet quickstart`` uses."""
