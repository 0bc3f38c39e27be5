"""What tests of `convert` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel


@pytest.fixture
def one_build(built_model: Callable[[str, int], BuiltModel], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Lite0 at 64 px from a model that is built once, for tests of what comes after."""
    from edge_effnet.convert import prepared

    monkeypatch.setattr(prepared, "build", lambda *_, **__: built_model("lite0", 64))


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be built: what is refused is refused before the work begins."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    from edge_effnet.convert import prepared

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the model was built before the error was found")

    monkeypatch.setattr(prepared, "build", refuse)
