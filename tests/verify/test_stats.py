"""verify.stats: float64 figures with their edge cases defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_effnet.verify.stats import cosine, max_lsb, ranking, sqnr_db, top1_agreement

_VALUES = st.floats(-1e300, 1e300, allow_nan=False).map(lambda value: value if abs(value) > 1e-300 else 0.0)
_VECTORS = hnp.arrays(np.float64, st.integers(1, 20), elements=_VALUES)
_SMALL = hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e3, 1e3))
_CODES = hnp.arrays(np.int8, (3, 4))


def test_sqnr_of_a_tenth_of_the_amplitude_is_20_db() -> None:
    """Noise of amplitude 1/10 has power 1/100: 20 dB, by the definition of the decibel."""
    reference = np.array([3.0, -4.0, 12.0])
    assert sqnr_db(reference, reference * 1.1) == pytest.approx(20.0, abs=1e-9)


def test_sqnr_matches_the_theory_of_uniform_quantisation() -> None:
    """A full-scale sine in b bits has 6.02 b + 1.76 dB (Bennett 1948); 8 bits: 49.9 dB."""
    sine = np.sin(np.linspace(0, 200 * np.pi, 100_001))
    step = 2 / 2**8
    assert sqnr_db(sine, np.round(sine / step) * step) == pytest.approx(6.02 * 8 + 1.76, abs=0.3)


@settings(deadline=None)
@given(_VECTORS)
def test_sqnr_of_equal_arrays_is_infinite(values: np.ndarray) -> None:
    """No noise is inf, all-zero arrays included, and never NaN."""
    assert sqnr_db(values, values.copy()) == math.inf


@settings(deadline=None)
@given(_VECTORS)
def test_sqnr_of_noise_on_silence_is_minus_infinity(values: np.ndarray) -> None:
    """With no signal at all, any noise is infinitely loud."""
    expected = -math.inf if values.any() else math.inf
    assert sqnr_db(np.zeros_like(values), values) == expected


@settings(deadline=None)
@given(_SMALL, st.floats(-1, 1), st.integers(-900, 900))
def test_sqnr_does_not_depend_on_the_unit(values: np.ndarray, error: float, exponent: int) -> None:
    """Both arrays scaled by a power of two give the same figure: nothing overflows or vanishes."""
    values = np.where(np.abs(values) < 1e-3, 0.0, values)
    noisy = values + round(error, 3)
    expected = sqnr_db(values, noisy)
    assert sqnr_db(np.ldexp(values, exponent), np.ldexp(noisy, exponent)) == pytest.approx(expected)


def test_sqnr_is_computed_in_float64() -> None:
    """A float32 sum of squares would be off in the third digit here."""
    reference = np.full(1_000_000, 0.1, np.float32)
    reference[0] = 3000.0
    test = reference + np.float32(0.01)
    exact = 10 * math.log10(
        math.fsum(float(v) ** 2 for v in reference)
        / math.fsum((float(a) - float(b)) ** 2 for a, b in zip(reference, test, strict=True))
    )
    assert sqnr_db(reference, test) == pytest.approx(exact, abs=1e-9)


@settings(deadline=None)
@given(_VECTORS, st.floats(1e-3, 1e3))
def test_cosine_ignores_length_and_knows_direction(values: np.ndarray, factor: float) -> None:
    """Cosine is 1 for the same direction and -1 for the opposite one, at any magnitude."""
    values = np.clip(values, -1e290, 1e290)
    values = np.where(np.abs(values) < 1e-290, 0.0, values)
    assert cosine(values, values * factor) == pytest.approx(1.0)
    assert cosine(values, values * -factor) == pytest.approx(-1.0 if values.any() else 1.0)


def test_cosine_of_a_right_angle_and_of_nothing_is_zero() -> None:
    """Orthogonal vectors, and silence against sound, have cosine 0."""
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 5.0])) == 0.0
    assert cosine(np.zeros(3), np.ones(3)) == 0.0


@settings(deadline=None)
@given(_CODES, _CODES)
def test_max_lsb_is_the_largest_step_without_wrapping(one: np.ndarray, two: np.ndarray) -> None:
    """Int8 codes are compared as integers: -128 against 127 is 255 steps."""
    expected = max(abs(int(a) - int(b)) for a, b in zip(one.flat, two.flat, strict=True))
    assert max_lsb(one, two) == max_lsb(two, one) == expected


def test_max_lsb_spans_the_whole_range() -> None:
    """The extreme codes are 255 steps apart, not -1."""
    assert max_lsb(np.array([-128], np.int8), np.array([127], np.int8)) == 255


@settings(deadline=None)
@given(hnp.arrays(np.int8, (5, 7), elements=st.integers(-2, 2)), st.integers(1, 9))
def test_ranking_breaks_ties_by_the_lowest_index(scores: np.ndarray, count: int) -> None:
    """Best first, and among equals the lowest index, at every place."""
    for row, found in zip(scores, ranking(scores, count), strict=True):
        expected = sorted(range(7), key=lambda index: (-int(row[index]), index))[:count]
        assert found.tolist() == expected


def test_ranking_puts_the_most_negative_code_last() -> None:
    """-(-128) does not fit int8; the ranking must not wrap round."""
    assert ranking(np.array([-128, 0, 5], np.int8), 3).tolist() == [2, 1, 0]


def test_ranking_puts_nan_last() -> None:
    """A NaN score is never a prediction while a number is there."""
    assert ranking(np.array([np.nan, -5.0, -3.0]), 2).tolist() == [2, 1]


def test_agreement_is_in_percent_and_uses_the_tie_rule() -> None:
    """One of four images differs: 75 %; a tie counts as its lowest index."""
    reference = np.array([[1, 0], [0, 1], [1, 1], [0, 1]])
    test = np.array([[5, 0], [0, 5], [9, 0], [9, 0]])
    assert top1_agreement(reference, test) == 75.0


@pytest.mark.parametrize("statistic", [sqnr_db, cosine, top1_agreement, max_lsb])
def test_a_comparison_of_unlike_or_empty_arrays_is_refused(statistic: object) -> None:
    """Shapes are never broadcast, and nothing is never a result."""
    for one, two in (
        (np.ones((2, 3), int), np.ones((2, 1), int)),
        (np.empty((0, 3), int), np.empty((0, 3), int)),
    ):
        with pytest.raises(ValueError, match=r"shapes differ|no element"):
            statistic(one, two)  # type: ignore[operator]


def test_values_that_are_not_finite_and_codes_that_are_not_integers_are_refused() -> None:
    """NaN and infinity would hide in an average; float codes are a mix-up."""
    with pytest.raises(ValueError, match="finite"):
        sqnr_db(np.array([1.0]), np.array([np.nan]))
    with pytest.raises(ValueError, match="finite"):
        cosine(np.array([np.inf]), np.array([1.0]))
    with pytest.raises(ValueError, match="integers"):
        max_lsb(np.array([1.0]), np.array([1]))
