"""The strict fit: every tensor has a home, every home a tensor, and errors name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import DataError
from edge_effnet.models.weights import Found, Slot, Target, fit, snake_case
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable

Tensors = dict[str, dict[str, np.ndarray]]


def _drop(tensors: Tensors) -> None:
    del tensors["stem_conv"]


def _add(tensors: Tensors) -> None:
    tensors["block9z_conv"] = {"kernel": np.zeros((1, 1, 2, 2), np.float32)}


def _reshape(tensors: Tensors) -> None:
    tensors["stem_conv"]["kernel"] = np.zeros((3, 3, 3, 5), np.float32)


def _spoil(tensors: Tensors) -> None:
    tensors["stem_conv"]["kernel"][0, 0, 0, 0] = np.nan


def _shrink_head(tensors: Tensors) -> None:
    tensors["predictions"] = {"kernel": np.zeros((4, 7), np.float32), "bias": np.zeros(7, np.float32)}


def test_what_fits_is_kept_bit_by_bit(toy_target: Target, toy_tensors: Tensors) -> None:
    """A complete file passes as it is, without a note."""
    tensors, notes = fit(toy_target, Found(toy_tensors, "toy file"))
    assert notes == ()
    np.testing.assert_array_equal(tensors["stem_conv"]["kernel"], toy_tensors["stem_conv"]["kernel"])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_drop, "1 tensor missing from the file: stem_conv/kernel"),
        (_add, "1 tensor without a home in the model: block9z_conv/kernel"),
        (_reshape, r"stem_conv/kernel \(3, 3, 3, 5\) for \(3, 3, 3, 4\)"),
        (_spoil, "values that are not finite: stem_conv/kernel"),
        (_shrink_head, r"2 tensors of another shape .* predictions/kernel \(4, 7\) for \(4, 10\)"),
    ],
)
def test_what_does_not_fit_is_named(
    damage: Callable[[Tensors], None], words: str, toy_target: Target, toy_tensors: Tensors
) -> None:
    """A tensor too many, too few, of a wrong shape or with NaN is exit 4 and named."""
    damage(toy_tensors)
    with pytest.raises(DataError, match=words) as caught:
        fit(toy_target, Found(toy_tensors, "toy file"))
    assert caught.value.exit_code == 4


def test_another_class_count_hints_at_a_new_head(toy_target: Target, toy_tensors: Tensors) -> None:
    """Where only the classifier differs, the error says which option helps."""
    _shrink_head(toy_tensors)
    with pytest.raises(DataError, match="--allow-new-head"):
        fit(toy_target, Found(toy_tensors, "toy file"))


def test_a_new_head_is_said_to_be_new(toy_target: Target, toy_tensors: Tensors) -> None:
    """`allow_new_head` gives the classifier fresh weights, and a note that it is untrained."""
    _shrink_head(toy_tensors)
    tensors, notes = fit(toy_target, Found(toy_tensors, "toy file"), allow_new_head=True, seed=5)
    assert tensors["predictions"]["kernel"].shape == (4, 10)
    assert "untrained" in notes[0]
    assert "seed 5" in notes[0]


def test_a_head_that_fits_is_never_replaced(toy_target: Target, toy_tensors: Tensors) -> None:
    """`allow_new_head` allows; it does not ask for it."""
    tensors, notes = fit(toy_target, Found(toy_tensors, "toy file"), allow_new_head=True)
    np.testing.assert_array_equal(tensors["predictions"]["kernel"], toy_tensors["predictions"]["kernel"])
    assert notes == ()


def test_a_missing_head_is_an_error_unless_it_may_be_new(toy_target: Target, toy_tensors: Tensors) -> None:
    """A file without a top loads only with `allow_new_head`."""
    del toy_tensors["predictions"]
    with pytest.raises(DataError, match="predictions/kernel, predictions/bias"):
        fit(toy_target, Found(toy_tensors, "toy file"))
    assert "predictions" in fit(toy_target, Found(toy_tensors, "toy file"), allow_new_head=True)[0]


def test_a_model_without_a_top_says_that_it_drops_the_classifier(
    toy_target: Target, toy_tensors: Tensors
) -> None:
    """A classifier that nobody asked for is no error, but is not silent either."""
    headless = Target("toy", toy_target.slots[:1], toy_target.normalisation)
    tensors, notes = fit(headless, Found(toy_tensors, "toy file"))
    assert "predictions" not in tensors
    assert "not used" in notes[0]


@given(st.sets(st.integers(0, 30), max_size=30), st.sets(st.integers(0, 30), max_size=30))
def test_the_fit_accepts_equal_sets_and_no_others(want: set[int], have: set[int]) -> None:
    """Whatever the names, a file fits exactly when its tensors are those of the model."""
    target = Target(
        "toy", tuple(Slot(f"l{n}", "Dense", {"bias": (1,)}) for n in want), VARIANTS["b0"].normalisation
    )
    found = Found({f"l{n}": {"bias": np.zeros(1, np.float32)} for n in have}, "toy file")
    if want == have:
        fit(target, found)
        return
    with pytest.raises(DataError) as caught:
        fit(target, found)
    assert ("without a home" in str(caught.value.got)) == bool(have - want)
    assert ("missing from the file" in str(caught.value.got)) == bool(want - have)


def test_long_lists_are_counted_not_printed(toy_target: Target) -> None:
    """An error about hundreds of tensors names the first few and the number of the rest."""
    found = Found({f"layer{n}": {"kernel": np.zeros(1, np.float32)} for n in range(100)}, "toy file")
    with pytest.raises(DataError, match=r"100 tensors without a home .* and 95 more"):
        fit(toy_target, found)


@pytest.mark.parametrize(
    ("kind", "snake"),
    [
        ("Conv2D", "conv2d"),
        ("DepthwiseConv2D", "depthwise_conv2d"),
        ("BatchNormalization", "batch_normalization"),
    ],
)
def test_class_names_become_those_of_keras_files(kind: str, snake: str) -> None:
    """Groups in Keras 3's files are called by these names."""
    assert snake_case(kind) == snake
