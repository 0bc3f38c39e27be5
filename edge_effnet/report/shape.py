"""Whether a record has the form of its published JSON Schema: the few keywords that our schemas use.

The validator that the tests use is not among the libraries that a user has; a record from elsewhere must still be
refused with the place that is wrong, and never half-read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["JUDGED", "LEFT_OUT", "first_fault"]

_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}

JUDGED: Final = frozenset(
    {
        "type",
        "required",
        "properties",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "pattern",
        "minimum",
        "maximum",
    }
    | {
        "exclusiveMinimum",
        "minItems",
        "maxItems",
        "minLength",
        "oneOf",
        "anyOf",
        "allOf",
        "if",
        "then",
        "else",
        "$ref",
    }
)
"""The keywords that are held against a record; of `oneOf` it is asked only that one of them fits."""

LEFT_OUT: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "unevaluatedProperties"}
)
"""Keywords that say nothing of a value, or only that no key may be added: later releases add keys.

For the same reason `additionalProperties: false` is not held against a record.
"""


def first_fault(value: Any, schema: dict[str, Any]) -> str | None:
    """Return where a document leaves its schema and how, such as ``results[0].n: 'x' is no integer``, or None."""
    return next(_faults(value, schema, schema, ""), None)


def _faults(value: Any, schema: Any, root: dict[str, Any], place: str) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    fault = _own_fault(value, schema)
    if fault is not None:
        yield f"{place or 'the record'}: {fault}"
        return
    for option in _all_of(value, schema, root):
        yield from _faults(value, option, root, place)
    for key in ("oneOf", "anyOf"):
        options = schema.get(key, ())
        found = [next(_faults(value, option, root, place), None) for option in options]
        if options and all(found):
            yield str(found[-1])
    yield from _faults_inside(value, schema, root, place)


def _all_of(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[Any]:
    """Yield every other schema that a value has to fit as well."""
    yield from schema.get("allOf", ())
    if "$ref" in schema:
        yield _resolved(schema["$ref"], root)
    if "if" in schema:
        fits = next(_faults(value, schema["if"], root, ""), None) is None
        yield schema.get("then" if fits else "else", {})


def _faults_inside(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for key, item in value.items():
            below = known.get(key, schema.get("additionalProperties", True))
            yield from _faults(item, below, root, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _faults(item, schema["items"], root, f"{place}[{index}]")


def _own_fault(value: Any, schema: dict[str, Any]) -> str | None:
    """Return what is wrong with a value itself."""
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(_TYPES[name](value) for name in names):
        return f"{_short(value)} is no {' or '.join(names)}"
    if isinstance(value, dict) and (
        missing := [key for key in schema.get("required", ()) if key not in value]
    ):
        return f"{missing[0]!r} is missing"
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        return f"{_short(value)} is none of {_short(schema.get('enum', [schema.get('const')]))}"
    return _size_fault(value, schema)


def _size_fault(value: Any, schema: dict[str, Any]) -> str | None:
    if _TYPES["number"](value):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        if not low <= value <= high or value <= schema.get("exclusiveMinimum", value - 1):
            return f"{_short(value)} is out of range"
    if isinstance(value, list) and not schema.get("minItems", 0) <= len(value) <= schema.get(
        "maxItems", len(value)
    ):
        return f"{len(value)} items"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return "too short"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{_short(value)} does not fit {schema['pattern']}"
    return None


def _resolved(reference: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
