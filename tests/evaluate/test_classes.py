"""evaluate.classes: which output means which class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import DataError
from edge_effnet.evaluate.classes import (
    ModelClasses,
    labels_by_name,
    labels_of_outputs,
    normalised,
    offset_for,
)

_THOUSAND = tuple(f"class number {index}" for index in range(1000))


@pytest.mark.parametrize(
    ("outputs", "names", "highest", "offset"),
    [
        (1001, None, 999, 1),
        (1001, None, 3, 1),
        (1001, None, 1000, 0),
        (1000, None, 999, 0),
        (1001, ("background", *_THOUSAND), 999, 1),
        (1001, ("background", *_THOUSAND), 1000, 0),
        (1001, (*_THOUSAND, "one more"), 999, 0),
        (5, None, 4, 0),
    ],
)
def test_a_background_class_is_recognised(
    outputs: int, names: tuple[str, ...] | None, highest: int, offset: int
) -> None:
    """1,001 outputs with labels up to 999 have one, unless the names or a label of 1,000 say otherwise."""
    assert offset_for(ModelClasses(outputs, names), highest) == offset


def test_every_unambiguous_form_of_a_name_is_known() -> None:
    """A class is found by WordNet id, whole name and synonym; a word of two classes by none."""
    known = labels_by_name(["n01440764 tench, Tinca tinca", "crane, bird", "Crane", "rose_hip"])
    for form in ("n01440764", "tench", "tinca tinca", "tench, tinca tinca"):
        assert known[form] == 0
    assert known["bird"] == 1
    assert known[normalised("Rose-Hip")] == 3
    assert "crane" not in known


def test_labels_must_fit_the_outputs() -> None:
    """Names for another number of outputs would shift every class."""
    with pytest.raises(DataError, match="do not fit"):
        ModelClasses(3, ("a", "b"))


@given(st.permutations(["tench", "shark", "ray", "cock", "hen"]))
def test_a_model_with_another_order_is_brought_to_the_first_ones_labels(names: list[str]) -> None:
    """Equal names get equal labels, wherever they stand."""
    reference = ["tench", "shark", "ray", "cock", "hen"]
    labels = labels_of_outputs(ModelClasses(5, tuple(names)), 0, reference)
    assert [reference[label] for label in labels.tolist()] == names


def test_a_class_that_the_first_model_lacks_gets_a_label_of_its_own() -> None:
    """It agrees with nothing, and no two such classes agree with each other."""
    labels = labels_of_outputs(ModelClasses(4, ("a", "x", "b", "y")), 0, ["a", "b"]).tolist()
    assert (labels[0], labels[2]) == (0, 1)
    assert labels[1] < -1 > labels[3]
    assert labels[1] != labels[3]


def test_a_background_class_has_the_label_minus_one() -> None:
    """It is never right, and the other outputs are shifted by one."""
    assert labels_of_outputs(ModelClasses(1001), 1, None)[:3].tolist() == [-1, 0, 1]
    named = ModelClasses(1001, ("background", *_THOUSAND))
    assert labels_of_outputs(named, 1, _THOUSAND).tolist() == list(range(-1, 1000))


def test_names_in_other_words_leave_the_order_alone() -> None:
    """Two lists without a name in common are two spellings of the same classes, not disjoint classes."""
    assert labels_of_outputs(ModelClasses(2, ("Hund", "Katze")), 0, ["dog", "cat"]).tolist() == [0, 1]
