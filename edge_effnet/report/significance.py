"""Whether two figures differ by more than chance: latencies by resampling, accuracies by paired or independent counts."""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.proportions import (
    DIFFERENCE_METHOD,
    INDEPENDENT_METHOD,
    PairedCounts,
    independent_interval,
    mcnemar_p,
    paired_interval,
)
from edge_effnet.report.values import number, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["LATENCY_METHOD", "NO_CHANGE", "accuracy_change", "latency_ratio"]

NO_CHANGE: Final = [1 / 1.05, 1.05]
"""Ratios of latencies from different runs that are not told from 1.

Resampling sees the noise within a run, not what differs between runs (clock, neighbours, placement in memory): one file
measured twice on one busy machine came out at 1.046 [1.021, 1.065].
"""

LATENCY_METHOD: Final = "bootstrap of whole rounds of each run; the runs were not timed in turns, so that less than 5 % is not claimed"
_RESAMPLES: Final = 1000
_SEED: Final = 20261124
_LEVEL: Final = (2.5, 97.5)
_BLOCKS: Final = 20
"""Rounds that samples are cut into where a record does not say its own: neighbours in time resemble each other."""

_LARGEST: Final = 20_000
"""Samples beyond this are thinned evenly before resampling; their median is as sure as any."""


def latency_ratio(a: dict[str, Any], b: dict[str, Any]) -> tuple[float, list[float] | None] | None:
    """Return median(b) / median(a) of two results of `bench`, and its bootstrap 95 % interval.

    The two were not timed in turns, so that rounds of each are drawn by themselves.

    Returns:
        None where a result has no times, or their ratio is beyond every number; no interval where it has no samples or
        fewer than two rounds, or where one that was drawn is.
    """
    first, second = number(a, "median_ms"), number(b, "median_ms")
    if not first or second is None or not math.isfinite(second / first):
        return None
    rounds_a, rounds_b = _rounds(a), _rounds(b)
    if min(len(rounds_a), len(rounds_b)) < 2:
        return second / first, None
    generator = np.random.default_rng(_SEED)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.percentile(_medians(rounds_b, generator) / _medians(rounds_a, generator), _LEVEL)
    return second / first, [float(low), float(high)] if np.isfinite((low, high)).all() else None


def _rounds(result: dict[str, Any]) -> list[npt.NDArray[np.float64]]:
    samples = np.array(
        [value for value in result.get("samples_ms") or () if isinstance(value, (int, float))], float
    )
    if len(samples) < 2:
        return []
    lengths = result.get("rounds")
    if (
        isinstance(lengths, list)
        and all(isinstance(n, int) and n > 0 for n in lengths)
        and sum(lengths) == len(samples)
    ):
        pieces = np.split(samples, np.cumsum(lengths)[:-1])
    else:
        pieces = np.array_split(samples, min(_BLOCKS, len(samples)))
    step = -(-len(samples) // _LARGEST)
    return [piece[::step] for piece in pieces]


def _medians(
    rounds: Sequence[npt.NDArray[np.float64]], generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    draws = generator.integers(0, len(rounds), (_RESAMPLES, len(rounds)))
    return np.array([np.median(np.concatenate([rounds[index] for index in drawn])) for drawn in draws])


def accuracy_change(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Return how the top-1 accuracy changes from one evaluation entry to another.

    Args:
        a: Entry of ``models`` of an `eval` record, with ``images_sha256`` added.
        b: The other.

    Returns:
        ``change`` in points (b less a), ``ci95``, ``method``, ``n``, and ``p`` where the images are the same.
    """
    n_a, n_b = int(a["n"]), int(b["n"])
    right_a, right_b = _right(a), _right(b)
    same = text(a, "images_sha256") and text(a, "images_sha256") == text(b, "images_sha256")
    if same and right_a is not None and right_b is not None and len(right_a) == len(right_b):
        counts = PairedCounts.of(right_b, right_a)
        found, p_value = paired_interval(counts), mcnemar_p(counts)
        return {
            "change": 100.0 * counts.difference,
            "ci95": found.percent(),
            "method": f"the same {n_a} images: {DIFFERENCE_METHOD}; McNemar p = {p_value:.3g}",
            "n": n_a,
            "paired": True,
        }
    hits = [(round(entry["top1"] / 100 * n), n) for entry, n in ((b, n_b), (a, n_a))]
    found = independent_interval(hits[0], hits[1])
    why = "the records do not say which images were right" if same else "not known to be the same images"
    return {
        "change": b["top1"] - a["top1"],
        "ci95": found.percent(),
        "method": f"{why}: {INDEPENDENT_METHOD}; wider than a paired interval",
        "n": min(n_a, n_b),
        "paired": False,
    }


def _right(entry: dict[str, Any]) -> npt.NDArray[np.bool_] | None:
    """Return ``(images,) bool`` as `eval` packed them, or None."""
    try:
        packed = np.frombuffer(base64.b64decode(text(entry, "right"), validate=True), np.uint8)
    except binascii.Error:
        return None
    n = int(entry["n"])
    return np.unpackbits(packed, count=n).astype(bool) if 0 < n <= 8 * len(packed) < n + 8 else None
