"""The published JSON Schemas of every document that a verb prints or writes."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from edge_effnet.errors import UnknownNameError

__all__ = ["SCHEMA_NAMES", "read_schema"]

SCHEMA_NAMES = (
    "list",
    "train",
    "qat",
    "convert",
    "tune",
    "inspect",
    "verify",
    "eval",
    "quickstart",
    "bench",
    "profile",
    "demo-camera",
    "demo-web",
    "demo-android",
    "edgetpu-check",
    "edgetpu-compile",
    "edgetpu-estimate",
    "edgetpu-list",
    "doctor",
    "report",
    "compare",
    "run",
    "config",
    "contract",
)


def read_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in SCHEMA_NAMES:
        raise UnknownNameError("schema", name, SCHEMA_NAMES)
    schema: dict[str, Any] = json.loads(
        resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    )
    return schema
