"""`edge-effnet report` and `compare`: streams, files, exit codes, and what they do without."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from report import records

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FILES = {"report.html", "report.json", "report.csv", "MODEL_CARD.md"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with latency, accuracy and an audit of one int8 model."""
    return records.save(
        tmp_path / "run",
        bench=records.bench(records.result("float", 20.0), records.result("int8")),
        eval=records.evaluation(records.score("float", 78), records.score("int8", 77)),
        inspect=records.inspection("int8"),
    )


def test_a_report_is_four_files_and_a_table(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0, the figures and the files on stdout, nothing on stderr."""
    assert run(["report", str(folder), "-o", str(tmp_path / "out" / "deep")]) == 0
    said = capsys.readouterr()
    assert {path.name for path in (tmp_path / "out" / "deep").iterdir()} == _FILES
    assert all(name in said.out for name in _FILES)
    assert "77.00 [69.00, 85.00]" in said.out
    assert said.err == ""


def test_json_prints_the_document_and_nothing_else(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as the file."""
    assert run(["report", str(folder), "-o", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    jsonschema.validate(printed, read_schema("report"))
    assert printed == json.loads((tmp_path / "out" / "report.json").read_text())


def test_a_failing_gate_writes_everything_and_exits_6(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failing lines name model, value and limit; what passes is not among them."""
    gates = ["--fail-if", "top1_drop>0.5", "--fail-if", "p90_ms>12", "--fail-if", "sqnr_db<10"]
    assert run(["report", str(folder), "-o", str(tmp_path / "out"), *gates]) == 6
    said = capsys.readouterr().err
    assert "int8 (100 images): top1_drop 1 points, fails if > 0.5 points" in said
    assert "sqnr_db absent" in said
    assert "p90_ms" not in said
    assert {path.name for path in (tmp_path / "out").iterdir()} == _FILES
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [gate["passed"] for gate in document["gates"]] == [False, True, False]
    assert document["verdict"]["status"] == "failed"


def _newer(folder: Path) -> None:
    records.save(folder, new=records.bench(records.result("m")) | {"schema_version": 7})


def _broken(folder: Path) -> None:
    records.save(folder, broken=records.bench(records.result("m")) | {"results": 3})


def _contradicting(folder: Path) -> None:
    records.save(folder, wrong=records.bench(records.result("m", 4.12) | {"median_ms": 1.0}))


def _negative(folder: Path) -> None:
    records.save(folder, less=records.bench(records.result("m") | {"median_ms": -1}))


def _nothing(folder: Path) -> None:
    records.save(
        folder, zero=records.bench(records.result("m") | {"median_ms": None, "samples_ms": [0.0] * 100})
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_newer, "schema_version 7"),
        (_broken, "results: 3 is no array"),
        (_contradicting, "results[0] (m.tflite): median_ms 1, and the median of its 100 samples_ms is 4.12"),
        (_negative, "results[0].median_ms: -1 is out of range"),
        (_nothing, "results[0].samples_ms[0]: 0.0 is out of range"),
    ],
)
def test_a_record_that_cannot_be_read_right_exits_4_and_writes_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], said: str
) -> None:
    """What, got, allowed and fix."""
    spoil(folder)
    assert run(["report", str(folder), "-o", str(tmp_path / "out")]) == 4
    err = capsys.readouterr().err
    assert said in err
    assert all(word in err for word in ("got:", "allowed:", "fix:"))
    assert not any((tmp_path / "out").iterdir())
    assert run(["compare", str(folder), str(folder)]) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["report", "gone.json", "-o", "out"], 4),
        (["report", "empty", "-o", "out"], 4),
        (["report", "text.json", "-o", "out"], 4),
        (["report", "run"], 2),
        (["report", "-o", "out"], 2),
        (["report", "run", "-o", "text.json"], 2),
        (["report", "run", "-o", "out", "--fail-if", "top1"], 2),
        (["report", "run", "-o", "out", "--fail-if", "speed>3"], 2),
        (["report", "run", "-o", "out", "--fail-if", "p90_ms>1e999"], 2),
        (["report", "run", "-o", "full"], 2),
        (["compare", "run"], 2),
        (["compare", "run", "gone"], 4),
        (["compare", "run", "empty"], 4),
        (["compare", "run", "run", "--html", "text.json"], 2),
        (["compare", "run", "run", "--html", "nowhere/x.html"], 2),
    ],
)
def test_bad_input_has_its_exit_code(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And one error, never a traceback."""
    monkeypatch.chdir(folder.parent)
    (folder.parent / "text.json").write_text("hello")
    (folder.parent / "empty").mkdir()
    (folder.parent / "full").mkdir()
    (folder.parent / "full" / "report.csv").write_text("mine")
    assert run(arguments) == code
    assert "Traceback" not in capsys.readouterr().err
    assert (folder.parent / "full" / "report.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "written", ["1e999", "1" + "0" * 400, "1" + "0" * 4000, '"\\ud800"', "NaN"], ids=lambda text: text[:9]
)
@pytest.mark.parametrize("key", ["instructions", "size_bytes", "some_other_key"])
def test_a_value_that_cannot_be_written_again_exits_4_before_anything_is_printed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, written: str
) -> None:
    """Too large a number and half a character are told apart from an error of ours."""
    hostile = tmp_path / "hostile.json"
    content = json.dumps(records.bench(records.result("int8") | {key: "SIGN"}))
    hostile.write_text(content.replace('"SIGN"', written), encoding="utf-8")
    lines = (["report", str(hostile), "-o", str(tmp_path / "out")], ["compare", str(folder), str(hostile)])
    for words in lines:
        assert run(words) == 4
        said = capsys.readouterr()
        assert said.out == ""
        assert "the record cannot be read: no JSON" in said.err
        assert "unexpected" not in said.err


def test_compare_prints_a_table_a_document_or_a_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same comparison three ways; a report.json is a side as well as a folder is."""
    assert run(["report", str(folder), "-o", str(tmp_path / "out")]) == 0
    other = records.save(tmp_path / "other", bench=records.bench(records.result("int8", 15.0)))
    sides = [str(tmp_path / "out" / "report.json"), str(other)]
    capsys.readouterr()
    page = tmp_path / "page.html"
    assert run(["compare", *sides, "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "WORSE" in out
    assert "only in A: model float" in out
    assert "worse" in page.read_text()
    assert run(["compare", *sides, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, read_schema("compare"))
    assert [change["verdict"] for change in document["changes"] if change["group"] == "latency"] == ["worse"]


@pytest.mark.parametrize("verb", ["report", "compare"])
def test_the_verbs_load_neither_tensorflow_nor_matplotlib(folder: Path, tmp_path: Path, verb: str) -> None:
    """Nor a runtime: a report is made on a machine that runs no model."""
    words = [verb, str(folder), *(["-o", str(tmp_path / "out")] if verb == "report" else [str(folder)])]
    program = f"""
import contextlib, io, sys
from edge_effnet.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    assert run({words!r}) == 0
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {
        "tensorflow",
        "tf_keras",
        "keras",
        "matplotlib",
        "h5py",
        "ai_edge_litert",
        "scipy",
        "PIL",
    }
