"""runtimes.registry: engines by name; a broken one stays listed with its fix."""

from __future__ import annotations

import importlib.metadata
import sys
import types

import pytest

from edge_effnet.errors import EnvironmentFault, UnknownNameError
from edge_effnet.runtimes import Available, Missing, engine, engine_names, probe_all
from edge_effnet.runtimes.litert import LiteRtEngine
from edge_effnet.runtimes.registry import ENGINES, GROUP, Registry, registry


def test_our_engines_are_registered_under_their_own_names() -> None:
    """The name in the table is the name that the engine gives itself in records."""
    assert set(ENGINES) <= set(engine_names())
    assert all(registry().load(name).name == name for name in ENGINES)


def test_our_engines_work_here() -> None:
    """LiteRT is a dependency of the package, so none of its engines may be missing; of others the reason and fix are told."""
    states = probe_all()
    assert all(isinstance(states[name], Available) for name in ("xnnpack", "builtin", "reference"))
    missing = [state for state in states.values() if isinstance(state, Missing)]
    assert all(state.reason and state.fix for state in missing)


def test_an_unknown_engine_gets_a_suggestion() -> None:
    """A mistyped name is exit 2 with the likely one."""
    with pytest.raises(UnknownNameError, match="did you mean 'xnnpack'"):
        engine("xnpack")


@pytest.mark.parametrize("place", ["no_such_module_at_all:X", "edge_effnet.runtimes.litert:NOTHING"])
def test_an_engine_that_cannot_be_imported_is_missing_and_still_listed(place: str) -> None:
    """It is in the list, its probe has reason and fix, and asking for it is exit 3."""
    broken = Registry.of([("broken", place)])
    state = broken.probe("broken")
    assert broken.names() == ("broken",)
    assert isinstance(state, Missing)
    assert "reinstall" in state.fix
    with pytest.raises(EnvironmentFault, match="broken"):
        broken.require("broken")


def test_a_missing_engine_says_reason_and_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the probe found is what the user reads."""
    module = types.ModuleType("missing_engine_for_test")
    module.ENGINE = type(  # type: ignore[attr-defined]
        "E", (), {"name": "coral", "probe": lambda _: Missing("no Edge TPU is attached", "attach one")}
    )()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(EnvironmentFault, match="no Edge TPU is attached") as caught:
        Registry.of([("coral", f"{module.__name__}:ENGINE")]).require("coral")
    assert caught.value.hint == "attach one"


def test_two_engines_of_one_name_are_refused() -> None:
    """Nothing shadows anything."""
    with pytest.raises(EnvironmentFault, match="two packages"):
        Registry.of(ENGINES.items(), [("xnnpack", "other:X")])


def test_another_package_adds_an_engine_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of our group is listed and loaded like our own."""
    entry = importlib.metadata.EntryPoint("extra", "edge_effnet.runtimes.litert:BUILTIN", GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: (entry,) if group == GROUP else ())
    assert registry().names() == (*ENGINES, "extra")
    assert registry().load("extra").name == "builtin"


def test_an_engine_without_litert_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the probe answers, it does not raise."""
    import edge_effnet.runtimes.litert as module

    module._litert.cache_clear()
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    state = LiteRtEngine("xnnpack").probe()
    module._litert.cache_clear()
    assert isinstance(state, Missing)
    assert "pip install" in state.fix
