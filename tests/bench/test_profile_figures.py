"""The figures of a profile: times from many runs, rates, roofs and sums, as pure functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.bench.peak import Peak
from edge_effnet.bench.profile_times import Times, middle_half, times_from_runs
from edge_effnet.bench.roofline import MIN_RATE_US, NO_RATES, groups, rates

PEAK = Peak(200.0, 50.0, 25.0, 100.0, {})
_SIZES = st.integers(1, 10**9)
_TIMES = st.floats(MIN_RATE_US, 1e6)


@given(_SIZES, _SIZES, _TIMES)
def test_the_share_of_the_roof_is_the_rate_over_the_lower_roof(macs: int, size: int, us: float) -> None:
    """min(peak, intensity * bandwidth) is what an operator may reach at most."""
    found = rates(macs, size, us, PEAK, int8=True)
    reachable = min(200.0, found["intensity"] * 25.0)
    assert found["share_of_roof"] == pytest.approx(found["gmacs_per_s"] / reachable)
    assert (found["roof"] == "compute") == (found["share_of_peak"] >= found["share_of_bandwidth"])


@given(_SIZES, _TIMES)
def test_what_only_moves_bytes_is_under_the_memorys_roof(size: int, us: float) -> None:
    """No multiply-accumulates: no peak to compare with."""
    found = rates(0, size, us, PEAK, int8=False)
    assert found["gmacs_per_s"] is None
    assert found["share_of_peak"] is None
    assert found["roof"] == "memory"
    assert found["share_of_roof"] == pytest.approx(size / us / 1e3 / 25.0)


def test_floats_are_compared_with_the_peak_of_floats() -> None:
    """50 and not 200."""
    assert rates(10**8, 10**6, 4000.0, PEAK, int8=False)["share_of_peak"] == pytest.approx(0.5)


def test_below_the_clocks_reach_there_is_no_rate() -> None:
    """A tick of 1 us says nothing about 1 us; the intensity needs no clock."""
    found = rates(1000, 500, MIN_RATE_US / 2, PEAK, int8=True)
    assert found == {**NO_RATES, "intensity": 2.0}


def test_an_unknown_peak_leaves_the_roof_open() -> None:
    """The engine may refuse every convolution that would measure it."""
    found = rates(1000, 500, 10.0, Peak(None, None, 25.0, 100.0, {}), int8=True)
    assert found["roof"] is None
    assert found["share_of_roof"] is None
    assert found["gbytes_per_s"] == pytest.approx(0.05)


def _row(kind: str, us: float | None, macs: int) -> dict[str, object]:
    return {"kind": kind, "us": us, "macs": macs, "bytes": 100, "int8": True, "instructions": None}


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 1e6), st.integers(0, 10**6)), max_size=30
    )
)
def test_groups_lose_nothing(given_rows: list[tuple[str, float | None, int]]) -> None:
    """Their sums are the sum of the rows; an unknown time is not a zero."""
    rows = [_row(*row) for row in given_rows]
    found = groups(rows, lambda row: row["kind"], PEAK)
    assert sum(group["operators"] for group in found) == len(rows)
    assert sum(group["macs"] for group in found) == sum(macs for _, _, macs in given_rows)
    known = [us for _, us, _ in given_rows if us is not None]
    assert sum(group["us"] or 0 for group in found) == pytest.approx(sum(known))
    for group in found:
        times = [us for kind, us, _ in given_rows if kind == group["name"]]
        assert (group["us"] is None) == all(us is None for us in times)


def test_a_mixture_of_integers_and_floats_has_no_peak() -> None:
    """A block that is half int8 is compared with neither; the rates stay."""
    rows = [_row("a", 10.0, 1000), {**_row("a", 10.0, 1000), "int8": False}]
    (group,) = groups(rows, lambda row: row["kind"], PEAK)
    assert group["share_of_peak"] is None
    assert group["roof"] is None
    assert group["gmacs_per_s"] == pytest.approx(0.1)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=99))
def test_the_middle_half_leaves_a_quarter_out_on_either_side(values: list[int]) -> None:
    """As many below as above, none of them nearer to the middle than what stays."""
    array = np.array(values)
    kept = middle_half(array)
    assert len(kept) == len(values) - 2 * (len(values) // 4)
    left_out = np.delete(array, kept)
    assert all(value <= array[kept].min() or value >= array[kept].max() for value in left_out)


def test_times_survive_runs_that_were_disturbed() -> None:
    """A fifth of the runs takes ten times as long: the figures do not move."""
    ticks = np.tile([10, 20, 30], (100, 1))
    whole = np.full(100, 61_500)
    ticks[::5] *= 10
    whole[::5] *= 10
    times = times_from_runs(ticks, whole, whole, np.zeros(3, bool))
    assert times.operators_us.tolist() == [10, 20, 30]
    assert times.total_us == 60
    assert times.whole_us == pytest.approx(61.5)
    assert times.fits


def test_a_clock_that_drops_fractions_is_corrected_on_average() -> None:
    """True times between the ticks come back within a tenth; without the correction they would all be half a tick low."""
    random = np.random.default_rng(1)
    true = random.uniform(3, 60, 200)
    ticks = np.floor(true + random.normal(0, 0.6, (400, 200)))
    whole = np.full(400, int(1e3 * true.sum()))
    cut = times_from_runs(ticks, whole, whole, np.ones(200, bool))
    plain = times_from_runs(ticks, whole, whole, np.zeros(200, bool))
    assert abs(cut.total_us - true.sum()) < 0.1 * 200
    assert true.sum() - plain.total_us > 0.4 * 200


@pytest.mark.parametrize(("total", "fits"), [(90.1, True), (89.9, False), (109.9, True), (110.1, False)])
def test_parts_fit_the_whole_within_ten_percent(total: float, fits: bool) -> None:
    """No less, no more."""
    assert Times(np.array([total]), total, 100.0, 120.0, 10).fits is fits
