"""How far two results are apart, in float64: pure functions on arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CodeSteps", "PowerSums", "cosine", "max_lsb", "ranking", "sqnr_db", "top1_agreement"]

Array: TypeAlias = "npt.NDArray[Any]"


def sqnr_db(reference: Array, test: Array) -> float:
    """Return the signal-to-quantisation-noise ratio, ``10 log10(sum ref^2 / sum (ref - test)^2)``.

    Equal arrays give ``inf`` (all-zero ones included: there is no noise); noise on an all-zero reference gives ``-inf``.

    Args:
        reference: Any shape, finite.
        test: The same shape, finite.

    Returns:
        Decibels.

    Raises:
        ValueError: The shapes differ, there is no element, or a value is not finite.
    """
    signal, other = _paired(reference, test)
    # Divided by the largest magnitude, squares neither overflow nor vanish.
    largest = max(np.max(np.abs(signal)), np.max(np.abs(other)))
    if np.array_equal(signal, other):
        return math.inf
    signal, other = signal / largest, other / largest
    power, noise = float(np.sum(signal**2)), float(np.sum((signal - other) ** 2))
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(power / noise) if power > 0.0 else -math.inf


def cosine(reference: Array, test: Array) -> float:
    """Return the cosine of the angle between two arrays taken as vectors, in [-1, 1].

    Two all-zero arrays point the same way (1); an all-zero one against another does not (0).

    Raises:
        ValueError: The shapes differ, there is no element, or a value is not finite.
    """
    one, two = (_unit(vector) for vector in _paired(reference, test))
    if not one.any() or not two.any():
        return float(not one.any() and not two.any())
    return float(np.clip(np.sum(one * two), -1.0, 1.0))


def max_lsb(test_codes: Array, reference_codes: Array) -> int:
    """Return the largest difference between two arrays of integer codes, in steps of the quantiser.

    Raises:
        ValueError: The shapes differ, there is no element, or the codes are not integers.
    """
    for codes in (test_codes, reference_codes):
        if codes.dtype.kind not in "iu":
            raise ValueError(f"codes must be integers, got {codes.dtype}")
    _check_shapes(test_codes, reference_codes)
    return int(np.max(np.abs(test_codes.astype(np.int64) - reference_codes.astype(np.int64))))


def ranking(scores: Array, count: int) -> npt.NDArray[np.int64]:
    """Return the indices of the best scores, best first; among equal scores the lowest index wins.

    Int8 outputs tie often (a softmax in int8 ties the first place on one image in five), so the rule matters.

    Args:
        scores: ``(..., classes)``; NaN ranks last.
        count: How many to return; at most the number of classes are there.

    Returns:
        ``(..., min(count, classes))`` int64.
    """
    falling = -np.asarray(scores, dtype=np.float64)
    order: npt.NDArray[np.int64] = np.argsort(falling, axis=-1, kind="stable")[..., :count]
    return order


def top1_agreement(reference_logits: Array, test_logits: Array) -> float:
    """Return on how many images both put the same class first, in percent; ties go to the lowest index.

    Args:
        reference_logits: ``(images, classes)``.
        test_logits: ``(images, classes)``.

    Raises:
        ValueError: The shapes differ or there is no image.
    """
    _check_shapes(reference_logits, test_logits)
    same = ranking(reference_logits, 1) == ranking(test_logits, 1)
    return 100.0 * float(np.mean(same))


@dataclass
class PowerSums:
    """An SQNR over arrays that come one after another and need not be kept.

    Attributes:
        signal: Sum of the squares of the reference.
        noise: Sum of the squares of the differences.
    """

    signal: float = 0.0
    noise: float = 0.0

    def add(self, reference: Array, test: Array) -> None:
        """Count two arrays of one shape; the sums are in float64.

        Raises:
            ValueError: The shapes differ, there is no element, or a value is not finite.
        """
        _check_shapes(reference, test)
        one = reference.astype(np.float64)
        error = test - one
        # A sum of squares is finite only if every value is, which spares two passes over the data.
        signal, noise = float(np.sum(np.square(one, out=one))), float(np.sum(np.square(error, out=error)))
        if not math.isfinite(signal + noise):
            raise ValueError("values must be finite")
        self.signal += signal
        self.noise += noise

    @property
    def sqnr_db(self) -> float:
        """As `sqnr_db` gives for all the arrays in one; NaN before the first."""
        if self.noise == 0.0:
            return math.inf if self.signal > 0.0 else math.nan
        return 10.0 * math.log10(self.signal / self.noise) if self.signal > 0.0 else -math.inf


@dataclass
class CodeSteps:
    """How many steps of the quantiser pairs of integer codes are apart, counted as they come.

    Attributes:
        values: Pairs counted.
        apart: Pairs that differ.
        total: Sum of the differences.
        beyond_1: Pairs more than one step apart.
        largest: The largest difference.
    """

    values: int = 0
    apart: int = 0
    total: int = 0
    beyond_1: int = 0
    largest: int = 0

    def add(self, one: Array, two: Array) -> None:
        """Count two arrays of integer codes.

        Raises:
            ValueError: The shapes differ, there is no element, or the codes are not integers.
        """
        self.largest = max(self.largest, max_lsb(one, two))
        steps = np.abs(one.astype(np.int64) - two.astype(np.int64))
        self.values += steps.size
        self.apart += int(np.count_nonzero(steps))
        self.total += int(steps.sum())
        self.beyond_1 += int(np.count_nonzero(steps > 1))

    @property
    def equal(self) -> float:
        """Share of pairs that are the same code, in percent."""
        return 100.0 * (1.0 - self.apart / self.values)

    @property
    def within_1_lsb(self) -> float:
        """Share of pairs at most one step apart, in percent."""
        return 100.0 * (1.0 - self.beyond_1 / self.values)

    @property
    def mean_lsb(self) -> float:
        """Mean difference in steps."""
        return self.total / self.values


def _paired(reference: Array, test: Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return both arrays in float64 after the checks that every statistic needs."""
    _check_shapes(reference, test)
    one, two = reference.astype(np.float64), test.astype(np.float64)
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("values must be finite")
    return one, two


def _check_shapes(one: Array, two: Array) -> None:
    if one.shape != two.shape:
        raise ValueError(f"shapes differ: {one.shape} and {two.shape}")
    if one.size == 0:
        raise ValueError("there is no element")


def _unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the vector with length 1, or zeros if it has no length."""
    largest = np.max(np.abs(vector))
    if largest == 0.0:
        return vector
    scaled = vector / largest  # so that squares neither overflow nor vanish
    unit: npt.NDArray[np.float64] = scaled / math.sqrt(float(np.sum(scaled**2)))
    return unit
