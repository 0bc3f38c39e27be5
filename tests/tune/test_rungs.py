"""The table of rungs, which of them apply, and which one is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.quantize.recipes import RECIPES
from edge_effnet.tune import RUNG_NAMES, RUNGS, RungResult, Situation, choose, reason_to_skip

EVERYTHING = Situation(has_swish=True, is_variant=True, allow_mixed=True, has_folder=True)

RESULTS = st.lists(
    st.builds(lambda drop, agreement: (drop / 4, float(agreement)), st.integers(-8, 8), st.integers(90, 100)),
    min_size=1,
    max_size=9,
)


def _result(name: str, drop: float, agreement: float = 95.0) -> RungResult:
    return RungResult(name, drop, (drop - 1, drop + 1), agreement, 15.0, 1.0, 100, "0" * 64)


def test_rungs_go_from_the_cheapest_to_the_dearest() -> None:
    """The order is the ladder of the documentation, and each quantises by a recipe that exists."""
    assert RUNG_NAMES == (
        "minmax", "ptq-ranges", "bias", "equalise", "ptq", "mixed", "qat", "hard-swish", "relu6",
    )  # fmt: skip
    assert {rung.recipe for rung in RUNGS} <= set(RECIPES)


def test_every_rung_applies_where_everything_is_given() -> None:
    """Nothing is skipped without a reason."""
    assert [reason_to_skip(rung, EVERYTHING) for rung in RUNGS] == [None] * len(RUNGS)


@pytest.mark.parametrize(
    ("lacking", "rungs", "reason"),
    [
        ("has_swish", {"equalise", "hard-swish", "relu6"}, "no swish"),
        ("is_variant", {"hard-swish", "relu6"}, "own activation"),
        ("allow_mixed", {"mixed"}, "--allow-mixed"),
        ("has_folder", {"qat", "hard-swish", "relu6"}, "--calibration DIR"),
    ],
)
def test_a_rung_that_does_not_apply_says_why(lacking: str, rungs: set[str], reason: str) -> None:
    """Exactly those that need what is lacking."""
    situation = replace(EVERYTHING, **{lacking: False})
    reasons = {rung.name: found for rung in RUNGS if (found := reason_to_skip(rung, situation))}
    assert set(reasons) == rungs
    assert all(reason in found for found in reasons.values())


@given(results=RESULTS, budget=st.integers(0, 8).map(lambda value: value / 4))
def test_the_first_rung_within_the_budget_is_taken(results: list[tuple[float, float]], budget: float) -> None:
    """A later one is dearer, however good; where none is, the smallest drop is, then the best agreement."""
    rungs = [_result(str(index), *values) for index, values in enumerate(results)]
    chosen, met = choose(rungs, budget)
    assert met == any(rung.drop_top1 <= budget for rung in rungs)
    if met:
        assert chosen.drop_top1 <= budget
        assert all(rung.drop_top1 > budget for rung in rungs[: rungs.index(chosen)])
        return
    assert chosen.drop_top1 == min(rung.drop_top1 for rung in rungs)
    equals = [rung.agreement for rung in rungs if rung.drop_top1 == chosen.drop_top1]
    assert chosen.agreement == max(equals)


def test_a_drop_that_equals_the_budget_meets_it() -> None:
    """Whatever the division by the number of pictures leaves in the last digit."""
    assert _result("ptq", 100.0 * 13 / 1300 - 100.0 * 0 / 1300).meets(1.0)
    assert _result("ptq", 0.1 + 0.2).meets(0.3)
    assert not _result("ptq", 1.0 + 1e-6).meets(1.0)


def test_of_equal_drops_the_better_agreement_is_kept() -> None:
    """Where no rung meets the budget; of equals in both the cheaper one."""
    rungs = [_result("one", 2.0, 94.0), _result("two", 2.0, 96.0), _result("three", 2.0, 96.0)]
    assert choose(rungs, 1.0) == (rungs[1], False)


def test_a_negative_drop_is_a_gain() -> None:
    """A model that is better than the float network meets any budget."""
    assert choose([_result("ptq", -0.4)], 0.0) == (_result("ptq", -0.4), True)
