"""What the demonstration's training does at each step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import UsageError
from edge_effnet.train.demo_plan import DEMO_PLAN, Phase, Plan


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40), st.integers(1, 300), st.floats(1e-5, 1.0))
def test_the_rate_rises_to_its_peak_and_falls_from_there(
    first: int, second: int, steps: int, warm_up: int, peak: float
):
    """Within (0, peak] at every step, never falling before the peak, never rising after it."""
    plan = Plan(
        phases=(Phase(32, first), Phase(64, second)),
        epoch_pictures=8 * steps,
        batch_size=8,
        warm_up_steps=warm_up,
        peak_rate=peak,
    )
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    top = min(warm_up, plan.steps)
    assert all(0.0 < rate <= peak for rate in rates)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert plan.steps <= warm_up or max(rates) == peak


@given(st.integers(1, 30))
def test_pictures_get_harder_until_they_are_as_hard_as_the_set(epochs: int):
    """Never easier than before; the second half of the epochs is the set as published."""
    plan = Plan(phases=(Phase(64, epochs),))
    limits = [plan.hardest_at(epoch) for epoch in range(epochs)]
    assert limits == sorted(limits)
    assert all(0.0 < limit <= 1.0 for limit in limits)
    assert all(limit == 1.0 for epoch, limit in enumerate(limits) if 2 * epoch >= epochs)


def test_the_phases_follow_one_another():
    """Every epoch has the resolution of its phase; the result has that of the last."""
    plan = Plan(phases=(Phase(48, 2), Phase(64, 1), Phase(96, 3)))
    assert [plan.resolution_at(epoch) for epoch in range(plan.epochs)] == [48, 48, 64, 96, 96, 96]
    assert plan.resolution_px == 96


@pytest.mark.parametrize("wrong", [{"phases": ()}, {"epoch_pictures": 100, "batch_size": 32}])
def test_a_plan_without_a_whole_number_of_steps_is_refused(wrong: dict):
    """Before any work is done."""
    with pytest.raises(UsageError):
        Plan(**wrong)


def test_the_record_says_everything_that_the_run_depends_on():
    """A plan that is read back from its record is the same plan."""
    record = DEMO_PLAN.to_record()
    phases = tuple(Phase(**phase) for phase in record.pop("phases"))
    assert Plan(phases=phases, **record) == DEMO_PLAN
