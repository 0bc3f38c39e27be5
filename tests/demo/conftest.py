"""A tiny model that tells colours apart, with a contract of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from demo.jvm_core import JvmCore, compile_core
from runtimes.tiny_models import colour_classifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTRACT = {
    "preprocessing": {"schema": "edge-effnet/preprocessing/1", "resolution_px": 4, "crop_fraction": 0.9}
    | {"resample": "bicubic"},
    "labels": ["red", "green", "blue"],
}


@pytest.fixture
def colours(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the model, by default with its contract."""

    def write(
        contract: dict[str, Any] | None = CONTRACT, io: str = "int8", *, features: bool = False
    ) -> Path:
        path = tmp_path / "colours.tflite"
        path.write_bytes(colour_classifier(io=io, contract=contract, features=features).to_bytes())
        return path

    return write


@pytest.fixture(scope="session")
def jvm(tmp_path_factory: pytest.TempPathFactory) -> JvmCore:
    """The Android demo's core on this machine's Java, compiled once."""
    return compile_core(tmp_path_factory.mktemp("jvm"))
