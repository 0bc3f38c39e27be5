"""runtimes.doctor: every engine, target, library and program is listed, and no probe can break the list."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edge_effnet.errors import EnvironmentFault
from edge_effnet.runtimes import Available, Missing, engine_names
from edge_effnet.runtimes import doctor as module
from edge_effnet.runtimes.doctor import LIBRARIES, PROGRAMS, Finding, Library, Program, diagnose
from edge_effnet.runtimes.targets import target_schemes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    """What is found here."""
    return diagnose()


def test_every_engine_target_library_and_program_has_one_row(findings: list[Finding]) -> None:
    """Missing ones included; a name stands for one thing."""
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    assert {*engine_names(), *target_schemes(), "arm64 counting"} <= set(names)
    assert {row.packages[0] for row in LIBRARIES} | {row.name for row in PROGRAMS} <= set(names)


def test_what_is_missing_says_why_and_what_to_do(findings: list[Finding]) -> None:
    """And what works has its version."""
    for finding in findings:
        if isinstance(finding.state, Missing):
            assert finding.state.reason, finding.name
            assert finding.state.fix, finding.name
        else:
            assert finding.state.version, finding.name


def test_the_engines_of_the_package_itself_work(findings: list[Finding]) -> None:
    """LiteRT is a dependency."""
    states = {finding.name: finding.state for finding in findings}
    for name in ("xnnpack", "builtin", "reference", "local", "python"):
        assert isinstance(states[name], Available), name


def test_looking_imports_no_heavy_library() -> None:
    """It answers in a second, also where TensorFlow takes ten to load or is broken."""
    program = (
        "from edge_effnet.runtimes.doctor import diagnose; import sys; diagnose();"
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'ray', 'matplotlib', 'cv2', 'h5py'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "error", [RuntimeError("broken binary"), EnvironmentFault("no device"), ImportError("x")]
)
def test_a_probe_that_breaks_becomes_a_reason(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """One broken package must not hide the other rows."""

    def broken(_: str) -> None:
        raise error

    monkeypatch.setattr(module, "_probe_target", broken)
    states = {finding.name: finding.state for finding in diagnose()}
    assert isinstance(states["local"], Missing)
    assert str(error).splitlines()[0] in states["local"].reason
    assert states["local"].fix
    assert isinstance(states["xnnpack"], Available)


def test_a_library_that_is_not_installed_names_its_extra() -> None:
    """The fix can be copied."""
    state = Library("nothing_at_all", ("nothing-at-all",), "dreams", "pip install 'edge-effnet[x]'").probe()
    assert state == Missing("nothing-at-all is not installed; dreams need it", "pip install 'edge-effnet[x]'")


def test_a_library_whose_files_are_gone_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata alone is no library."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    state = Library("numpy", ("numpy",), "all", "reinstall it").probe()
    assert isinstance(state, Missing)
    assert "is damaged" in state.reason


def test_a_part_of_the_package_s_own_libraries_is_named(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding]
) -> None:
    """On a board only some are installed; elsewhere the row says that the package is whole."""
    assert isinstance({finding.name: finding.state for finding in findings}["edge-effnet"], Available)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "scipy" else real(name))
    state = module._probe_own()
    assert isinstance(state, Missing)
    assert state.reason.startswith("scipy not installed")


def test_the_own_libraries_are_those_of_the_project() -> None:
    """A dependency that is added there is looked for here, but for what nothing runs without."""
    requires = importlib.metadata.requires("edge-effnet")
    if requires is None:
        pytest.skip("the package is not installed; fix: pip install -e .")
    needed = {re.split(r"[^A-Za-z0-9_-]", line)[0] for line in requires if "extra ==" not in line}
    anywhere = {"ai-edge-litert", "numpy", "rich", "typer", "tomli"}
    assert {name.lower() for name in needed - anywhere} == {
        name.lower() for name in module.OWN_LIBRARIES.values()
    }


def test_any_of_several_packages_will_do() -> None:
    """OpenCV comes under two names."""
    state = Library("numpy", ("numpy-of-another-name", "numpy"), "all", "").probe()
    assert state == Available(importlib.metadata.version("numpy"))


def test_a_program_is_found_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some write it on stderr, and some exit with an error after it."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho 'tool (Debian 1) 7.2p1' >&2\nexit 3\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert Program("tool", ("-V",), "all", "").probe() == Available("7.2p1")


def test_a_program_that_cannot_be_started_is_a_row_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example one for another processor."""
    bad = tmp_path / "gcc"
    bad.write_bytes(b"\x7fELF nonsense")
    bad.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("gcc") == str(bad)
    state = next(finding.state for finding in diagnose() if finding.name == "gcc")
    assert isinstance(state, Missing)
    assert "cannot be started" in state.reason
