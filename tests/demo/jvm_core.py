"""The Android demo's core on this machine's Java: compiled once, then asked one thing at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "android_demo/tools"
_COMPILE = """
source "$0/lib.sh"
compile_core "$1/core"
compile_tests "$1/tests" "$1/core"
printf '%s' "$(deps kotlin-stdlib junit hamcrest-core)"
"""


@dataclass(frozen=True)
class JvmCore:
    """Compiled classes.

    Attributes:
        class_path: Where they are, and what they need.
    """

    class_path: str

    def ask(self, *words: str | Path) -> str:
        """Run one command of `edgeeffnet.core.Tool` and return what it prints."""
        argv = ["java", "-cp", self.class_path, "edgeeffnet.core.Tool", *map(str, words)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


def compile_core(folder: Path) -> JvmCore:
    """Compile core and its tests; skips, with the reason, where the compilers are not there."""
    missing = [name for name in ("bash", "java", "javac") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    argv = ["bash", "-c", _COMPILE, str(TOOLS), str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=os.environ, timeout=300)
    if done.returncode == 3:
        pytest.skip(f"the parts from Maven are not here (make android-tools): {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return JvmCore(f"{folder}/core:{folder}/tests:{done.stdout.strip()}")
