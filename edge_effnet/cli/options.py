"""Options that several verbs have."""

from __future__ import annotations

from typing import Any, Final

import typer

__all__ = ["WITH_FEATURES"]

WITH_FEATURES: Final[Any] = typer.Option(
    False, "--with-features", help="Give out the last feature map too, for class activation maps (demos)."
)
