"""verify.stats: sums over arrays that come one after another give what the whole would give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_effnet.verify.stats import CodeSteps, PowerSums, max_lsb, sqnr_db

_PARTS = st.lists(
    hnp.arrays(np.float32, (2, 5), elements=st.floats(-100, 100, width=32)), min_size=1, max_size=4
)
_CODES = st.lists(hnp.arrays(np.int8, (2, 6)), min_size=1, max_size=4)


@settings(deadline=None)
@given(_PARTS, st.floats(0.01, 3.0))
def test_power_sums_equal_the_sqnr_of_the_whole(parts: list[np.ndarray], error: float) -> None:
    """Piece by piece or at once: the same decibels."""
    whole = np.concatenate(parts).astype(np.float64)
    sums = PowerSums()
    for part in parts:
        sums.add(part, part.astype(np.float64) + error)
    assert sums.sqnr_db == pytest.approx(sqnr_db(whole, whole + error), abs=1e-6)


def test_power_sums_know_silence_and_perfection() -> None:
    """No noise is inf, noise on silence -inf, nothing at all NaN."""
    perfect, silent = PowerSums(), PowerSums()
    perfect.add(np.ones(3), np.ones(3))
    silent.add(np.zeros(3), np.ones(3))
    assert (perfect.sqnr_db, silent.sqnr_db) == (math.inf, -math.inf)
    assert math.isnan(PowerSums().sqnr_db)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_power_sums_refuse_values_that_are_not_finite(bad: float) -> None:
    """On either side; a NaN would hide in the sum for ever."""
    for sides in ((np.array([1.0, bad]), np.ones(2)), (np.ones(2), np.array([1.0, bad]))):
        with pytest.raises(ValueError, match="finite"):
            PowerSums().add(*sides)


def test_sums_refuse_unlike_shapes() -> None:
    """Nothing is broadcast."""
    with pytest.raises(ValueError, match="shapes differ"):
        PowerSums().add(np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="shapes differ"):
        CodeSteps().add(np.ones((2, 3), int), np.ones((2, 1), int))


@settings(deadline=None)
@given(_CODES, _CODES)
def test_code_steps_equal_those_of_the_whole(one: list[np.ndarray], two: list[np.ndarray]) -> None:
    """Largest, mean and share within one step, without wrapping at -128."""
    pairs = list(zip(one, two, strict=False))
    steps = CodeSteps()
    for first, second in pairs:
        steps.add(first, second)
    first, second = (np.concatenate(side).astype(int) for side in zip(*pairs, strict=True))
    apart = np.abs(first - second)
    assert steps.largest == max_lsb(first, second)
    assert steps.mean_lsb == pytest.approx(apart.mean())
    assert steps.within_1_lsb == pytest.approx(100 * np.mean(apart <= 1))
