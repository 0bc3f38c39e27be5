"""The stand-in delegate, compiled where there is a compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def compiled_delegate(folder: Path) -> Path:
    """Return the library, or skip the test where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (on Debian: apt-get install gcc)")
    library = folder / "libstandin.so"
    source = Path(__file__).with_name("stand_in_delegate.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library
