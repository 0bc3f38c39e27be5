"""Factors on the channels that go into a swish."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.quantize.equalise import FACTORS, choose_factors
from edge_effnet.quantize.ranges import swish

SEEDS = st.integers(0, 2**32 - 1)


def _rows(seed: int, stds: np.ndarray) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(1500, len(stds))) * stds).astype(np.float32)


@given(seed=SEEDS, stds=st.lists(st.floats(0.05, 60.0), min_size=1, max_size=6))
@settings(deadline=None, max_examples=40)
def test_factors_divide_and_never_multiply(seed: int, stds: list[float]) -> None:
    """Every factor is one of the table, 1 at least; one per channel."""
    factors = choose_factors(_rows(seed, np.array(stds)), np.ones(len(stds)))
    assert factors.shape == (len(stds),)
    assert factors.dtype == np.float32
    assert factors.min() >= 1.0
    assert set(factors.tolist()) <= set(FACTORS.astype(np.float32).tolist())


@given(seed=SEEDS, std=st.floats(0.1, 6.0), channels=st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_channels_that_are_alike_are_left_alone(seed: int, std: float, channels: int) -> None:
    """Where no channel stands out, scaling would only bend the swish."""
    assert choose_factors(_rows(seed, np.full(channels, std)), np.ones(channels)).tolist() == [1.0] * channels


def test_one_channel_that_stands_out_is_scaled_down_and_no_other() -> None:
    """A channel thirty times as wide as the rest is divided, and the rest keep their swish as it is."""
    stds = np.ones(16)
    stds[5] = 30.0
    factors = choose_factors(_rows(0, stds), np.ones(16))
    assert factors[5] > 2.0
    assert np.delete(factors, 5).tolist() == [1.0] * 15


def test_a_channel_that_matters_more_is_bent_less() -> None:
    """With all importance on the wide channel, its own accuracy decides, and it is scaled no further than before."""
    stds = np.ones(16)
    stds[5] = 30.0
    rows, importance = _rows(0, stds), np.full(16, 1e-6)
    importance[5] = 16.0
    assert choose_factors(rows, importance)[5] <= choose_factors(rows, np.ones(16))[5]


@pytest.mark.parametrize("factor", FACTORS.tolist())
def test_a_scaled_swish_is_a_swish_with_a_wider_knee(factor: float) -> None:
    """``s * swish(x / s)`` differs from ``swish(x)`` by at most 0.2785 * s, and by nothing far from zero."""
    x = np.linspace(-200.0, 200.0, 4001)
    scaled = factor * swish(x / factor)
    assert np.abs(scaled - swish(x)).max() <= 0.2785 * factor
    far = np.abs(x) > 15.0 * factor
    np.testing.assert_allclose(scaled[far], swish(x)[far], atol=1e-3)


def test_the_table_of_factors_begins_with_doing_nothing() -> None:
    """1 is the first factor, and they grow."""
    assert FACTORS[0] == 1.0
    assert (np.diff(FACTORS) > 0).all()
