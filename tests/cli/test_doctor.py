"""`edge-effnet doctor`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from edge_effnet.cli.main import run
from edge_effnet.errors import EnvironmentFault
from edge_effnet.runtimes.arm64 import install as installation
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path

FIXED = {"name", "available", "version", "reason", "fix"}


def test_json_is_an_array_that_keeps_to_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 though things are missing: that is what was asked."""
    assert run(["doctor", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    jsonschema.validate(rows, read_schema("doctor"))
    assert all(set(row) >= FIXED for row in rows)
    assert any(row["available"] for row in rows)


@pytest.mark.parametrize(
    "change",
    [{"version": None}, {"available": False}, {"reason": "x"}, {"kind": "toy"}, {"name": ""}],
)
def test_the_schema_refuses_rows_that_contradict_themselves(change: dict[str, Any]) -> None:
    """What works has a version and no reason, what is missing a reason and a fix."""
    row = {"name": "x", "available": True, "version": "1", "reason": None, "fix": None, "kind": "engine"}
    jsonschema.validate([row], read_schema("doctor"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**row, **change}], read_schema("doctor"))


def test_the_table_has_a_reason_and_a_fix_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    """For every row that says no."""
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert run(["doctor", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out):
        assert row["name"] in shown
        if not row["available"]:
            assert f"{row['name']}: " in shown
            assert f"fix: {row['fix']}" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--install", "arm46"], "did you mean 'arm64'"),
        (["--install", ""], "allowed: arm64, tflite-runtime"),
        (["--force"], "nothing to install"),
        (["--accept-newer"], "nothing to install"),
        (["--install", "tflite-runtime", "--accept-newer"], "for arm64 only"),
        (["--instal", "arm64"], "No such option"),
    ],
)
def test_bad_options_are_usage_errors(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, before anything is looked for."""
    assert run(["doctor", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_an_installation_that_fails_is_exit_3_with_a_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no table that would hide it."""

    def fail(**_: Any) -> None:
        raise EnvironmentFault("apt-get update failed", hint="see that it works")

    monkeypatch.setattr(installation, "install", fail)
    assert run(["doctor", "--install", "arm64"]) == 3
    captured = capsys.readouterr()
    assert "fix: see that it works" in captured.err
    assert captured.out == ""


def test_an_installation_says_what_it_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, seconds, place, whether counts can be had, and what is not as locked."""
    made = {
        "installed_now": True,
        "size_bytes": 136_000_000,
        "seconds": 15.2,
        "not_as_locked": ["libc6:arm64=9"],
        "counter": {"reason": "there is no C compiler", "fix": "install gcc"},
    }
    monkeypatch.setattr(installation, "install", lambda **_: made)
    assert run(["doctor", "--install", "arm64"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "136 MB in 15 s",
        "no C compiler; install gcc",
        "libc6:arm64=9",
        "--target arm64:cortex-a76",
    ):
        assert words in shown


def test_without_apt_the_installation_says_what_to_do(tmp_path: Path) -> None:
    """A machine that is not Debian: exit 3, nothing made."""
    environment = {**os.environ, "PATH": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "edge_effnet", "doctor", "--install", "arm64"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "is not here" in done.stderr or "x86-64 Linux" in done.stderr
    assert "fix:" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_without_a_network_the_installation_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real apt, with a source that cannot be reached: exit 3, with apt's own words and the fix."""
    import shutil

    if sys.platform != "linux" or not all(map(shutil.which, ("apt-get", "dpkg-deb"))):
        pytest.skip("apt is not here; fix: run on Debian")
    (tmp_path / "sources.list").write_text("deb [trusted=yes] file:/nowhere/at/all bookworm main\n")
    settings = tmp_path / "apt.conf"
    settings.write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list"; Dir::Etc::sourceparts "{tmp_path}/none";\n'
    )
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("APT_CONFIG", str(settings))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert run(["doctor", "--install", "arm64"]) == 3
    said = capsys.readouterr().err
    assert "apt-get update failed" in said
    assert "/nowhere/at/all" in said
    assert list((tmp_path / "cache" / "edge-effnet").iterdir()) == []
