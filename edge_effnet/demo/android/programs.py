"""Programs of Java's and Android's: where they are, and what they said last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import find_program

if TYPE_CHECKING:
    from edge_effnet.process import Finished

__all__ = ["PATIENCE_S", "find_apksigner", "find_tool", "last_line"]

PATIENCE_S: Final = 120.0
"""How long one of them may take; each needs a second or two."""


def find_apksigner() -> str:
    """Return the newest of the SDK that ``$ANDROID_HOME`` names, else the system's.

    Raises:
        EnvironmentFault: There is neither.
    """
    sdk = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    found = sorted(Path(sdk).glob("build-tools/*/apksigner")) if sdk else []
    return str(found[-1]) if found else find_tool("apksigner", "apksigner")


def find_tool(name: str, package: str) -> str:
    """Return where a program is.

    Args:
        name: Its name.
        package: Debian's package that has it.

    Raises:
        EnvironmentFault: It is not installed.
    """
    found = find_program(name)
    if found is None:
        raise EnvironmentFault(
            f"{name} is not installed",
            hint=f"apt-get install {package}, or set ANDROID_HOME to an Android SDK with build-tools",
        )
    return found


def last_line(done: Finished) -> str | None:
    """Return the last line that a program wrote, where its complaints end; Java's stack is left out."""
    lines = [line.strip() for line in f"{done.text}\n{done.complaint}".splitlines()]
    lines = [line for line in lines if line and not line.startswith("at ")]
    return lines[-1][:300] if lines else None
