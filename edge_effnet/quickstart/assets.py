"""What the quickstart is shipped with: B0 weights that were trained on ``shapes10-v1``, and how they were made."""

from __future__ import annotations

import contextlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import EdgeEffnetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.abc import Traversable
    from pathlib import Path

__all__ = ["MODEL_ID", "SET_ID", "demo_record", "demo_weights"]

MODEL_ID: Final = "b0"
SET_ID: Final = "shapes10-v1"

_STEM: Final = "b0_shapes10"


def _asset(suffix: str) -> Traversable:
    asset = resources.files("edge_effnet") / "_demo" / f"{_STEM}{suffix}"
    if not asset.is_file():
        raise EdgeEffnetError(
            "the demonstration's weights are missing from this installation",
            got=asset.name,
            hint="install edge-effnet again, or train them: make demo-weights",
        )
    return asset


@contextlib.contextmanager
def demo_weights() -> Iterator[Path]:
    """Yield the path of the weights, a ``.npz`` in float16."""
    with resources.as_file(_asset(".npz")) as path:
        yield path


def demo_record() -> dict[str, Any]:
    """Return how the weights were trained, and how often they were right then."""
    record: dict[str, Any] = json.loads(_asset(".json").read_text(encoding="utf-8"))
    return record
