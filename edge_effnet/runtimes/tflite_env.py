"""The environment of its own that tflite-runtime needs: its last wheels want an older numpy and an older Python."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import user_cache
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.process import Runner

__all__ = ["environment_folder", "install_tflite_runtime", "tflite_python"]

VARIABLE: Final = "EDGE_EFFNET_TFLITE_PYTHON"
"""Names the interpreter of an environment with tflite-runtime, instead of the one that we made."""

_PACKAGES: Final = ("tflite-runtime==2.14.0", "numpy<2")
_PYTHONS: Final = ("python3.11", "python3.10", "python3.9")
"""Those that tflite-runtime 2.14 has wheels for, the newest first."""

_CREATE_S: Final = 120
_INSTALL_S: Final = 900


def environment_folder() -> Path:
    """Return where the environment lies, in the user's cache.

    Raises:
        EnvironmentFault: The package that knows the user's cache folder is missing.
    """
    return user_cache("tflite-runtime")


def tflite_python() -> str | None:
    """Return the interpreter that has tflite-runtime, or None: the variable's, else that of our environment."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    try:
        made = environment_folder() / "bin" / "python"
    except EnvironmentFault:
        return None
    return str(made) if made.exists() else None


def install_tflite_runtime(
    folder: Path | None = None, *, force: bool = False, run: Runner = run_program
) -> Path:
    """Make the environment; one that works is left as it is.

    Args:
        folder: Where; None is under the user's cache.
        force: Make it anew.
        run: What runs programs.

    Returns:
        Its interpreter.

    Raises:
        UsageError: The folder holds something else.
        EnvironmentFault: No fitting Python, no network, no space; nothing is left behind.
    """
    folder = folder or environment_folder()
    python = folder / "bin" / "python"
    if python.exists() and not force and _has_runtime(python, run):
        return python
    if folder.exists():
        if not (folder / "pyvenv.cfg").exists() and any(folder.iterdir()):
            raise UsageError("the folder holds something else", got=folder, hint="name an empty folder")
        shutil.rmtree(folder)
    try:
        _create(folder, python, run)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return python


def _has_runtime(python: Path, run: Runner) -> bool:
    done = run([str(python), "-c", "import numpy, tflite_runtime.interpreter"], timeout_s=60)
    return done.returncode == 0


def _create(folder: Path, python: Path, run: Runner) -> None:
    made = run([_base_python(), "-m", "venv", str(folder)], timeout_s=_CREATE_S)
    if made.returncode != 0:
        raise EnvironmentFault(
            "the environment cannot be made",
            got=made.complaint or made.text[-300:],
            hint="on Debian: apt-get install python3-venv",
        )
    argv = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
    ]
    installed = run([*argv, *_PACKAGES], timeout_s=_INSTALL_S)
    if installed.returncode != 0 or not _has_runtime(python, run):
        raise EnvironmentFault(
            "tflite-runtime cannot be installed",
            got=installed.complaint[-300:] or "it was installed and cannot be imported",
            hint="it has wheels for Python 3.9 to 3.11; is the network there?",
        )


def _base_python() -> str:
    if tuple(sys.version_info[:2]) < (3, 12):
        return sys.executable
    found = next((path for path in map(shutil.which, _PYTHONS) if path), None)
    if found is None:
        raise EnvironmentFault(
            "tflite-runtime needs an older Python", got=sys.version.split()[0], allowed=", ".join(_PYTHONS)
        )
    return found
