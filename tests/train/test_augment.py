"""The table of augmentations: what each row does to pictures and targets, and how policies are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.train.augment import POLICIES, ROWS, Policy, policy_from_text
from edge_effnet.train.augment_rows import central_crop

SIDE = 24
PICTURE_ROWS = [name for name, row in ROWS.items() if row.scope == "picture"]
BATCH_ROWS = [name for name, row in ROWS.items() if row.scope == "batch"]


def _picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)


def _seed(number: int = 1):
    return import_tensorflow().constant([5, number])


def _applied(name: str, strength: float, number: int = 1) -> np.ndarray:
    tf = import_tensorflow()
    more = (SIDE,) if ROWS[name].scope == "crop" else ()
    return ROWS[name].apply(tf.constant(_picture()), _seed(number), strength, *more).numpy()


@pytest.mark.parametrize("name", [*PICTURE_ROWS, "crop"])
@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_a_changed_picture_is_a_picture(name: str, strength: float):
    """Same shape, values in 0..255; the same seed gives the same, other seeds give others."""
    found = [_applied(name, strength, number) for number in range(12)]
    for each in found:
        assert each.shape == (SIDE, SIDE, 3)
        assert each.dtype == np.float32
        assert each.min() >= -1e-3
        assert each.max() <= 255.001
    np.testing.assert_array_equal(found[3], _applied(name, strength, 3))
    distinct = {each.tobytes() for each in found}
    assert len(distinct) > 1 or name == "flip"


def test_a_certain_flip_is_a_mirror_image():
    """Left and right change places."""
    different = [
        number for number in range(20) if not np.array_equal(_applied("flip", 0.5, number), _picture())
    ]
    assert 0 < len(different) < 20
    np.testing.assert_array_equal(_applied("flip", 1.0), _picture()[:, ::-1])


def test_a_weak_colour_change_stays_near():
    """Each of three factors is at most one hundredth from 1."""
    assert np.abs(_applied("colour", 0.01) - _picture()).max() < 3 * 0.01 * 255 + 1


def test_a_crop_is_a_part_of_the_picture():
    """A ramp stays a ramp: cut and stretched, its values within those of the whole, its slope not steeper."""
    tf = import_tensorflow()
    ramp = np.broadcast_to(np.arange(SIDE, dtype=np.float32)[None, :, None], (SIDE, SIDE, 3))
    for number in range(8):
        cut = ROWS["crop"].apply(tf.constant(ramp), _seed(number), 0.75, SIDE).numpy()
        steps = np.diff(cut[0, :, 0])
        assert cut.min() >= 0
        assert cut.max() <= SIDE - 1
        np.testing.assert_allclose(steps, steps[0], atol=1e-4)
        assert 0.4 <= steps[0] <= 1.001


def test_the_central_crop_is_in_the_middle():
    """As many pixels left out on every side."""
    np.testing.assert_array_equal(central_crop(_picture(), SIDE - 4), _picture()[2:-2, 2:-2])


@pytest.mark.parametrize("name", BATCH_ROWS)
def test_targets_are_mixed_as_pictures_are(name: str):
    """Picture k is all k and its target is class k: the share of a class is the share of its pixels."""
    tf = import_tensorflow()
    values = np.arange(4, dtype=np.float32)
    pictures = np.broadcast_to(10 * values[:, None, None, None], (4, SIDE, SIDE, 3)).astype(np.float32)
    mixed_any = False
    for number in range(10):
        pixels, targets = ROWS[name].apply(tf.constant(pictures), tf.eye(4), _seed(number), 0.8)
        np.testing.assert_allclose(targets.numpy().sum(axis=1), 1.0, rtol=1e-5)
        np.testing.assert_allclose(
            pixels.numpy().mean(axis=(1, 2, 3)), targets.numpy() @ (10 * values), rtol=1e-4, atol=1e-3
        )
        mixed_any = mixed_any or not np.allclose(targets.numpy(), np.eye(4))
        alone, nothing = ROWS[name].apply(tf.constant(pictures), None, _seed(number), 0.8)
        np.testing.assert_array_equal(alone.numpy(), pixels.numpy())
        assert nothing is None
    assert mixed_any


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_names_rows_of_the_table(name: str):
    """With strengths above 0, at most 1, and stronger policies do more."""
    assert set(POLICIES[name]) <= set(ROWS)
    assert all(0 < strength <= 1 for strength in POLICIES[name].values())
    order = list(POLICIES)
    weaker = POLICIES[order[max(0, order.index(name) - 1)]]
    assert all(POLICIES[name][row] >= strength for row, strength in weaker.items())


def test_a_policy_can_be_changed_row_by_row():
    """Rows are added, changed and turned off; what is written out is read back as the same."""
    policy = policy_from_text("medium,mixup=0.2,colour=0")
    assert policy.strengths == {"crop": 0.7, "flip": 0.5, "randaugment": 0.3, "mixup": 0.2}
    assert policy_from_text(policy.text) == policy


@given(st.dictionaries(st.sampled_from(list(ROWS)), st.floats(0.01, 1.0).map(lambda value: round(value, 2))))
def test_every_policy_is_read_as_it_was_written(strengths: dict[str, float]):
    """Text and policy say the same."""
    policy = Policy({name: strengths[name] for name in ROWS if name in strengths})
    assert policy_from_text(policy.text) == policy


@pytest.mark.parametrize("text", ["heavy", "light,blur=0.3"])
def test_a_name_that_is_not_there_is_refused(text: str):
    """Policy or row."""
    with pytest.raises(UnknownNameError):
        policy_from_text(text)


@pytest.mark.parametrize(
    "text", ["light,flip", "light,flip=", "light,flip=2", "light,flip=-1", "light,flip=nan"]
)
def test_a_strength_out_of_range_is_refused(text: str):
    """The error says what the strength means."""
    with pytest.raises(UsageError, match="probability of a mirror image"):
        policy_from_text(text)
