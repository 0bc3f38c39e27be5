"""Reading records: a key that may be absent or null gives None or something empty, never an exception."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["base_name", "interval", "number", "picked", "rows", "strings", "table", "text"]


def number(record: Mapping[str, Any], key: str) -> float | None:
    """Return a finite number, else None."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def text(record: Mapping[str, Any], key: str) -> str:
    """Return a text, else an empty one."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def table(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object, else an empty one."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def rows(record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of an array, else none."""
    value = record.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def picked(record: Mapping[str, Any], key: str, *columns: str) -> list[dict[str, Any]]:
    """Return the objects of an array, each with exactly these columns; what is absent is None."""
    return [{column: row.get(column) for column in columns} for row in rows(record, key)]


def strings(record: Mapping[str, Any], key: str) -> list[str]:
    """Return the texts of an array, else none."""
    value = record.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def interval(record: Mapping[str, Any], key: str) -> list[float] | None:
    """Return ``[low, high]``, both finite, else None."""
    value = record.get(key)
    if not isinstance(value, list) or len(value) != 2:
        return None
    bounds = [number({"bound": bound}, "bound") for bound in value]
    return [bound for bound in bounds if bound is not None] if None not in bounds else None


def base_name(path: str) -> str:
    """Return the last part of a path of any system."""
    return PurePosixPath(path.replace("\\", "/")).name or path
