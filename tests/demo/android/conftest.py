"""A cache of the test's own, and tools that are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from android_stand_ins import Tools, base_apk

from edge_effnet import artifacts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep keys and built APKs out of the user's cache."""
    folder = tmp_path / "cache"
    for name in ("base", "keys"):
        monkeypatch.setattr(f"edge_effnet.demo.android.{name}.user_cache", lambda part: folder / part)
    assert artifacts.user_cache("android") != folder / "android"
    return folder


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Play apksigner and keytool, also on a machine that has neither."""
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    monkeypatch.setattr("edge_effnet.demo.android.programs.find_program", lambda name: f"/usr/bin/{name}")
    return Tools()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return an APK without a model."""
    return base_apk(tmp_path / "base.apk")
