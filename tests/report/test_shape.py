"""report.shape: a record is held to its schema as a full validator does, and a damaged one says where."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report import records

from edge_effnet.report.shape import JUDGED, LEFT_OUT, fault_finder
from edge_effnet.schemas import SCHEMA_NAMES, read_schema

_RECORDS: dict[str, dict[str, Any]] = {
    "bench": records.bench(records.result("m"), ratios=({"a": 0, "b": 0, "ratio": 1.0, "ci95": [0.9, 1.1]},)),
    "eval": records.evaluation(records.score("f", 90), records.score("m", 89)),
    "inspect": records.inspection("m", errors=1),
    "convert": records.conversion("m"),
    "verify": records.verification("m"),
    "profile": records.profile("m"),
    "contract": records.contract("m"),
}
_JUNK = st.sampled_from([None, "text", -3, 0.5, True, [], {}])


def _keywords(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key in ("properties", "$defs"):
        for inner in schema.get(key, {}).values():
            found |= _keywords(inner)
    for key in ("items", "additionalProperties", "if", "then", "else"):
        found |= _keywords(schema.get(key))
    for key in ("oneOf", "anyOf", "allOf"):
        for inner in schema.get(key, ()):
            found |= _keywords(inner)
    return found


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*place, key), *_places(item, (*place, key)))]


def _is_only_lacking(error: jsonschema.ValidationError) -> bool:
    """Whether keys are missing and nothing else is wrong, in one of the schemas where several are allowed."""
    branches: dict[Any, list[jsonschema.ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    return error.validator == "required" or any(
        all(map(_is_only_lacking, found)) for found in branches.values()
    )


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_every_keyword_of_every_published_schema_is_known(name: str) -> None:
    """A keyword that nobody judges would let a damaged record pass without a word."""
    assert _keywords(read_schema(name)) <= JUDGED | LEFT_OUT


@pytest.mark.parametrize("kind", _RECORDS)
def test_the_records_of_these_tests_have_the_published_form(kind: str) -> None:
    """By the full validator and by ours, so that what is tested here is what the verbs write."""
    jsonschema.validate(_RECORDS[kind], read_schema(kind))
    assert fault_finder(read_schema(kind))(_RECORDS[kind]) is None


@given(st.sampled_from(sorted(_RECORDS)), _JUNK, st.data())
def test_damage_is_found_where_a_full_validator_finds_it(kind: str, junk: Any, data: st.DataObject) -> None:
    """One value anywhere is replaced; both agree whether that is damage."""
    record, schema = copy.deepcopy(_RECORDS[kind]), read_schema(kind)
    *outer, last = data.draw(st.sampled_from(_places(record)))
    place = record
    for key in outer:
        place = place[key]
    place[last] = junk
    found = fault_finder(schema)(record)
    full = jsonschema.Draft202012Validator(schema).iter_errors(record)
    assert (found is None) is all(_is_only_lacking(error) for error in full)


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        ({"a": [{"n": "x"}]}, {"properties": {"a": {"items": {"properties": {"n": {"type": "integer"}}}}}}, "a[0].n: 'x' is no integer"),
        ([], {"type": "object"}, "the record: [] is no object"),
        ({"v": 2}, {"properties": {"v": {"const": 1}}}, "v: 2 is none of [1]"),
    ],
)  # fmt: skip
def test_a_fault_names_its_place(value: Any, schema: dict[str, Any], said: str) -> None:
    """As a path that can be followed by hand."""
    assert fault_finder(schema)(value) == said


def test_a_key_of_a_later_release_and_one_that_an_earlier_lacks_are_no_damage() -> None:
    """Keys are added without a new schema version, and are required from then on."""
    earlier = records.inspection("m")
    del earlier["macs"], earlier["ops"]
    assert fault_finder(read_schema("inspect"))(earlier) is None
    later = records.profile("m")
    later["peak"]["int4_gmacs_per_s"] = 400.0
    assert fault_finder(read_schema("profile"))(later) is None
