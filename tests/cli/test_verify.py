"""`edge-effnet verify`: the streams, the record, the exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from verify.bench import Bench, make_bench
from verify.tiny_networks import damaged, tiny

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema
from edge_effnet.verify import sensitivity_plot

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = {"type": ["number", "null"]}
_LAYER = {
    "type": "object",
    "required": ["name", "block", "part", "sqnr_db"],
    "properties": {
        "name": {"type": "string"},
        "block": {"type": "string"},
        "part": {"type": "string"},
        "sqnr_db": _NUMBER,
    },
}
# The part of the record that scripts may rely on; more keys may be added, none of these may change.
_FIXED = {
    "type": "object",
    "required": [
        "schema_version",
        "n",
        "engines",
        "layers",
        "first_divergence",
        "blocks",
        "notes",
        "versions",
        "seconds",
    ],
    "properties": {
        "schema_version": {"const": 1},
        "n": {"type": "integer", "minimum": 1},
        "engines": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["sqnr_db", "cosine", "max_lsb", "top1_agreement", "n"],
                "properties": {
                    "sqnr_db": _NUMBER,
                    "cosine": {"type": "number", "minimum": -1, "maximum": 1},
                    "max_lsb": {"type": ["integer", "null"]},
                    "top1_agreement": {"type": "number", "minimum": 0, "maximum": 100},
                    "n": {"type": "integer", "minimum": 1},
                },
            },
        },
        "layers": {"type": "array", "items": _LAYER},
        "first_divergence": {"anyOf": [{"type": "null"}, _LAYER]},
        "blocks": {"type": "array", "items": {"type": "object", "required": ["name", "sqnr_db"]}},
        "versions": {"type": "object", "additionalProperties": {"type": "string"}},
        "seconds": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A float model, its int8 twin and six pictures."""
    return make_bench(tmp_path)


def _arguments(bench: Bench, *more: str, int8: Path | None = None) -> list[str]:
    files = [str(bench.float_model), str(int8 or bench.int8_model)]
    return ["verify", *files, "--data", str(bench.images), *more]


def test_json_prints_one_document_of_the_fixed_form(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the document is on stdout, with all four engines and every layer."""
    assert run(_arguments(bench, "--json", "--layer-images", "1")) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, _FIXED)
    assert list(record["engines"]) == ["fake_quant", "xnnpack", "builtin", "reference"]
    assert {"name", "block", "part", "sqnr_db"} <= set(record["layers"][0])
    assert len(record["layers"]) == 16
    assert record["int8"]["path"] == str(bench.int8_model)
    for side, model in (("float", bench.float_model), ("int8", bench.int8_model)):
        assert record[side]["sha256"] == sha256_of_file(model)


def test_the_tables_have_engines_blocks_divergence_and_the_next_command(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a person reads, in this order; the engine's own n beside its figures."""
    assert run(_arguments(bench, "--layers", "2", "--layer-images", "1")) == 0
    captured = capsys.readouterr()
    wanted = ("fake_quant", "reference", "Each operator alone", "Worst 3 of 3 blocks", "Worst 2 of 16 layers", "first divergence: none", "rule:", "next:")  # fmt: skip
    places = [captured.out.index(words) for words in wanted]
    assert places == sorted(places)
    next_command = captured.out.splitlines()[-1]
    assert (
        next_command == f"next: edge-effnet eval {bench.float_model} {bench.int8_model} --data {bench.images}"
    )
    assert "reference was given 4 of 6 images" in captured.err


def test_a_ruined_layer_is_named_with_its_place(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence has the layer, its block and part, its SQNR, and what fed it."""
    ruined = bench.int8(damaged(tiny(), "block1a_project_conv", lambda codes: codes // 16))
    arguments = _arguments(bench, "--engine", "xnnpack", "--layer-images", "1", int8=ruined)
    assert run(arguments) == 0
    assert "first divergence: block1a_project_conv (block1a project), " in capsys.readouterr().out


def test_engines_are_those_asked_for(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The option may be repeated; the layers may be left out."""
    assert (
        run(_arguments(bench, "--json", "--engine", "builtin", "--engine", "xnnpack", "--layer-images", "0"))
        == 0
    )
    record = json.loads(capsys.readouterr().out)
    assert list(record["engines"]) == ["builtin", "xnnpack"]
    assert record["layers"] == []
    assert any("--layer-images 0" in note for note in record["notes"])


@pytest.mark.parametrize(("gate", "code"), [(("--min-agreement", "50"), 0), (("--min-sqnr", "99"), 6)])
def test_a_gate_ends_with_6_and_the_results_are_printed_all_the_same(
    bench: Bench, capsys: pytest.CaptureFixture[str], gate: tuple[str, str], code: int
) -> None:
    """The document is whole; the reason is on stderr."""
    more = ("--json", "--engine", "xnnpack", "--layer-images", "0", *gate)
    assert run(_arguments(bench, *more)) == code
    captured = capsys.readouterr()
    jsonschema.validate(json.loads(captured.out), _FIXED)
    assert ("below the gate" in captured.err) is (code == 6)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("--engine", "xnpack"), 2),
        (("--limit", "0"), 2),
        (("--min-agreement", "101"), 2),
        (("--data", "nowhere"), 4),
        (("--data", "synthetic-v99"), 2),
    ],
)
def test_wrong_options_end_with_their_code(
    bench: Bench, capsys: pytest.CaptureFixture[str], change: tuple[str, str], code: int
) -> None:
    """Usage and unknown names are 2, data is 4; stdout stays empty."""
    assert run(_arguments(bench, *change)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_file_ends_with_4(bench: Bench, capsys: pytest.CaptureFixture[str], missing: int) -> None:
    """Either model; the name is on stderr."""
    arguments = _arguments(bench)
    arguments[1 + missing] = "nowhere.tflite"
    assert run(arguments) == 4
    assert "nowhere.tflite" in capsys.readouterr().err


_FEW = ("--engine", "fake_quant", "--layer-images", "0")


def test_the_blocks_are_ranked_by_what_they_cost(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with the worst block first, on as many pictures as were asked for."""
    ruined = bench.int8(damaged(tiny(), "block1a_project_conv", lambda codes: codes // 16))
    arguments = _arguments(bench, *_FEW, "--sensitivity", "--sensitivity-images", "2", int8=ruined)
    assert run(arguments) == 0
    out = capsys.readouterr().out
    table = out[out.index("Sensitivity: one block in int8, the rest in float, 2 images") :]
    assert table.index("block1a") < min(table.index("stem"), table.index("head"))
    assert "plot:" not in out


def test_a_plot_implies_the_sensitivity_and_is_in_the_record(
    bench: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The document holds to the schema; without the option the list is empty and the plot null."""
    pytest.importorskip("matplotlib")
    plot = tmp_path / "plot.svg"
    assert run(_arguments(bench, *_FEW, "--json", "--plot", str(plot))) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("verify"))
    assert [row["name"] for row in record["sensitivity"]] == ["stem", "block1a", "head"]
    assert record["plot"] == str(plot)
    assert plot.read_text(encoding="utf-8").count("<svg") == 1
    assert run(_arguments(bench, *_FEW, "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("verify"))
    assert (record["sensitivity"], record["plot"]) == ([], None)


def test_a_plot_that_cannot_be_drawn_is_said(
    bench: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr and among the notes; the figures are printed all the same."""
    monkeypatch.setattr(sensitivity_plot, "draw_sensitivity", lambda *_, **__: sensitivity_plot.MISSING)
    assert run(_arguments(bench, *_FEW, "--json", "--plot", str(tmp_path / "plot.svg"))) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["plot"] is None
    assert len(record["sensitivity"]) == 3
    assert sensitivity_plot.MISSING in record["notes"]
    assert "matplotlib is not installed" in captured.err


@pytest.mark.parametrize("name", ["plot.png", "there.svg"])
def test_a_plot_is_refused_before_the_work_begins(
    bench: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    """Another format, or a file that is there; --force overwrites it."""
    (tmp_path / "there.svg").write_text("mine")
    assert run(_arguments(bench, "--data", "nowhere", "--plot", str(tmp_path / name))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert name in captured.err
    assert (tmp_path / "there.svg").read_text() == "mine"
    if name.endswith(".svg"):
        pytest.importorskip("matplotlib")
        assert run(_arguments(bench, *_FEW, "--force", "--plot", str(tmp_path / name))) == 0
        assert (tmp_path / name).read_text() != "mine"


def test_a_set_without_labels_asks_for_a_folder_next(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rendered set can be verified on and not evaluated on."""
    arguments = _arguments(bench, "--engine", "xnnpack", "--layer-images", "0", "--limit", "2")
    arguments[arguments.index("--data") + 1] = "synthetic-v1"
    assert run(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("--data DIR")
