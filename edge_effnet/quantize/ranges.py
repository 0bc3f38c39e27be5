"""Find the range of a tensor: what int8 rounding and clipping inside it cost, over a grid of candidates.

The error is measured where it matters: for a tensor that goes into swish, after the swish; and every channel counts by
the energy of the weights that read it. All functions are pure numpy.

References:
    The error after the activation: a swish has no use for values below about -8, and clipping its tail shifts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.quantize.scheme import QMAX, QMIN

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["FUNCTIONS", "Histogram", "hard_swish", "histogram", "search_range", "swish"]

_BINS: Final = 4096
_HIGHS: Final = 40
_LOWS: Final = 20
_SWISH_LOWS: Final = (-2.0, -2.5, -3.0, -3.5, -4.0, -5.0, -6.0, -7.0, -8.0, -10.0, -12.0, -16.0)
_SWISH_FLOOR: Final = -20.0
_SMALLEST_SHARE: Final = 0.02
_ROUNDS: Final = 2


def swish(values: npt.NDArray[np.floating]) -> Floats:
    """Return ``x * sigmoid(x)``."""
    return np.asarray(values / (1.0 + np.exp(-np.clip(values, -60.0, 60.0))), np.float64)


def hard_swish(values: npt.NDArray[np.floating]) -> Floats:
    """Return ``x * relu6(x + 3) / 6``."""
    return np.asarray(values * np.clip(values + 3.0, 0.0, 6.0) / 6.0, np.float64)


def _identity(values: npt.NDArray[np.floating]) -> Floats:
    return np.asarray(values, np.float64)


FUNCTIONS: dict[str, Callable[[npt.NDArray[np.floating]], Floats]] = {
    "identity": _identity,
    "swish": swish,
    "hard_swish": hard_swish,
}
"""What follows a tensor -> the function after which its error is measured."""


@dataclass(frozen=True)
class Histogram:
    """Weighted counts of a tensor's values, empty bins left out; ``minimum`` and ``maximum`` are exact."""

    centres: Floats
    weights: Floats
    minimum: float
    maximum: float


def histogram(
    values: npt.NDArray[np.float32], channel_weights: npt.NDArray[np.float64] | None = None
) -> Histogram:
    """Count the values of a tensor.

    Args:
        values: ``(rows, channels)``.
        channel_weights: ``(channels,)``, how much an error in each channel matters; equal where None.
    """
    minimum, maximum = float(values.min()), float(values.max())
    span = max(maximum - minimum, 1e-12)
    bins = np.minimum(((values - np.float32(minimum)) * np.float32(_BINS / span)).astype(np.int32), _BINS - 1)
    spread = None if channel_weights is None else np.broadcast_to(channel_weights, values.shape).ravel()
    counts = np.bincount(bins.ravel(), weights=spread, minlength=_BINS).astype(np.float64)
    used = counts > 0
    centres = minimum + (np.arange(_BINS) + 0.5) * (span / _BINS)
    return Histogram(np.asarray(centres[used], np.float64), counts[used], minimum, maximum)


def _rounded(values: Floats, lows: Floats, highs: Floats) -> Floats:
    """Round values to the int8 grid of each range: ``(ranges, values)``."""
    lows, highs = np.minimum(lows, 0.0)[:, None], np.maximum(highs, 1e-6)[:, None]
    scale = (highs - lows) / (QMAX - QMIN)
    zero = np.clip(np.rint(QMIN - lows / scale), QMIN, QMAX)
    return np.asarray((np.clip(np.rint(values / scale) + zero, QMIN, QMAX) - zero) * scale)


def _candidate_lows(counts: Histogram, function: str) -> Floats:
    if counts.minimum > -1e-6:
        return np.zeros(1)
    if function == "identity":
        return counts.minimum * np.geomspace(0.05, 1.0, _LOWS)
    kept = [low for low in _SWISH_LOWS if low > counts.minimum]
    return np.array([*kept, max(counts.minimum, _SWISH_FLOOR)])


def search_range(counts: Histogram, function: str = "identity") -> tuple[float, float]:
    """Return the range with the smallest weighted mean square error after ``function``; never worse than all that was seen.

    Args:
        counts: The tensor's histogram.
        function: A key of `FUNCTIONS`.
    """
    highs = max(counts.maximum, 1e-6 if function == "identity" else 0.5) * np.geomspace(
        _SMALLEST_SHARE, 1.0, _HIGHS
    )
    lows = _candidate_lows(counts, function)
    low = lows[len(lows) // 2]
    high = highs[_best(counts, function, np.full(_HIGHS, low), highs)]
    for _ in range(_ROUNDS):  # the two ends hardly interact: descend along each in turn
        low = lows[_best(counts, function, lows, np.full(len(lows), high))]
        high = highs[_best(counts, function, np.full(_HIGHS, low), highs)]
    lows, highs = np.array([low, counts.minimum]), np.array([high, counts.maximum])
    best = _best(counts, function, lows, highs)  # a descent may stop short of where it could have begun
    return float(lows[best]), float(highs[best])


def _best(counts: Histogram, function: str, lows: Floats, highs: Floats) -> int:
    apply = FUNCTIONS[function]
    wrong = apply(_rounded(counts.centres, lows, highs)) - apply(counts.centres)
    return int(((wrong**2) @ counts.weights).argmin())
