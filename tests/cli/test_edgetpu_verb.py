"""`edge-effnet edgetpu check`: table, JSON, gate and exit codes; and the group that it is in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from build_model import clean

from edge_effnet.cli.edgetpu import VERBS
from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A good model."""
    path = tmp_path / "m.tflite"
    path.write_bytes(clean().pack())
    return path


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A model whose depthwise layer has weights that are computed: what follows is cut off."""
    sketch = clean()
    sketch.replace_input("DEPTHWISE_CONV_2D", 1, "swish")
    path = tmp_path / "half.tflite"
    path.write_bytes(sketch.pack())
    return path


def test_check_prints_what_would_be_mapped(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labelled as predicted, with memory and the next command."""
    assert run(["edgetpu", "check", str(model)]) == 0
    out = capsys.readouterr().out
    assert "predicted" in out
    assert "7 of 7 operators on the Edge TPU" in out
    assert "parameters (predicted):" in out
    assert f"next: edge-effnet edgetpu compile {model}" in out


def test_check_prints_one_json_document(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the fixed keys, by the schema."""
    assert run(["edgetpu", "check", str(model), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("edgetpu-check"))
    assert (record["compiles"], record["mapped_ops"], record["total_ops"]) == (True, 7, 7)
    assert record["memory"]["parameter_bytes"] == record["memory"]["cached_bytes"] > 0


def test_a_model_that_would_not_compile_is_gated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 6, after the document."""
    sketch = clean()
    sketch.set_version("CONV_2D", 6)
    path = tmp_path / "new.tflite"
    path.write_bytes(sketch.pack())
    assert run(["edgetpu", "check", str(path), "--json"]) == 6
    out, err = capsys.readouterr()
    assert json.loads(out)["compiles"] is False
    assert "predicted not to compile" in err
    assert "fix: convert again" in err


@pytest.mark.parametrize(("percent", "code"), [("0", 0), ("42", 0), ("43", 6), ("100", 6)])
def test_the_gate_is_a_percentage(
    percent: str, code: int, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """3 of 7 operators are 42.86 %."""
    assert run(["edgetpu", "check", str(half), "--min-mapped", percent]) == code
    out, err = capsys.readouterr()
    assert "3 of 7 operators" in out
    assert ("operator 3 DEPTHWISE_CONV_2D" in err) is bool(code)


def test_many_findings_of_one_kind_are_counted(half: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the text a kind is shown three times; the JSON has all."""
    assert run(["edgetpu", "check", str(half)]) == 0
    out = capsys.readouterr().out
    assert "… and 1 more of this kind" in out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["edgetpu", "chek", "x"], 2, "did you mean 'check'"),
        (["edgetpu", "check", "nowhere.tflite"], 4, "does not exist"),
        (["edgetpu", "check"], 2, "MODEL"),
        (["edgetpu", "check", "MODEL", "--min-mapped", "101"], 2, "--min-mapped"),
        (["edgetpu", "check", "MODEL", "--min-mapped", "0.9"], 2, "90 is meant?"),
        (["edgetpu", "check", "MODEL", "--min-runtime", "9"], 2, "10 to 14"),
        (["edgetpu", "check", "BROKEN"], 4, "TFL3"),
        (["edgetpu"], 2, ""),
    ],
)
def test_bad_input_has_its_exit_code(
    words: list[str],
    code: int,
    says: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As for every verb."""
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    places = {"MODEL": str(model), "BROKEN": str(broken)}
    assert run([places.get(word, word) for word in words]) == code
    assert says in capsys.readouterr().err


def test_the_group_lists_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    """`edgetpu --help`, and each verb's own."""
    assert run(["edgetpu", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out for verb in VERBS)
    for verb in VERBS:
        assert run(["edgetpu", verb, "--help"]) == 0
        assert "--json" in capsys.readouterr().out
