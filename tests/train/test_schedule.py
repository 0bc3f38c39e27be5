"""How large a step is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import UsageError
from edge_effnet.train.schedule import Cosine


@given(st.floats(1e-6, 10.0), st.integers(1, 200), st.integers(0, 300), st.floats(0.0, 1.0))
def test_the_rate_rises_to_its_peak_and_falls_to_its_floor(
    peak: float, steps: int, warm_up: int, floor: float
):
    """Never above the peak; never falling before it, never rising after it, never below the floor after it."""
    cosine = Cosine(peak, steps, warm_up, floor)
    rates = [cosine.rate_at(step) for step in range(steps)]
    top = min(warm_up, steps)
    assert all(0.0 < rate <= peak * (1 + 1e-12) for rate in rates)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert all(rate >= peak * floor * (1 - 1e-12) for rate in rates[top:])


def test_half_way_down_the_rate_is_half():
    """The formula of the reference, at three points."""
    cosine = Cosine(2.0, 110, 10)
    assert [cosine.rate_at(step) for step in (4, 9, 10)] == [1.0, 2.0, 2.0]
    assert cosine.rate_at(60) == pytest.approx(1.0)
    assert cosine.rate_at(109) == pytest.approx(1.0 + math.cos(math.pi * 0.99))


@pytest.mark.parametrize(
    "wrong",
    [
        {"peak": 0.0},
        {"peak": math.nan},
        {"peak": math.inf},
        {"steps": 0},
        {"warm_up_steps": -1},
        {"floor": 1.5},
    ],
)
def test_a_rate_out_of_range_is_refused(wrong: dict):
    """Before any step."""
    with pytest.raises(UsageError):
        Cosine(**({"peak": 1.0, "steps": 10} | wrong))
