"""demo.smooth: labels that do not flicker."""

from __future__ import annotations

import numpy as np
import pytest

from edge_effnet.demo.smooth import Guess, Smoother, best
from edge_effnet.errors import UsageError


def _row(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_mean_follows_slowly_and_starts_at_the_first_frame() -> None:
    """Half of what was, half of what is."""
    smoother = Smoother(0.5)
    assert smoother.add(_row(1, 0)).tolist() == [1, 0]
    assert smoother.add(_row(0, 1)).tolist() == [0.5, 0.5]
    assert smoother.add(_row(0, 1)).tolist() == [0.25, 0.75]


def test_no_smoothing_shows_each_frame_alone() -> None:
    """Still pictures have nothing in common."""
    smoother = Smoother(0.0)
    smoother.add(_row(1, 0))
    assert smoother.add(_row(0, 1)).tolist() == [0, 1]


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    """A share of 1 would never show anything new."""
    with pytest.raises(UsageError, match="--smooth"):
        Smoother(share)


def test_the_likeliest_come_first_and_the_lowest_index_wins_a_tie() -> None:
    """As the contract's output rule says; what is below the threshold is left out."""
    found = best(_row(0.1, 0.4, 0.4, 0.1), ["a", "b", "c", "d"], count=3, threshold=0.2)
    assert [guess.index for guess in found] == [1, 2]
    assert found[0] == Guess("b", 1, pytest.approx(0.4))
