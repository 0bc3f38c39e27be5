"""Random numbers and noise that are the same bits on every machine and with every version of numpy.

Only what IEEE 754 rounds exactly is used (+, -, x, /, square root, comparisons, floor), one operation at a time, and
never a sum over an axis, a sine or a power: so a picture drawn from a seed has one hash everywhere. numpy keeps the
raw stream of a bit generator for ever, but not the streams of `Generator`'s distributions, so those are made here.

References:
    numpy enhancement proposal 19, "Random number generator policy": raw bit streams are stable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]
    Item = TypeVar("Item")

__all__ = ["Draws", "fractal_noise", "smooth_noise", "white_noise"]

_BLOCK: Final = 1024
_UNIT: Final = 2.0**-53
# Uniform values in [-1, 1) have variance 1/3; smoothstep interpolation in two directions keeps (26/35)^2 of it.
_OCTAVE_VARIANCE: Final = 1.0 / 3.0 * (26.0 / 35.0) ** 2


class Draws:
    """A stream of random numbers that is named by a few integers.

    Args:
        key: Non-negative integers; another key is another, independent stream.
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key))
        self._waiting: list[float] = []

    def unit(self) -> float:
        """Return a number in [0, 1), 53 random bits."""
        if not self._waiting:
            self._waiting = self.units(_BLOCK).tolist()
        return self._waiting.pop()

    def units(self, count: int) -> npt.NDArray[np.float64]:
        """Return ``(count,)`` numbers in [0, 1)."""
        raw: npt.NDArray[np.uint64] = self._bits.random_raw(count)
        values: npt.NDArray[np.float64] = (raw >> np.uint64(11)).astype(np.float64)
        return values * _UNIT

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self.unit()

    def integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high]."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return true with this probability."""
        return self.unit() < probability

    def choice(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[int(self.unit() * len(items))]

    def bell(self) -> float:
        """Return a number of mean 0 and variance 1 within ±3.47: the sum of four uniform ones, nearly normal."""
        total = self.unit() + self.unit() + self.unit() + self.unit()
        return (total - 2.0) * 1.7320508075688772

    def direction(self) -> tuple[float, float]:
        """Return ``(cosine, sine)`` of a uniform angle: a point of the disc, drawn until inside, on its circle."""
        while True:
            x, y = self.between(-1.0, 1.0), self.between(-1.0, 1.0)
            square = x * x + y * y
            if 1e-4 < square <= 1.0:
                length = float(np.sqrt(square))
                return x / length, y / length


def white_noise(draws: Draws, side_px: int) -> FloatArray:
    """Return ``(side, side)`` independent values of mean 0 and variance 1 (two-sided triangular)."""
    first, second = draws.units(side_px * side_px), draws.units(side_px * side_px)
    return ((first - second) * 2.449489742783178).astype(np.float32).reshape(side_px, side_px)


def smooth_noise(draws: Draws, side_px: int, cells: int) -> FloatArray:
    """Return ``(side, side)`` in about ±1: random values on a periodic grid of ``cells``², smoothly interpolated."""
    grid = (draws.units(cells * cells) * 2.0 - 1.0).astype(np.float32).reshape(cells, cells)
    position = (np.arange(side_px, dtype=np.float32) + np.float32(0.5)) * np.float32(cells / side_px)
    low = np.floor(position)
    t = position - low
    weight = t * t * (np.float32(3.0) - (t + t))
    first = low.astype(np.int64) % cells
    second = (first + 1) % cells
    rows = grid[first] + (grid[second] - grid[first]) * weight[:, None]
    left, right = rows[:, first], rows[:, second]
    values: FloatArray = left + (right - left) * weight
    return values


def fractal_noise(draws: Draws, side_px: int, growth: float = 1.0) -> FloatArray:
    """Return ``(side, side)`` noise of octaves, mean about 0, variance about 1.

    With ``growth`` 1 every octave carries the same variance, so power falls as one over the frequency squared, which is
    the spectrum of photographs; above 1 the noise is rougher, as gravel and leaves are.

    Args:
        draws: Random numbers.
        side_px: Side of the square; the noise is periodic.
        growth: Amplitude of an octave relative to the next coarser one.

    References:
        D. J. Field, "Relations between the statistics of natural images and the response properties of cortical
        cells", J. Opt. Soc. Am. A 4, 1987.
    """
    total = np.zeros((side_px, side_px), np.float32)
    amplitude, variance, cells = 1.0, 0.0, 2
    while cells <= side_px:
        total += smooth_noise(draws, side_px, cells) * np.float32(amplitude)
        variance += _OCTAVE_VARIANCE * amplitude * amplitude
        amplitude, cells = amplitude * growth, cells * 2
    total *= np.float32(1.0 / variance**0.5)
    return total
