"""From one frame's probabilities to labels that do not flicker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.runtimes.base import Floats

__all__ = ["Guess", "Smoother", "best"]


@dataclass(frozen=True)
class Guess:
    """One class and how sure the network is of it, 0 to 1."""

    label: str
    index: int
    score: float


class Smoother:
    """An exponential mean over frames.

    Args:
        share: What the frames before count, 0 (nothing) to below 1.

    Raises:
        UsageError: The share is out of range.
    """

    def __init__(self, share: float) -> None:
        if not 0.0 <= share < 1.0:
            raise UsageError("--smooth is out of range", got=share, allowed="0 to below 1")
        self._share = share
        self._mean: Floats | None = None

    def add(self, probabilities: Floats) -> Floats:
        """Return the mean, this frame included; the first frame counts whole."""
        if self._mean is None or self._share == 0.0:
            self._mean = probabilities
        else:
            self._mean = self._share * self._mean + np.float32(1.0 - self._share) * probabilities
        return self._mean


def best(probabilities: Floats, labels: Sequence[str], *, count: int, threshold: float) -> list[Guess]:
    """Return the likeliest classes that reach the threshold, the likeliest first; of equals the lowest index."""
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [
        Guess(labels[index], int(index), float(probabilities[index]))
        for index in order
        if probabilities[index] >= threshold
    ]
