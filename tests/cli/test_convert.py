"""The command `edge-effnet convert`: what it says, what it refuses, and wrong weights."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest
from convert_line import convert, names_in

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.models import BuiltModel

    Capture = pytest.CaptureFixture[str]

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")


# ---- what it says ----


def test_json_is_one_document_with_the_fixed_keys(tmp_path: Path, capsys: Capture) -> None:
    """Every key that scripts rely on, no other output on stdout, and the values are true of the file."""
    path = tmp_path / "m.tflite"
    assert convert("--int8", "-o", path, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record.keys() >= {
        "path", "sha256", "size_bytes", "recipe", "weights", "calibration", "io", "seconds", "peak_rss_bytes",
    }  # fmt: skip
    assert record["weights"].keys() >= {"source", "sha256"}
    assert record["calibration"].keys() == {"id", "sha256", "count"}
    assert record["io"].keys() == {"input", "output"}
    assert all(side.keys() == {"dtype", "shape", "scale", "zero_point"} for side in record["io"].values())
    jsonschema.validate(record, read_schema("convert"))
    assert record["path"] == str(path)
    assert record["sha256"] == sha256_of_file(path)
    assert record["size_bytes"] == path.stat().st_size
    assert record["io"]["input"] == {"dtype": "int8", "shape": [1, 64, 64, 3], "scale": 1.0, "zero_point": -1}
    assert record["seconds"].keys() >= {"build", "freeze", "calibration images", "quantize", "write"}
    assert record["peak_rss_bytes"] > 50_000_000


@pytest.mark.usefixtures("one_build")
def test_people_get_stages_facts_and_the_next_command(tmp_path: Path, capsys: Capture) -> None:
    """Path, hash, what it was made from, and commands to copy; warnings on stderr."""
    path = tmp_path / "a model.tflite"
    assert convert("-o", path) == 0
    out, err = capsys.readouterr()
    assert sha256_of_file(path) in out
    assert "lite0 at 64 px, w8a8, recipe ptq" in out
    assert "synthetic-v1, 8 images" in out
    assert f"next: edge-effnet inspect '{path}'" in out
    assert "no --calibration given" in err


@pytest.mark.usefixtures("one_build")
def test_without_a_name_the_file_says_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Model, resolution and precision, in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert convert() == 0
    assert names_in(tmp_path) == ["contract.json", "lite0_64_w8a8.contract.json", "lite0_64_w8a8.tflite"]


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        (["--precision", "fp16"], "float32"),
        (["--precision", "float32"], "float32"),
        (["--precision", "w8-dynamic"], "float32"),
        (["--io", "uint8"], "uint8"),
        (["--io", "float32"], "float32"),
        (["--recipe", "ranges"], "int8"),
        (["--recipe", "minmax-direct"], "int8"),
        (["--recipe", "minmax"], "int8"),
        (["--recipe", "minmax", "--io", "float32"], "float32"),
    ],
)
def test_every_precision_interface_and_recipe_ends_well(
    options: list[str], dtype: str, tmp_path: Path, capsys: Capture
) -> None:
    """One command each, and the record says what was made."""
    assert convert(*options, "-o", tmp_path / "m.tflite", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["io"]["input"]["dtype"] == record["io"]["output"]["dtype"] == dtype
    integer = record["precision"] == "w8a8"
    assert (record["recipe"] is not None) == (record["calibration"] is not None) == integer
    jsonschema.validate(record, read_schema("convert"))


@pytest.mark.usefixtures("one_build")
def test_the_result_passes_the_gate_of_inspect(tmp_path: Path, capsys: Capture) -> None:
    """What is written declares its own interface: `inspect` without options agrees, whatever the interface."""
    for io in ("int8", "uint8", "float32"):
        path = tmp_path / f"{io}.tflite"
        assert convert("--io", io, "-o", path) == 0
        assert run(["inspect", str(path), "--json"]) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("one_build")
def test_labels_are_taken_from_a_file_that_fits(tmp_path: Path, capsys: Capture) -> None:
    """Ten names for ten classes go into the contract; nine are exit 4."""
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {number}" for number in range(9)))
    assert convert("--labels", labels, "-o", tmp_path / "m.tflite") == 4
    assert "9 lines" in capsys.readouterr().err
    labels.write_text("\n".join(f"class {number}" for number in range(10)))
    assert convert("--labels", labels, "-o", tmp_path / "m.tflite") == 0
    assert json.loads((tmp_path / "contract.json").read_text())["labels"][9] == "class 9"


# ---- what it refuses before the work begins ----


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "b0", "--int8", "--precision", "fp16"], "--int8 and --precision disagree"),
        (["--model", "b00"], "did you mean 'b0'?"),
        (["--model", "efficientnet-lite3"], "did you mean 'lite3'?"),
        (["--model", "b0", "--recipe", "min-max"], "did you mean 'minmax'?"),
        (["--model", "b0", "--io", "int16"], "did you mean 'int8'?"),
        (["--model", "b0", "--precision", "fp32"], "did you mean"),
        (["--model", "b0", "--calibration-samples", "0"], "1 or more"),
        (["--model", "b0", "--seed", "-3"], "0 or more"),
        (["--model", "b0", "--resolution", "16"], "32 to 2048"),
        (["--model", "b0", "--precision", "fp16", "--io", "uint8"], "--io belongs to --int8"),
        (["--model", "b0", "-o", "no/such/folder/m.tflite"], "mkdir -p"),
        (["--model", "b0", "-o", "."], "is a folder"),
        (["--calibration", "x"], "--model"),
        (["--model", "b0", "--resolution", "large"], "'--resolution'"),
    ],
)
def test_a_wrong_command_line_is_exit_2(
    arguments: list[str], words: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what was given and what would do, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    assert run(["convert", *arguments]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("no_build")
def test_an_existing_file_is_kept_without_force(tmp_path: Path, capsys: Capture) -> None:
    """Exit 2, the file as it was, and the way out."""
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    assert convert("-o", path) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_bytes() == b"precious"
    assert names_in(tmp_path) == ["m.tflite"]


@pytest.mark.usefixtures("one_build")
def test_force_replaces_the_file_and_its_contract(tmp_path: Path) -> None:
    """The whole of it, and no temporary file stays."""
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    assert convert("-o", path, "--force") == 0
    assert path.read_bytes()[4:8] == b"TFL3"
    assert json.loads((tmp_path / "m.contract.json").read_text())["sha256"] == sha256_of_file(path)
    assert names_in(tmp_path) == ["contract.json", "m.contract.json", "m.tflite"]


# ---- weights ----


def test_missing_weights_are_exit_4(tmp_path: Path, capsys: Capture) -> None:
    """The path is in the message."""
    path = tmp_path / "nowhere.h5"
    assert convert("--weights", path, "-o", tmp_path / "m.tflite") == 4
    assert str(path) in capsys.readouterr().err
    assert names_in(tmp_path) == []


def _other_variant(path: Path, built: BuiltModel) -> None:
    built.keras.save_weights(path)


def _garbage(path: Path, built: BuiltModel) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def _truncated(path: Path, built: BuiltModel) -> None:
    built.keras.save_weights(path)
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path, built: BuiltModel) -> None:
    path.touch()


@pytest.mark.parametrize("damage", [_other_variant, _garbage, _truncated, _empty])
def test_wrong_weights_are_exit_4_and_named(
    damage: Callable[[Path, BuiltModel], None],
    built_model: Callable[[str, int], BuiltModel],
    tmp_path: Path,
    capsys: Capture,
) -> None:
    """Another variant's file, noise, half a file, nothing: one sentence with the file's name, and no model."""
    path = tmp_path / "wrong.h5"
    damage(path, built_model("b0", 64))
    assert convert("--weights", path, "-o", tmp_path / "m.tflite") == 4
    err = capsys.readouterr().err
    assert "wrong.h5" in err
    assert "Traceback" not in err
    assert names_in(tmp_path) == ["wrong.h5"]
