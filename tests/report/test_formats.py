"""report.formats: few digits, no false ones, and a dash for what is not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.report.formats import ABSENT, FORMATS, figure, milliseconds, signed, with_interval
from edge_effnet.report.svg import linear_axis, log_axis


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ABSENT), (0, "0"), (12, "12"), (1234567, "1,234,567"), (0.000123, "0.000123"), (1.0, "1.00"), (98.76, "98.8"),
     (1234.5, "1,234"), (-0.5, "-0.500")],
)  # fmt: skip
def test_a_figure_has_three_digits_and_a_count_has_all(value: float | None, said: str) -> None:
    """Whole numbers are counts."""
    assert figure(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.234, "+1.23"), (-1.234, "\u22121.23"), (0.0, "0.00"), (-0.0, "0.00"), (-0.001, "0.00")],
)
def test_a_difference_has_a_sign_and_no_difference_has_none(value: float, said: str) -> None:
    """Nothing is neither more nor less."""
    assert signed(value) == said


def test_an_interval_is_told_from_its_middle() -> None:
    """A narrow one gets one more decimal."""
    assert milliseconds(5.6158, [5.5782, 5.6844]) == "5.62 [5.58, 5.68]"
    assert milliseconds(5.6158, [5.6150, 5.6170]) == "5.616 [5.615, 5.617]"
    assert with_interval(1.0, None) == "1.00"


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_absent_is_a_dash_or_nothing(name: str) -> None:
    """Never the word None."""
    values = (None, None) if name == "with_interval" else (None,)
    assert FORMATS[name](*values) in (ABSENT, "")


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_an_axis_holds_its_values_and_has_round_ticks_inside(low: float, width: float) -> None:
    """Two to a dozen of them."""
    axis = linear_axis(low, low + width)
    assert axis.low <= low
    assert axis.high >= low + width
    assert 2 <= len(axis.ticks) <= 12
    assert all(axis.low - 1e-6 * width <= tick <= axis.high + 1e-6 * width for tick in axis.ticks)
    assert 0 <= axis.share(low) < axis.share(low + width) <= 1


@given(st.floats(0, 1e6))
def test_an_axis_of_one_value_has_room(value: float) -> None:
    """One model is a plot too."""
    axis = linear_axis(value, value, least=0)
    assert axis.low < axis.high
    assert axis.ticks


@given(st.floats(1e-6, 1e6), st.floats(1, 1e6))
def test_a_logarithmic_axis_has_whole_powers(low: float, factor: float) -> None:
    """At least one decade."""
    axis = log_axis(low, low * factor)
    assert axis.low <= low * 1.0001
    assert axis.high >= low * factor * 0.9999
    assert len(axis.ticks) >= 2
