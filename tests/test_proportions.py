"""proportions: against published examples, an independent implementation, and its own promises."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.proportions import (
    Z95,
    PairedCounts,
    independent_interval,
    mcnemar_p,
    paired_interval,
    wilson_interval,
)

_COUNTS = st.builds(PairedCounts, *[st.integers(0, 400)] * 4).filter(lambda counts: counts.n > 0)
_PROPORTIONS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3, four decimals."""
    found = wilson_interval(successes, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_paired_interval_gives_the_published_example() -> None:
    """Complete response before and after therapy, Cavo et al. 2012: 59, 6, 16, 80.

    -0.0621 (-0.1186 to -0.0046): Newcombe's square-and-add interval in Fagerland, Lydersen and Laake,
    "Statistical Analysis of Contingency Tables" (2017), chapter 8, as their R package contingencytables tests it.
    """
    counts = PairedCounts(59, 6, 16, 80)
    found = paired_interval(counts)
    assert counts.difference == pytest.approx(-0.0621, abs=5e-5)
    assert (found.low, found.high) == (pytest.approx(-0.1186, abs=5e-5), pytest.approx(-0.0046, abs=5e-5))


def test_mcnemar_gives_the_published_example() -> None:
    """The same table: exact conditional P = 0.052479 (same source)."""
    assert mcnemar_p(PairedCounts(59, 6, 16, 80)) == pytest.approx(0.052479, abs=5e-7)


@given(_COUNTS)
def test_mcnemar_is_the_binomial_test_of_the_discordant_images(counts: PairedCounts) -> None:
    """It equals scipy's exact binomial test with p = 1/2."""
    discordant = counts.only_first + counts.only_second
    expected = scipy.stats.binomtest(counts.only_first, discordant).pvalue if discordant else 1.0
    assert mcnemar_p(counts) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_many_images_neither_overflows_nor_vanishes() -> None:
    """50,000 images with thousands of discordant ones still have an exact p-value."""
    assert mcnemar_p(PairedCounts(40_000, 2500, 2500, 5000)) == 1.0
    assert 0.0 < mcnemar_p(PairedCounts(40_000, 2700, 2300, 5000)) < 1e-6


@given(_PROPORTIONS)
def test_wilson_solves_the_score_equation(proportion: tuple[int, int]) -> None:
    """Each bound p is where |share - p| = z sqrt(p (1 - p) / n): Wilson's definition, not his formula."""
    successes, n = proportion
    found = wilson_interval(successes, n)
    share = successes / n
    assert 0.0 <= found.low <= share <= found.high <= 1.0
    assert found.low < found.high
    for bound in (found.low, found.high):
        if 0.0 < bound < 1.0:
            assert abs(share - bound) == pytest.approx(Z95 * (bound * (1 - bound) / n) ** 0.5, rel=1e-6)


@given(_PROPORTIONS)
def test_wilson_is_symmetric_in_right_and_wrong(proportion: tuple[int, int]) -> None:
    """The interval of the error rate mirrors that of the accuracy."""
    successes, n = proportion
    right, wrong = wilson_interval(successes, n), wilson_interval(n - successes, n)
    assert right.low == pytest.approx(1 - wrong.high, abs=1e-12)


@given(_COUNTS)
def test_paired_interval_holds_the_difference_and_turns_round_with_it(counts: PairedCounts) -> None:
    """It contains the estimate, stays in [-1, 1], has a width, and swapping the models mirrors it."""
    found = paired_interval(counts)
    swapped = paired_interval(
        PairedCounts(counts.both, counts.only_second, counts.only_first, counts.neither)
    )
    assert -1.0 <= found.low <= counts.difference <= found.high <= 1.0
    assert found.low < found.high
    assert found.low == pytest.approx(-swapped.high, abs=1e-9)


@given(st.integers(10, 300), st.integers(10, 300), st.integers(1, 30), st.integers(1, 30))
def test_agreement_between_the_models_shortens_the_interval(
    both: int, neither: int, one: int, two: int
) -> None:
    """Paired data are never treated as less informative than two independent sets with the same accuracies."""
    counts = PairedCounts(both, one, two, neither)
    right = (both + one, both + two)
    low_1 = wilson_interval(right[0], counts.n).low
    high_2 = wilson_interval(right[1], counts.n).high
    independent = ((right[0] / counts.n - low_1) ** 2 + (high_2 - right[1] / counts.n) ** 2) ** 0.5
    correlated = both * neither - one * two > 0
    width = counts.difference - paired_interval(counts).low
    assert width <= independent + 1e-12 if correlated else width >= independent - 1e-12


def test_paired_interval_covers_the_truth_as_often_as_it_says() -> None:
    """On 4,000 simulated pairs of models (n = 300, 3 points apart) 95 % is between 93.5 % and 97 %."""
    random = np.random.default_rng(5)
    shares = (0.72, 0.05, 0.02, 0.21)
    tables = random.multinomial(300, shares, size=4000)
    intervals = [paired_interval(PairedCounts(*map(int, table))) for table in tables]
    covered = np.mean([interval.low <= 0.03 <= interval.high for interval in intervals])
    assert 0.935 <= covered <= 0.97


def test_counts_are_taken_image_by_image() -> None:
    """Each image falls into exactly one of the four cells."""
    first = np.array([1, 1, 1, 0, 0, 0, 0], bool)
    second = np.array([1, 1, 0, 1, 0, 0, 0], bool)
    assert PairedCounts.of(first, second) == PairedCounts(2, 1, 1, 3)
    with pytest.raises(ValueError, match="not the same images"):
        PairedCounts.of(first, second[:-1])


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_proportion_is_refused(successes: int, n: int) -> None:
    """No accuracy without an image."""
    with pytest.raises(ValueError, match="not a proportion"):
        wilson_interval(successes, n)


def test_percent_is_what_records_carry() -> None:
    """Two numbers, low first."""
    assert wilson_interval(0, 20).percent() == [0.0, pytest.approx(16.11, abs=0.01)]


def test_independent_proportions_agree_with_the_published_example() -> None:
    """56 of 70 less 48 of 80 is 0.2, with the interval 0.0524 to 0.3339 (Newcombe's first example, method 10)."""
    found = independent_interval((56, 70), (48, 80))
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_the_independent_interval_holds_the_difference_and_turns_with_it(
    n_1: int, n_2: int, data: st.DataObject
) -> None:
    """Swapping both turns the sign of both ends."""
    first, second = (data.draw(st.integers(0, n_1)), n_1), (data.draw(st.integers(0, n_2)), n_2)
    one, other = independent_interval(first, second), independent_interval(second, first)
    assert one.low <= first[0] / n_1 - second[0] / n_2 <= one.high
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
