"""How sure an accuracy is, and whether two models differ on the same images: pure functions of counts.

Everything here is a fraction in [0, 1] (a difference in [-1, 1]); records multiply by 100.

References:
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods",
    Statistics in Medicine 17 (1998) 857-872, method 3.
    R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17 (1998) 873-890, method 10.
    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17 (1998) 2635-2650, method 10.
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12 (1947).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "DIFFERENCE_METHOD",
    "INDEPENDENT_METHOD",
    "Z95",
    "Interval",
    "PairedCounts",
    "independent_interval",
    "mcnemar_p",
    "paired_interval",
    "wilson_interval",
]

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution: two-sided 95 %."""

DIFFERENCE_METHOD = "Newcombe 1998 (paired), method 10"
"""Named in records beside the interval of a difference."""


INDEPENDENT_METHOD = "Newcombe 1998 (independent), method 10"
"""The same for two sets of images."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval, ``low <= high``."""

    low: float
    high: float

    def percent(self) -> list[float]:
        """Return ``[low, high]`` times 100, as records carry it."""
        return [100.0 * self.low, 100.0 * self.high]


@dataclass(frozen=True)
class PairedCounts:
    """Images by which of two models gets them right.

    Attributes:
        both: Both right.
        only_first: The first right, the second wrong.
        only_second: The second right, the first wrong.
        neither: Both wrong.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @classmethod
    def of(cls, first: npt.NDArray[Any], second: npt.NDArray[Any]) -> PairedCounts:
        """Count two ``(images,) bool`` arrays of right answers on the same images."""
        if first.shape != second.shape:
            raise ValueError(f"not the same images: {first.shape} and {second.shape}")
        one, two = first.astype(bool), second.astype(bool)
        cells = (one & two, one & ~two, ~one & two, ~one & ~two)
        return cls(*(int(np.count_nonzero(cell)) for cell in cells))

    @property
    def n(self) -> int:
        """Number of images."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the first minus accuracy of the second."""
        return (self.only_first - self.only_second) / self.n


def wilson_interval(successes: int, n: int, z: float = Z95) -> Interval:
    """Return Wilson's score interval of a proportion; it stays inside [0, 1] and is never empty.

    Args:
        successes: 0 to ``n``.
        n: At least 1.
        z: Normal quantile of the confidence level.

    Raises:
        ValueError: ``n`` is 0, or ``successes`` is not within 0 to ``n``.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a proportion")
    share, z2 = successes / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At 0 and n the bound is exactly 0 or 1; rounding could leave 1e-17 on the wrong side.
    low = 0.0 if successes == 0 else min(centre - half, share)
    high = 1.0 if successes == n else max(centre + half, share)
    return Interval(low, high)


def paired_interval(counts: PairedCounts, z: float = Z95) -> Interval:
    """Return the interval of ``counts.difference``: Wilson's intervals of both accuracies, squared and added.

    Method 10 of Newcombe's paper on paired data: the correlation of the two models' right answers shortens the
    interval, with a continuity correction so that a chance correlation does not.

    Raises:
        ValueError: There is no image.
    """
    n = counts.n
    first, second = counts.both + counts.only_first, counts.both + counts.only_second
    share_1, share_2 = first / max(n, 1), second / max(n, 1)
    ci_1, ci_2 = wilson_interval(first, n, z), wilson_interval(second, n, z)
    phi = _correlation(counts)
    below = _square_and_add(share_1 - ci_1.low, ci_2.high - share_2, phi)
    above = _square_and_add(share_2 - ci_2.low, ci_1.high - share_1, phi)
    return Interval(max(-1.0, counts.difference - below), min(1.0, counts.difference + above))


def independent_interval(first: tuple[int, int], second: tuple[int, int], z: float = Z95) -> Interval:
    """Return the interval of the difference of two accuracies on different images: Wilson's, squared and added.

    Args:
        first: Successes and n of the first.
        second: Of the second.
        z: Normal quantile of the confidence level.

    Raises:
        ValueError: One of them is not a proportion.
    """
    (share_1, ci_1), (share_2, ci_2) = (
        (hits / n, wilson_interval(hits, n, z)) for hits, n in (first, second)
    )
    below = _square_and_add(share_1 - ci_1.low, ci_2.high - share_2, 0.0)
    above = _square_and_add(share_2 - ci_2.low, ci_1.high - share_1, 0.0)
    return Interval(max(-1.0, share_1 - share_2 - below), min(1.0, share_1 - share_2 + above))


def mcnemar_p(counts: PairedCounts) -> float:
    """Return the exact two-sided p-value of McNemar's test: were the discordant images a fair coin's?

    Binomial(only_first + only_second, 1/2), doubled lower tail, at most 1; 1 where no image is discordant.
    """
    discordant = counts.only_first + counts.only_second
    fewer = min(counts.only_first, counts.only_second)
    # Whole numbers: exact for any count, where powers of 1/2 would vanish. Each term comes from the one before it.
    term = tail = 1
    for k in range(fewer):
        term = term * (discordant - k) // (k + 1)
        tail += term
    p_value: float = 2 * tail / 2**discordant
    return min(1.0, p_value)


def _correlation(counts: PairedCounts) -> float:
    """Return the phi coefficient of the 2 x 2 table with Newcombe's continuity correction."""
    a, b, c, d = counts.both, counts.only_first, counts.only_second, counts.neither
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    cross = a * d - b * c
    corrected = max(cross - counts.n / 2, 0.0) if cross > 0 else float(cross)
    return corrected / math.sqrt(margins)


def _square_and_add(one: float, two: float, phi: float) -> float:
    """Return the length of the sum of two errors whose correlation is ``phi``."""
    return math.sqrt(max(0.0, one * one - 2 * phi * one * two + two * two))
