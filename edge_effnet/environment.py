"""Where and with what a figure was made: versions, the commit, the time."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program

__all__ = ["code_facts", "installed_versions", "now_utc"]

_PACKAGES: Final = ("edge-effnet", "ai-edge-litert", "tflite-runtime", "numpy", "tensorflow")


def installed_versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Return {package: version} of those that are installed here, without importing them."""
    found = ((name, _version(name)) for name in packages)
    return {name: version for name, version in found if version is not None}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def code_facts() -> dict[str, Any]:
    """Return ``versions``, and the ``commit`` of this code and whether it is ``dirty`` (null outside a checkout)."""
    folder = Path(__file__).resolve().parent
    commit, dirty = None, None
    if (folder.parent / ".git").exists():
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        dirty = None if changed is None else bool(changed)
    return {"versions": installed_versions(), "commit": commit, "dirty": dirty}


def now_utc() -> str:
    """Return the time, to the second."""
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = run_program(["git", "-C", str(folder), *words], timeout_s=20)
    except EnvironmentFault:
        return None
    return done.text.strip() if done.returncode == 0 else None
