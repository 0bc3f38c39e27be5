"""How large a step is: a warm-up, then half a cosine; pure functions of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_effnet.errors import UsageError

__all__ = ["Cosine"]


@dataclass(frozen=True)
class Cosine:
    """A learning rate that rises in a line to its peak and falls on half a cosine.

    Attributes:
        peak: Highest rate, above 0.
        steps: Steps in all.
        warm_up_steps: Steps on which it rises from 0; the last of them has the peak.
        floor: Share of the peak, 0 to 1, that is left at the end.

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.
        Goyal et al., "Accurate, Large Minibatch SGD", 2017: the warm-up.
    """

    peak: float
    steps: int
    warm_up_steps: int = 0
    floor: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.peak < math.inf) or self.steps < 1 or self.warm_up_steps < 0:
            raise UsageError(
                "the learning rate or its number of steps is out of range",
                got=f"rate {self.peak}, {self.steps} steps, {self.warm_up_steps} of warm-up",
                allowed="a rate above 0, 1 step or more",
            )
        if not 0.0 <= self.floor <= 1.0:
            raise UsageError(
                "the floor of the learning rate is out of range", got=self.floor, allowed="0 to 1"
            )

    def rate_at(self, step: int) -> float:
        """Return the rate of a step, counted from 0."""
        if step < self.warm_up_steps:
            return self.peak * ((step + 1) / self.warm_up_steps)
        share = (step - self.warm_up_steps) / max(1, self.steps - self.warm_up_steps)
        falling = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
        return self.peak * (self.floor + (1.0 - self.floor) * falling)
