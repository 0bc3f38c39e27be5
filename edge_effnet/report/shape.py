"""Whether a record has the form of its published JSON Schema: the few keywords that our schemas use.

The validator that the tests use is not among the libraries that a user has; a record from elsewhere must still be
refused with the place that is wrong, and never half-read. A schema is made into functions once: a run has hundreds of
records with thousands of values each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Fault: TypeAlias = "tuple[str, str]"
    Check: TypeAlias = Callable[[Any], "Fault | None"]
    Schema: TypeAlias = dict[str, Any]

__all__ = ["JUDGED", "LEFT_OUT", "fault_finder"]

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
"""Values come from a JSON document, so that their types are exactly these."""

LEFT_OUT: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "required", "unevaluatedProperties"}
)
"""Keywords that are not held against a record: those that say nothing of a value, and those that count keys.

Keys are added from release to release: a record of an earlier one lacks some that are required today, and one of a later
one has more (so that `additionalProperties: false` is not held against it either). What is missing is shown as missing.
"""


def fault_finder(schema: Schema) -> Callable[[Any], str | None]:
    """Return a function that says where a document leaves a schema and how, or None.

    The place is a path, such as in ``results[0].n: 'x' is no integer``.
    """
    check = _compiled(schema, schema)

    def first_fault(document: Any) -> str | None:
        fault = check(document)
        return None if fault is None else f"{fault[0].lstrip('.') or 'the record'}: {fault[1]}"

    return first_fault


def _compiled(schema: Any, root: Schema) -> Check:
    """Return what judges a value: the keywords of a schema, one after the other, up to the first fault."""
    if not isinstance(schema, dict):
        return _anything
    makers = dict.fromkeys(make for keyword, make in _KEYWORDS.items() if keyword in schema)
    checks = [make(schema, root) for make in makers]
    if len(checks) == 1:
        return checks[0]

    def check(value: Any) -> Fault | None:
        for judge in checks:
            fault = judge(value)
            if fault is not None:
                return fault
        return None

    return check


def _anything(value: Any) -> Fault | None:
    del value
    return None


def _type(schema: Schema, root: Schema) -> Check:
    del root
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    allowed = frozenset(kind for name in names for kind in _TYPES[name])
    whole = "integer" in names and float not in allowed

    def check(value: Any) -> Fault | None:
        kind = type(value)
        if kind in allowed or (whole and kind is float and value.is_integer()):
            return None
        return "", f"{_short(value)} is no {' or '.join(names)}"

    return check


def _properties(schema: Schema, root: Schema) -> Check:
    known = {key: _compiled(below, root) for key, below in schema.get("properties", {}).items()}
    others = _compiled(schema.get("additionalProperties"), root)

    def check(value: Any) -> Fault | None:
        if type(value) is dict:
            for key, item in value.items():
                fault = known.get(key, others)(item)
                if fault is not None:
                    return f".{key}{fault[0]}", fault[1]
        return None

    return check


def _items(schema: Schema, root: Schema) -> Check:
    judge = _compiled(schema["items"], root)

    def check(value: Any) -> Fault | None:
        if type(value) is list:
            for index, item in enumerate(value):
                fault = judge(item)
                if fault is not None:
                    return f"[{index}]{fault[0]}", fault[1]
        return None

    return check


def _one_of_values(schema: Schema, root: Schema) -> Check:
    del root
    allowed = schema.get("enum", [schema.get("const")])
    told_apart = [
        (type(value) is bool, value) for value in allowed
    ]  # True is 1 in Python, and is not in JSON
    return lambda value: (
        None
        if (type(value) is bool, value) in told_apart
        else ("", f"{_short(value)} is none of {_short(allowed)}")
    )


def _size(schema: Schema, root: Schema) -> Check:
    del root
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    above = schema.get("exclusiveMinimum", float("-inf"))
    least, most = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
    shortest, pattern = schema.get("minLength", 0), re.compile(schema.get("pattern", ""))

    def check(value: Any) -> Fault | None:
        kind = type(value)
        if kind is list:
            return None if least <= len(value) <= most else ("", f"it has {len(value)} items")
        if kind is str:
            fits = len(value) >= shortest and pattern.search(value)
            return None if fits else ("", f"{_short(value)} does not fit {pattern.pattern or 'its length'}")
        if kind in _TYPES["number"] and not (low <= value <= high and value > above):
            return "", f"{_short(value)} is out of range"
        return None

    return check


def _any_of(schema: Schema, root: Schema) -> Check:
    judges = [_compiled(option, root) for key in ("oneOf", "anyOf") for option in schema.get(key, ())]

    def check(value: Any) -> Fault | None:
        fault = None
        for judge in judges:
            fault = judge(value)
            if fault is None:
                return None
        return fault

    return check


def _all_of(schema: Schema, root: Schema) -> Check:
    judges = [_compiled(option, root) for option in schema["allOf"]]
    return lambda value: next((fault for judge in judges if (fault := judge(value)) is not None), None)


def _condition(schema: Schema, root: Schema) -> Check:
    test, then, other = (_compiled(schema.get(key), root) for key in ("if", "then", "else"))
    return lambda value: (then if test(value) is None else other)(value)


def _reference(schema: Schema, root: Schema) -> Check:
    found: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return _compiled(found, root)


_KEYWORDS: Final[dict[str, Callable[[Schema, Schema], Check]]] = {
    "type": _type,
    "enum": _one_of_values,
    "const": _one_of_values,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "minItems", "maxItems", "minLength"), _size),
    "pattern": _size,
    "$ref": _reference,
    "allOf": _all_of,
    "if": _condition,
    "oneOf": _any_of,
    "anyOf": _any_of,
    "properties": _properties,
    "additionalProperties": _properties,
    "items": _items,
}
"""Keyword -> what makes its judge. Of `oneOf` it is asked only that one of its schemas fits."""

JUDGED: Final = frozenset(_KEYWORDS) | {"then", "else"}
"""The keywords that are held against a record."""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
