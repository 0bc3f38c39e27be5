"""What every test may use."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option that changes golden files; a run without it only compares."""
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew from what was found"
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data; tests that need it are skipped, with the reason, where it is absent."""
    path = Path(os.environ.get("EDGE_EFFNET_SHARED", ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"shared data not found at {path} (set EDGE_EFFNET_SHARED)")
    return path


@pytest.fixture(scope="session")
def built_model() -> Callable[[str, int], BuiltModel]:
    """Give models with random weights and 10 classes, by id and resolution; each is built once, nobody changes them."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    from edge_effnet.models import build

    @functools.cache
    def give(model_id: str, resolution_px: int) -> BuiltModel:
        return build(model_id, resolution_px=resolution_px, num_classes=10)

    return give
