"""The times of one attempt at a profile, from those of many runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ATTEMPTS", "TOLERANCE", "Times", "middle_half", "middle_mean", "times_from_runs"]

TOLERANCE: Final = 0.1
"""How far the sum of the operators may be from the whole; beyond that the times are taken anew."""

ATTEMPTS: Final = 3

_CUT_US: Final = 0.5
"""What XNNPACK's clock drops of an operator's time on average: it counts whole microseconds that have passed."""


@dataclass(frozen=True)
class Times:
    """The times of one attempt.

    Attributes:
        operators_us: Of each event, ``(events,)``.
        total_us: Their sum.
        whole_us: Of one inference that nobody watched.
        watched_us: Of one under the profiler; None where there was none.
        runs: How many of each, at least.
    """

    operators_us: npt.NDArray[np.float64]
    total_us: float
    whole_us: float
    watched_us: float | None
    runs: int

    @property
    def fits(self) -> bool:
        """Whether the sum of the parts is the whole, within `TOLERANCE`."""
        return abs(self.total_us - self.whole_us) <= TOLERANCE * self.whole_us


def times_from_runs(
    ticks: npt.NDArray[Any],
    watched_ns: npt.NDArray[Any],
    plain_ns: npt.NDArray[Any],
    cut: npt.NDArray[np.bool_],
) -> Times:
    """Return the times of many runs.

    An operator's time is the mean over the runs whose sum is in the middle half: a median of whole microseconds could
    not tell 1.2 from 0.8, and means of the same runs add up.

    Args:
        ticks: Whole microseconds of each event, ``(runs, events)``.
        watched_ns: Of each whole run under the profiler.
        plain_ns: Of each run that nobody watched.
        cut: Which events' microseconds are cut, not rounded, ``(events,)``.
    """
    operators = ticks[middle_half(ticks.sum(1))].mean(0) + _CUT_US * cut
    whole, watched = (middle_mean(values) / 1e3 for values in (plain_ns, watched_ns))
    return Times(operators, float(operators.sum()), whole, watched, len(ticks))


def middle_half(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return where the middle half of values is, the lowest and the highest quarter left out."""
    quarter = len(values) // 4
    return np.argsort(values, kind="stable")[quarter : len(values) - quarter]


def middle_mean(values: npt.NDArray[Any]) -> float:
    """Return the mean of the middle half of values."""
    return float(values[middle_half(values)].mean())
