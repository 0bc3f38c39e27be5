"""Errors: codes by branch, and the name that was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.errors import EdgeEffnetError, UnknownNameError
from edge_effnet.variants.table import VARIANTS

MODELS = [*VARIANTS, "mobilenet_v2", "resnet50"]


@pytest.mark.parametrize(
    ("got", "meant"),
    [
        ("bo", "b0"),
        ("B7", "b7"),
        ("b8", "b0"),
        ("efficientnet-b3", "b3"),
        ("EfficientNetB4", "b4"),
        ("efficientnetv2-b1", "v2-b1"),
        ("efficientnet-lite2", "lite2"),
        ("edgetpu_m", "edgetpu-m"),
        ("mobilenetv2", "mobilenet_v2"),
        ("resnet-50", "resnet50"),
    ],
)
def test_the_name_that_was_probably_meant_is_offered(got: str, meant: str) -> None:
    """The longest name that the given one ends in, else the most similar, the first of equals."""
    assert UnknownNameError("model", got, MODELS).hint == f"did you mean {meant!r}?"


@pytest.mark.parametrize("got", ["", "?", "transformer-xl-42-large"])
def test_nothing_is_guessed_when_nothing_is_near(got: str) -> None:
    """No suggestion is better than a wild one."""
    assert UnknownNameError("model", got, ["alpha", "omega"]).hint is None


@given(st.text(max_size=20), st.lists(st.text(max_size=10), max_size=5))
@settings(deadline=None)
def test_any_name_and_any_table_make_an_error(got: str, names: list[str]) -> None:
    """Making the error never fails itself, whatever was typed."""
    error = UnknownNameError("thing", got, names)
    assert error.exit_code == 2
    assert str(error).startswith("unknown thing")


def test_every_branch_has_its_own_exit_code() -> None:
    """1 to 6, each drawn in the module's docstring."""
    codes = [branch.exit_code for branch in EdgeEffnetError.__subclasses__()]
    assert sorted(codes) == [2, 3, 4, 5, 6]
    assert EdgeEffnetError.exit_code == 1
