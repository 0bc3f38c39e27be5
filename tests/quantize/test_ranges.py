"""Ranges: the search against plain minimum and maximum, and the functions after which errors count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.quantize.ranges import FUNCTIONS, Histogram, hard_swish, histogram, search_range, swish
from edge_effnet.quantize.scheme import grid_from_range
from edge_effnet.quantize.stores import codes_from_values, values_from_codes

SEEDS = st.integers(0, 2**32 - 1)
SAMPLES = st.sampled_from(
    ["normal", "heavy tail", "one outlier", "positive", "negative", "two values", "tiny"]
)


def _sample(kind: str, seed: int, scale: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.normal(size=(400, 4))
    if kind == "heavy tail":
        values = random.standard_t(2, (400, 4))
    elif kind == "one outlier":
        values[7, 1] = 60.0
    elif kind in {"positive", "negative"}:
        values = np.abs(values) * (1 if kind == "positive" else -1)
    elif kind == "two values":
        values = np.where(values > 0, 3.0, -0.25)
    elif kind == "tiny":
        values = values * 1e-5
    return (values * scale).astype(np.float32)


def _loss(counts: Histogram, ends: tuple[float, float], function: str) -> float:
    """Measure what rounding to the grid of a range costs after a function, with the writer's own grid."""
    grid = grid_from_range(*ends)
    centres = counts.centres.astype(np.float32)
    clipped = np.clip(centres, grid.minimum, grid.maximum)
    rounded = values_from_codes(codes_from_values(clipped, grid), grid)
    apply = FUNCTIONS[function]
    return float(((apply(rounded) - apply(centres)) ** 2) @ counts.weights)


@given(kind=SAMPLES, seed=SEEDS, function=st.sampled_from(sorted(FUNCTIONS)), exponent=st.floats(-2.0, 2.0))
@settings(deadline=None, max_examples=60)
def test_a_searched_range_is_never_worse_than_minimum_and_maximum(
    kind: str, seed: int, function: str, exponent: float
) -> None:
    """In its own measure, after the function that follows, the search gains or changes nothing."""
    counts = histogram(_sample(kind, seed, 10.0**exponent))
    found, plain = search_range(counts, function), (counts.minimum, counts.maximum)
    floor = 1e-6 * float((FUNCTIONS[function](counts.centres) ** 2) @ counts.weights)
    assert _loss(counts, found, function) <= _loss(counts, plain, function) * 1.02 + floor


@given(kind=SAMPLES, seed=SEEDS, function=st.sampled_from(sorted(FUNCTIONS)))
@settings(deadline=None, max_examples=40)
def test_a_searched_range_lies_inside_the_values(kind: str, seed: int, function: str) -> None:
    """It is ordered, and not wider than what was seen (before a swish it may end at 0.5 all the same)."""
    counts = histogram(_sample(kind, seed))
    low, high = search_range(counts, function)
    assert low < high
    assert low >= min(counts.minimum, 0.0)
    assert high <= max(counts.maximum, 0.5)


def test_one_outlier_does_not_stretch_the_range() -> None:
    """A value that stands alone is clipped: the steps of all the others matter more."""
    bell = np.linspace(-4.0, 4.0, 400)
    weights = 1e5 * np.exp(-0.5 * bell**2)
    counts = Histogram(np.append(bell, 12.0), np.append(weights, 1.0), -4.0, 12.0)
    assert search_range(counts)[1] < 8.0


def test_a_swish_has_no_use_for_values_far_below_zero() -> None:
    """The same values, before a swish, get a range that ends near -8 and not at -40."""
    values = np.linspace(-40.0, 40.0, 4000, dtype=np.float32)[:, None]
    counts = histogram(values)
    assert search_range(counts, "swish")[0] > -13.0
    assert search_range(counts, "identity")[0] < -30.0


def test_a_channel_without_weight_does_not_set_the_range() -> None:
    """Channels count by their importance: one that nothing reads may be clipped."""
    values = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    values[:, 1] *= 50.0
    _, together = search_range(histogram(values))
    _, weighted = search_range(histogram(values, np.array([1.0, 1e-9])))
    assert weighted < 0.2 * together


@given(kind=SAMPLES, seed=SEEDS)
@settings(deadline=None)
def test_a_histogram_keeps_the_weight_and_the_ends(kind: str, seed: int) -> None:
    """Every value is counted once, with its channel's weight, in a bin that it lies in."""
    values = _sample(kind, seed)
    weights = np.array([1.0, 0.5, 2.0, 0.25])
    counts = histogram(values, weights)
    assert counts.weights.sum() == pytest.approx(400 * weights.sum())
    assert (counts.minimum, counts.maximum) == (values.min(), values.max())
    mean = float((values.astype(np.float64).mean(axis=0) * weights).sum() / weights.sum())
    width = (counts.maximum - counts.minimum) / 4096
    assert abs(counts.centres @ counts.weights / counts.weights.sum() - mean) <= width * 1.01


@given(st.floats(-1e4, 1e4))
@settings(deadline=None)
def test_swish_is_the_value_times_its_sigmoid(value: float) -> None:
    """Odd part x/2: swish(x) - swish(-x) = x; bounded below by -0.2785; close to ReLU far out."""
    x = np.array([value])
    assert swish(x)[0] - swish(-x)[0] == pytest.approx(value, abs=1e-9, rel=1e-9)
    assert swish(x)[0] >= -0.27847
    if abs(value) > 40:
        assert swish(x)[0] == pytest.approx(max(value, 0.0), abs=1e-9)


@given(st.floats(-1e4, 1e4))
@settings(deadline=None)
def test_hard_swish_is_swish_with_straight_knees(value: float) -> None:
    """Zero below -3, the value above 3, at most 0.15 from swish in between."""
    x = np.array([value])
    if value <= -3.0:
        assert hard_swish(x)[0] == 0.0
    elif value >= 3.0:
        assert hard_swish(x)[0] == pytest.approx(value)
    assert abs(hard_swish(x)[0] - swish(x)[0]) < 0.15


def test_a_constant_tensor_has_a_range() -> None:
    """All values alike, zero among them: no division by zero, and a usable range."""
    for level in (0.0, 2.5, -2.5):
        values = np.full((10, 2), level, np.float32)
        grid = grid_from_range(*search_range(histogram(values)))
        rounded = values_from_codes(codes_from_values(values, grid), grid)
        np.testing.assert_allclose(rounded, values, rtol=0.01, atol=1e-6)
