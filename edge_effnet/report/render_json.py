"""report.json: the document itself, for programs and for `compare`."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["render_json"]


def render_json(document: dict[str, Any]) -> str:
    """Return the document as JSON, one line per top-level key: samples on a line each would make it four times as long."""
    body = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in document.items()
    )
    return f"{{\n{body}\n}}\n"
