"""A phone for tests, as a stand-in for adb."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runtimes.fake_adb import FakeAdb
from runtimes.tiny_models import colour_classifier

from edge_effnet.runtimes.adb_target import COOL_DOWN
from edge_effnet.runtimes.tool_run import ToolJob

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAdb:
    """A phone that works, and the environment that finds it."""
    made = FakeAdb(tmp_path / "fake")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.setenv(COOL_DOWN, "0")
    return made


@pytest.fixture
def job(tmp_path: Path) -> ToolJob:
    """A model on the plain kernels."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(colour_classifier().to_bytes())
    return ToolJob(path, "builtin")
