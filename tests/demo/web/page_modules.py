"""Run the page's modules under node: its folder, copied to where node takes `.js` files for modules."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import edge_effnet.demo.web

PAGE = Path(edge_effnet.demo.web.__file__).parent / "page"
NEEDS_NODE = pytest.mark.skipif(
    shutil.which("node") is None, reason="no node here: the page's modules are run by it"
)
_PATIENCE_S = 120


@lru_cache
def _copy() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="edge-effnet-page-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(PAGE, folder / "page")
    (folder / "page" / "package.json").write_text('{"type": "module"}')
    return folder / "page"


def run(script: str, *arguments: object) -> Any:
    """Run one of the scripts beside this file with the page's folder and more; return the JSON that it prints."""
    command = ["node", str(Path(__file__).with_name(script)), str(_copy()), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
