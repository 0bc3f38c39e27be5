"""The app's screens on Android's own code, on this machine's Java."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "android_demo/app/test_app.sh"
_MISSING = 3


@pytest.mark.slow
def test_the_screens_pass_their_tests() -> None:
    """Activities, permission flow, rotation, overlay and benchmark as JUnit tests see them under Robolectric."""
    missing = [name for name in ("java", "javac", "mvn", "aapt2", "unzip") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: android_demo/tools/debian-packages.txt)")
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode == _MISSING:
        pytest.skip(f"a part is missing: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "OK (" in done.stdout
