"""How far two results are apart, in float64: pure functions on arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["cosine", "max_lsb", "ranking", "sqnr_db", "top1_agreement"]

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
