"""Statistics of raw samples: order statistics, and intervals by resampling whole rounds.

Samples that follow each other resemble each other (the clock, the caches, the neighbours), so that resampling single
samples would give intervals that are too narrow. Rounds are resampled instead, and for the ratio of two contenders the
same rounds of both, because they ran side by side.

References:
    H. R. Kunsch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17 (1989).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Rounds: TypeAlias = Sequence[Sequence[float]]

__all__ = ["LEAST_ROUNDS", "RESAMPLES", "median_interval", "ratio_interval", "summary"]

RESAMPLES: Final = 1000
LEAST_ROUNDS: Final = 6
"""With fewer, no choice of rounds reaches 95 %: even from the least to the greatest of five only 94 % of truths would lie."""

_SEED: Final = 20261124
_LEVEL: Final = (2.5, 97.5)


def summary(samples: Sequence[float]) -> dict[str, float]:
    """Return the order statistics of samples, in their unit.

    Returns:
        ``median, iqr`` (third less first quartile), ``p90, p99, min, mean``.

    Raises:
        UsageError: There is no sample.
    """
    if not samples:
        raise UsageError("no sample to describe", got="0", allowed="1 or more")
    first, median, third, p90, p99 = np.percentile(samples, (25, 50, 75, 90, 99))
    return {
        "median": float(median),
        "iqr": float(third - first),
        "p90": float(p90),
        "p99": float(p99),
        "min": float(np.min(samples)),
        "mean": float(np.mean(samples)),
    }


def median_interval(rounds: Rounds) -> tuple[float, float] | None:
    """Return the bootstrap 95 % interval of the median, rounds resampled whole; None for fewer than six."""
    if len(rounds) < LEAST_ROUNDS:
        return None
    low, high = np.percentile(_medians(rounds, _draws(len(rounds))), _LEVEL)
    return float(low), float(high)


def ratio_interval(a: Rounds, b: Rounds) -> tuple[float, float] | None:
    """Return the bootstrap 95 % interval of median(a) / median(b), the same rounds of both drawn together.

    Args:
        a: Samples by round.
        b: The other contender's, taken in turns with ``a``; rounds beyond the shorter of both are left out.

    Returns:
        The interval; None for fewer than six rounds.
    """
    count = min(len(a), len(b))
    if count < LEAST_ROUNDS:
        return None
    draws = _draws(count)
    low, high = np.percentile(_medians(a[:count], draws) / _medians(b[:count], draws), _LEVEL)
    return float(low), float(high)


def _draws(rounds: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.random.default_rng(_SEED).integers(0, rounds, (RESAMPLES, rounds))


def _medians(
    rounds: Rounds, draws: np.ndarray[tuple[int, int], np.dtype[np.int64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the median of every drawn set of rounds.

    All samples are sorted once; a drawn set is then a count per sample, and its median is where the counts reach half.
    """
    values = np.concatenate([np.asarray(samples, dtype=np.float64) for samples in rounds])
    owner = np.repeat(np.arange(len(rounds)), [len(samples) for samples in rounds])
    order = np.argsort(values, kind="stable")
    values, owner = values[order], owner[order]
    medians = np.empty(len(draws))
    for row, drawn in enumerate(draws):
        reached = np.cumsum(np.bincount(drawn, minlength=len(rounds))[owner])
        total = int(reached[-1])
        lower, upper = np.searchsorted(reached, ((total + 1) // 2, total // 2 + 1))
        medians[row] = (values[lower] + values[upper]) / 2
    return medians
