"""`edge-effnet demo android` as it is called: the record keeps to its schema, mistakes have their exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from edge_effnet.cli.main import run
from edge_effnet.demo.android import pack
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from android_stand_ins import Tools


@pytest.fixture
def played(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Let the verb use the tools that are played."""
    monkeypatch.setitem(pack.run_android.__kwdefaults__, "runner", tools)
    return tools


def test_json_keeps_to_the_schema(
    colours: Callable[..., Path],
    base: Path,
    tmp_path: Path,
    played: Tools,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With an APK and a project, and with a project alone."""
    common = ["demo", "android", "--model", str(colours()), "--json"]
    assert (
        run([*common, "-o", str(tmp_path / "a.apk"), "--base", str(base), "--project", str(tmp_path / "p")])
        == 0
    )
    both = json.loads(capsys.readouterr().out)
    jsonschema.validate(both, read_schema("demo-android"))
    assert both["apk"]["path"].endswith("a.apk")
    assert both["project"].endswith("p")
    assert run([*common, "--project", str(tmp_path / "q")]) == 0
    alone = json.loads(capsys.readouterr().out)
    jsonschema.validate(alone, read_schema("demo-android"))
    assert alone["apk"] is None
    assert len(played.calls) == 3  # keytool, sign, verify: a project needs no key


def test_a_person_reads_hash_size_package_key_and_the_next_command(
    colours: Callable[..., Path],
    base: Path,
    tmp_path: Path,
    played: Tools,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And that a debug key is not for publishing."""
    out = tmp_path / "my app.apk"
    assert run(["demo", "android", "--model", str(colours()), "-o", str(out), "--base", str(base)]) == 0
    text = capsys.readouterr().out
    for words in (
        f"{out.stat().st_size:,} bytes",
        "dev.edgeeffnet.demo 1.0",
        "can be tried and not published",
        "CN=Android Debug",
        f"next: adb install -r '{out}'",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["-o", "app.apk"], 4),
        (["--model", "none.tflite"], 2),
        (["--model", "none.tflite", "-o", "app.apk"], 4),
        (["--model", "none.tflite", "-o", "no/such/folder/app.apk"], 2),
        (["--model", "none.tflite", "-o", "app.apk", "--ks-pass-env", "HOME"], 2),
    ],
)
def test_mistakes_have_their_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int
) -> None:
    """2 for how it is called, 4 for what it is given."""
    monkeypatch.chdir(tmp_path)
    if "--model" not in options:
        (tmp_path / "text.tflite").write_text("text")
        options = [*options, "--model", "text.tflite"]
    assert run(["demo", "android", *options]) == code
    assert [path.name for path in tmp_path.iterdir()] in ([], ["text.tflite"])
