"""A training run on disk."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.errors import DataError
from edge_effnet.train.checkpoint import load_checkpoint, save_checkpoint
from edge_effnet.train.network import State
from edge_effnet.train.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan()


def _state(epochs: int = 3) -> State:
    rng = np.random.default_rng(5)
    # More than ten of each: names are sorted, and 10 must not come before 2.
    weights = [rng.standard_normal((index + 1, 2)).astype(np.float32) for index in range(12)]
    slots = [np.array(17, np.int64), *(value * 2 for value in weights)]
    return State(epochs, weights, slots)


def test_a_state_comes_back_as_it_was(tmp_path: Path):
    """Same epochs, same values, same types, same order."""
    before = _state()
    save_checkpoint(tmp_path / "state.npz", PLAN, before)
    after = load_checkpoint(tmp_path / "state.npz", PLAN)
    assert after.epochs == before.epochs
    for one, two in zip([*before.weights, *before.slots], [*after.weights, *after.slots], strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)


def test_a_later_state_replaces_an_earlier_one(tmp_path: Path):
    """One file, the last epoch."""
    for epochs in (1, 2):
        save_checkpoint(tmp_path / "state.npz", PLAN, _state(epochs))
    assert load_checkpoint(tmp_path / "state.npz", PLAN).epochs == 2
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_checkpoint_of_another_plan_is_refused(tmp_path: Path):
    """Going on with other settings would give a run that no plan describes."""
    save_checkpoint(tmp_path / "state.npz", PLAN, _state())
    with pytest.raises(DataError, match="another plan"):
        load_checkpoint(tmp_path / "state.npz", dataclasses.replace(PLAN, peak_rate=1e-4))


@pytest.mark.parametrize("keep_bytes", [0, 10, 500])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, keep_bytes: int):
    """With a sentence, not a traceback."""
    path = tmp_path / "state.npz"
    save_checkpoint(path, PLAN, _state())
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(DataError, match="cannot be read"):
        load_checkpoint(path, PLAN)
