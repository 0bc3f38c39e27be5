"""Refitting: closed form, towards what the float layer gives, never further than held-out rows want."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.quantize.reconstruct import (
    HELD_OUT,
    LINES,
    MAX_INPUTS,
    REACHES,
    ROWS_PER_INPUT,
    fit_line,
    refit,
)

SEEDS = st.integers(0, 2**32 - 1)


def _rows(seed: int, rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def _mse(errors: np.ndarray) -> float:
    return float(np.mean(np.square(errors, dtype=np.float64)))


@given(seed=SEEDS, outputs=st.integers(1, 5), mean=st.floats(-3.0, 3.0))
@settings(deadline=None, max_examples=40)
def test_a_gain_and_an_offset_are_recovered(seed: int, outputs: int, mean: float) -> None:
    """Where the truth is a line per output, that line is found."""
    random = np.random.default_rng(seed)
    gain, offset = random.uniform(0.5, 2.0, outputs), random.normal(size=outputs)
    given_rows = _rows(seed, 400, outputs) + np.float32(mean)
    wanted = (given_rows * gain + offset).astype(np.float32)
    found_gain, found_offset, _ = fit_line(given_rows, wanted)
    np.testing.assert_allclose(found_gain, gain, atol=1e-3)
    np.testing.assert_allclose(found_offset, offset, atol=5e-3)


@pytest.mark.parametrize(
    ("name", "gain", "offset"),
    [
        ("offset", [1.0, 1.0], [0.5, -2.0]),
        ("shared gain", [1.3, 1.3], [0.5, -2.0]),
        ("gain", [1.3, 0.7], [0.5, -2.0]),
    ],
)
def test_the_line_with_the_fewest_parameters_that_serves_is_chosen(
    name: str, gain: list[float], offset: list[float]
) -> None:
    """With noise on top, one parameter too many does worse on rows that the fit did not see."""
    given_rows = _rows(1, 4000, 2)
    noise = 0.1 * _rows(2, 4000, 2)
    *_, choice = fit_line(given_rows, (given_rows * gain + offset + noise).astype(np.float32))
    worse = list(LINES)[: list(LINES).index(name)]
    assert choice not in worse


@given(seed=SEEDS, rows=st.integers(2, 300), outputs=st.integers(1, 5), noise=st.floats(0.0, 3.0))
@settings(deadline=None, max_examples=60)
def test_a_line_never_makes_a_layer_worse(seed: int, rows: int, outputs: int, noise: float) -> None:
    """On all the rows together, the line that is chosen leaves no larger error than doing nothing."""
    given_rows = _rows(seed, rows, outputs)
    wanted = given_rows + np.float32(noise) * _rows(seed + 1, rows, outputs)
    gain, offset, _ = fit_line(given_rows, wanted)
    assert _mse(wanted - given_rows * gain - offset) <= _mse(wanted - given_rows) * (1 + 1e-4) + 1e-9


def test_what_does_not_hold_on_unseen_rows_is_not_done() -> None:
    """The first rows ask for an offset, the held-out ones do not: nothing is changed."""
    rows = 400
    given_rows = _rows(0, rows, 3)
    wanted = given_rows.copy()
    wanted[: int(rows * (1.0 - HELD_OUT))] += 1.0
    gain, offset, choice = fit_line(given_rows, wanted)
    assert choice == "kept"
    assert gain.tolist() == [1.0] * 3
    assert offset.tolist() == [0.0] * 3


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_are_enough_for_an_answer(rows: int) -> None:
    """One calibration image gives a pooled tensor one row: no division by zero, no value that is not a number."""
    given_rows = _rows(0, rows, 3)
    gain, offset, choice = fit_line(given_rows, given_rows + 1.0)
    assert np.isfinite(gain).all()
    assert np.isfinite(offset).all()
    assert choice in LINES
    result = refit(_rows(1, rows, 4), given_rows, _rows(2, 4, 3), np.zeros(3, np.float32))
    assert np.isfinite(result.kernel).all()
    assert np.isfinite(result.bias).all()


def test_a_channel_that_never_changes_keeps_its_gain() -> None:
    """A dead output has no slope to fit; only its offset moves."""
    given_rows = np.zeros((400, 2), np.float32)
    given_rows[:, 0] = _rows(0, 400, 1)[:, 0]
    wanted = given_rows * np.float32(1.5) + np.float32(0.25)
    gain, offset, _ = fit_line(given_rows, wanted)
    np.testing.assert_allclose(gain[0], 1.5, atol=1e-3)
    np.testing.assert_allclose(given_rows * gain + offset, wanted, atol=1e-3)


@given(seed=SEEDS, fan_in=st.integers(1, 8), outputs=st.integers(1, 4), mean=st.floats(-2.0, 2.0))
@settings(deadline=None, max_examples=40)
def test_a_linear_map_is_recovered(seed: int, fan_in: int, outputs: int, mean: float) -> None:
    """With rows enough, the true kernel and bias come out, whatever the layer had."""
    random = np.random.default_rng(seed)
    inputs = _rows(seed, ROWS_PER_INPUT * fan_in + 200, fan_in) + np.float32(mean)
    kernel, bias = (random.normal(size=shape).astype(np.float32) for shape in ((fan_in, outputs), (outputs,)))
    start = kernel + (0.3 * random.normal(size=kernel.shape)).astype(np.float32)
    wanted = inputs @ kernel + bias
    result = refit(inputs, wanted, start, np.zeros(outputs, np.float32))
    before, after = _mse(wanted - inputs @ start), _mse(wanted - inputs @ result.kernel - result.bias)
    assert after <= 1e-3 * before + 1e-6


@given(seed=SEEDS, rows=st.integers(4, 500), fan_in=st.integers(1, 6), noise=st.floats(0.0, 3.0))
@settings(deadline=None, max_examples=60)
def test_a_refit_never_makes_a_layer_worse(seed: int, rows: int, fan_in: int, noise: float) -> None:
    """Whatever the rows, the error on all of them is no larger than before."""
    inputs, kernel, bias = _rows(seed, rows, fan_in), _rows(seed + 1, fan_in, 3), _rows(seed + 2, 1, 3)[0]
    wanted = inputs @ kernel + bias + np.float32(noise) * _rows(seed + 3, rows, 3)
    result = refit(inputs, wanted, kernel, bias)
    before, after = _mse(wanted - inputs @ kernel - bias), _mse(wanted - inputs @ result.kernel - result.bias)
    assert after <= before * (1 + 1e-3) + 1e-9


def test_weights_that_do_not_hold_on_unseen_rows_are_not_taken() -> None:
    """The first rows are off by one linear map, the held-out ones by its opposite: the kernel stays."""
    rows, fan_in = 2000, 4
    inputs, kernel, error = _rows(0, rows, fan_in), _rows(1, fan_in, 3), 0.3 * _rows(2, fan_in, 3)
    sign = np.where(np.arange(rows) < int(rows * (1.0 - HELD_OUT)), 1.0, -1.0).astype(np.float32)[:, None]
    wanted = inputs @ kernel + sign * (inputs @ error)
    result = refit(inputs, wanted, kernel, np.zeros(3, np.float32))
    assert "ridge" not in result.choice


@pytest.mark.parametrize(
    ("rows", "fan_in"), [(ROWS_PER_INPUT * 8 - 1, 8), (4 * (MAX_INPUTS + 1), MAX_INPUTS + 1)]
)
def test_too_few_rows_or_too_many_weights_get_a_line_only(rows: int, fan_in: int) -> None:
    """Weights are refitted one by one only where there are rows for each and time for all."""
    inputs, kernel = _rows(0, rows, fan_in), _rows(1, fan_in, 2)
    wanted = inputs @ (kernel + 0.5 * _rows(2, fan_in, 2))
    result = refit(inputs, wanted, kernel, np.zeros(2, np.float32))
    assert result.choice in LINES
    gains = result.kernel / kernel
    np.testing.assert_allclose(gains, np.broadcast_to(gains[:1], gains.shape), rtol=1e-4)


@pytest.mark.parametrize("reach", sorted(REACHES))
def test_a_refit_goes_no_further_than_it_may(reach: str) -> None:
    """Offsets leave the weights alone, lines scale whole outputs, and only the last changes weights one by one."""
    inputs, kernel = _rows(0, 800, 4), _rows(1, 4, 3)
    wanted = (inputs @ (kernel * np.float32(1.5) + 0.1 * _rows(2, 4, 3)) + np.float32(0.5)).astype(np.float32)
    result = refit(inputs, wanted, kernel, np.zeros(3, np.float32), reach)
    ratios = result.kernel / kernel
    assert np.array_equal(result.kernel, kernel) == (reach == "offsets")
    assert np.allclose(ratios, ratios[:1], rtol=1e-4) == (reach != "weights")
    assert result.choice.partition(",")[0] in REACHES[reach]
    np.testing.assert_allclose(result.bias, 0.5, atol=0.3)
