"""The judgement of an int8 graph: figures that are zero, or a hundred, exactly when nothing differs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import UsageError
from edge_effnet.qat.judge import compare
from edge_effnet.qat.settings import QatSettings, settings_from

SEEDS = st.integers(0, 2**31)


def logits(seed: int, rows: int = 12, classes: int = 5) -> np.ndarray:
    """Return random logits."""
    return np.random.default_rng(seed).normal(0.0, 3.0, (rows, classes)).astype(np.float32)


@given(SEEDS)
def test_a_network_agrees_with_itself(seed: int) -> None:
    """No divergence, all of the pictures, no noise."""
    found = compare(logits(seed), logits(seed))
    assert found.divergence == pytest.approx(0.0, abs=1e-12)
    assert (found.agreement, found.sqnr_db, found.n) == (100.0, math.inf, 12)


@given(SEEDS, SEEDS)
def test_the_divergence_is_never_negative(one: int, two: int) -> None:
    """Gibbs' inequality."""
    assert compare(logits(one), logits(two)).divergence >= -1e-12


@given(SEEDS, st.floats(-50, 50))
def test_a_common_shift_of_all_logits_is_seen_by_the_noise_alone(seed: int, shift: float) -> None:
    """Probabilities do not change, so training needs the square error of the logits beside the divergence."""
    found = compare(logits(seed), logits(seed) + np.float32(shift))
    assert found.divergence == pytest.approx(0.0, abs=1e-5)
    assert found.agreement == 100.0
    assert abs(shift) < 1e-3 or found.sqnr_db < 100.0


def test_labels_give_top1_and_cross_entropy() -> None:
    """By hand: two of three right, and the negative logarithm of the labels' probabilities."""
    given_logits = np.log(np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]], np.float32))
    found = compare(given_logits, given_logits, np.array([0, 1, 1]))
    assert found.top1 == pytest.approx(200 / 3)
    assert found.cross_entropy == pytest.approx(-np.log([0.7, 0.6, 0.1]).mean(), rel=1e-5)
    assert found.score(QatSettings(label_weight=1.0)) == pytest.approx(-found.cross_entropy)


@given(st.integers(1, 5000), st.integers(1, 200))
def test_the_judgements_part_a_run_into_equal_epochs(steps: int, longest: int) -> None:
    """No epoch is longer than asked, and together they are the run, rounded up by less than one step an epoch."""
    settings = QatSettings(steps=steps, longest_epoch=longest)
    assert settings.epoch_steps <= longest
    assert steps <= settings.epochs * settings.epoch_steps < steps + settings.epochs


@given(st.integers(1, 3000))
def test_the_rates_rise_and_fall_between_their_floor_and_their_peak(steps: int) -> None:
    """Half a cosine after a warm-up; the last step has the floor's order."""
    settings = QatSettings(steps=steps)
    shares = [settings.share_at(step) for step in range(steps)]
    assert all(0.0 < share <= 1.0 for share in shares)
    assert steps < 100 or shares[-1] < 0.05


@pytest.mark.parametrize(
    "choices", [{"steps": 0}, {"batch_size": 0}, {"label_weight": 1.5}, {"temperature": 0.0}, {"rate": 0.0}]
)
def test_settings_out_of_range_are_refused(choices: dict[str, float]) -> None:
    """Before any work is done."""
    with pytest.raises(UsageError):
        settings_from(**choices)
