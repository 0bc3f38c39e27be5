"""runtimes.arm64.windows and .counts: from what the plug-in writes to the instructions of an inference."""

from __future__ import annotations

import contextlib
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import EnvironmentFault
from edge_effnet.runtimes.arm64.counts import counts_from_windows
from edge_effnet.runtimes.arm64.windows import Window, read_windows, window_from_line

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, READY, OPERATOR = 0, 1, 2


def _window(before: int, operators: list[int], python: int = 700) -> Window:
    """Return what the plug-in would note of an inference with Python around it."""
    starts = [python + before, *accumulate(operators, initial=python + before)][1:]
    stops = [(BEGIN, python), *((OPERATOR, start) for start in starts[:-1]), (READY, starts[-1])]
    return Window(starts[-1] + 2 * python, tuple(stops))


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40), st.integers(0, 9999), st.integers(0, 9999))
def test_the_parts_are_the_whole_and_python_is_outside(
    operators: list[int], before: int, python: int
) -> None:
    """Whatever Python does around it, the count is that of the inference."""
    found = counts_from_windows([_window(before, operators, python)], delegated=7, total=7)
    assert found.operators == tuple(operators)
    assert found.before == before
    assert found.instructions == before + sum(operators)
    assert found.spread == 0


@given(st.lists(st.integers(0, 10**12), min_size=0, max_size=9).map(sorted))
def test_a_line_is_read_back(counts: list[int]) -> None:
    """Total, then pairs of stop and count."""
    stops = tuple((number % 3, count) for number, count in enumerate(counts))
    total = max(counts, default=0) + 5
    line = " ".join(map(str, [total, *(value for stop in stops for value in stop)]))
    assert window_from_line(line) == Window(total, stops)


@pytest.mark.parametrize("line", ["", "12 1", "1 2 x", "5 0 9", "9 0 4 0 3", "-1", "²"])
def test_a_line_that_is_cut_short_or_impossible_is_refused(line: str) -> None:
    """A full disk cuts lines; a count never shrinks and never passes the window's."""
    with pytest.raises(EnvironmentFault):
        window_from_line(line)


@given(st.text(max_size=30))
def test_no_line_does_worse_than_an_error(line: str) -> None:
    """Whatever stands there."""
    with contextlib.suppress(EnvironmentFault):
        window_from_line(line)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(EnvironmentFault, match=r"none\.counts"):
        read_windows(tmp_path / "none.counts")


def test_runs_that_differ_are_an_error() -> None:
    """The promise is exact repeatability: a count that moves is no count."""
    runs = [_window(10, [1000]), _window(10, [1001])]
    with pytest.raises(EnvironmentFault, match="differ from run to run"):
        counts_from_windows(runs, delegated=1, total=1)


def test_a_clock_s_worth_of_difference_is_told_and_the_fewest_taken() -> None:
    """LiteRT's own kernels look at the clock: a hundred instructions of a hundred million."""
    runs = [_window(10, [10**8 + 103]), _window(10, [10**8])]
    found = counts_from_windows(runs, delegated=1, total=1)
    assert (found.instructions, found.spread) == (10**8 + 10, 103)


@pytest.mark.parametrize(("delegated", "total"), [(3, 5), (0, 5), (None, None)])
def test_operators_are_not_told_apart_where_others_run_between_them(
    delegated: int | None, total: int | None
) -> None:
    """An operator outside XNNPACK would be counted as part of the one before."""
    found = counts_from_windows([_window(10, [5, 6])], delegated=delegated, total=total)
    assert found.operators is None
    assert found.instructions == 21
    assert found.reason is not None


@pytest.mark.parametrize("stops", [(), ((BEGIN, 1),), ((READY, 1),), ((BEGIN, 1), (BEGIN, 2), (READY, 3))])
def test_an_inference_that_was_not_seen_whole_is_an_error(stops: tuple[tuple[int, int], ...]) -> None:
    """Another version of the library may go another way."""
    with pytest.raises(EnvironmentFault, match="begin and end"):
        counts_from_windows([Window(9, stops)], delegated=1, total=1)
