"""bench.stats: order statistics and intervals of samples taken in rounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.bench.stats import median_interval, ratio_interval, summary
from edge_effnet.errors import UsageError

times = st.floats(0.01, 1e4)
rounds = st.lists(st.lists(times, min_size=1, max_size=12), min_size=6, max_size=12)


@given(st.lists(times, min_size=1, max_size=300))
def test_the_summary_is_numpys_percentiles_in_order(samples: list[float]) -> None:
    """Min <= median <= p90 <= p99, and the quartiles' distance is not negative."""
    found = summary(samples)
    assert found["median"] == pytest.approx(np.median(samples))
    assert found["min"] <= found["median"] <= found["p90"] <= found["p99"] <= max(samples)
    assert found["iqr"] >= 0


def test_nothing_has_no_summary() -> None:
    """An empty list is an error, not a zero."""
    with pytest.raises(UsageError):
        summary([])


@given(rounds)
def test_the_interval_of_a_median_lies_within_the_samples(turns: list[list[float]]) -> None:
    """A resampled median is never outside of what was measured."""
    interval = median_interval(turns)
    everything = [value for turn in turns for value in turn]
    assert interval is not None
    assert min(everything) <= interval[0] <= interval[1] <= max(everything)


@given(rounds, st.integers(0, 2**32 - 1))
def test_resampled_medians_are_those_of_the_drawn_rounds(turns: list[list[float]], seed: int) -> None:
    """The counting way gives what numpy gives on the concatenated rounds."""
    from edge_effnet.bench import stats

    draws = np.random.default_rng(seed).integers(0, len(turns), (20, len(turns)))
    expected = [np.median(np.concatenate([turns[place] for place in drawn])) for drawn in draws]
    assert stats._medians(turns, draws) == pytest.approx(expected)


@given(rounds, st.floats(0.1, 10))
def test_a_constant_ratio_has_an_interval_of_no_width(turns: list[list[float]], factor: float) -> None:
    """The same rounds of both are drawn together, so that what both suffered cancels."""
    other = [[value / factor for value in turn] for turn in turns]
    interval = ratio_interval(turns, other)
    assert interval == pytest.approx((factor, factor))


@pytest.mark.parametrize("count", range(1, 6))
def test_a_few_rounds_have_no_interval(count: int) -> None:
    """Fewer than six rounds cannot carry 95 %, whatever is done with them."""
    assert median_interval([[1.0, 2.0, 3.0]] * count) is None
    assert ratio_interval([[1.0]] * count, [[2.0]] * 9) is None


def test_the_interval_covers_the_truth_when_rounds_drift() -> None:
    """95 % of intervals should hold the true median where every round has an offset of its own; at least 85 % with 20 rounds."""
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(100):
        turns = [(10 + random.normal(0, 1) + random.normal(0, 0.1, 9)).tolist() for _ in range(20)]
        interval = median_interval(turns)
        assert interval is not None
        hits += interval[0] <= 10 <= interval[1]
    assert hits >= 85


def test_equal_samples_give_equal_intervals() -> None:
    """The resampling is seeded: the same record always gives the same figures."""
    turns = np.random.default_rng(1).gamma(3, size=(20, 9)).tolist()
    assert median_interval(turns) == median_interval(turns)
