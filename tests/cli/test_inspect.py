"""The command `edge-effnet inspect`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from build_model import Sketch, clean

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

FIXED_KEYS = {"full_integer", "findings", "ops", "macs", "size_bytes"}


def _write(folder: Path, sketch: Sketch, name: str = "model.tflite") -> Path:
    path = folder / name
    path.write_bytes(sketch.pack())
    return path


def _broken() -> Sketch:
    sketch = clean()
    sketch.tensor("sigmoid").quantization.zeroPoint = [0]
    return sketch


def test_a_good_model_passes_with_tables_and_next_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Interface, operators, layers, verdict, what to do next; nothing on stderr."""
    path = _write(tmp_path, clean())
    assert run(["inspect", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "full integer: yes" in out
    assert "2,324 MACs, 100.0 % of them in int8" in out
    assert "1x8x8x3" in out
    assert "DEPTHWISE_CONV_2D" in out
    assert f"next: edge-effnet eval {path} --data DIR" in out
    assert sha256_of_file(path) in out


def test_a_bad_model_fails_the_gate_after_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Exit code 6; the tables are there, the verdict is NO, the reason is on stderr too."""
    assert run(["inspect", str(_write(tmp_path, _broken()))]) == 6
    out, err = capsys.readouterr()
    assert "full integer: NO (errors 1, warnings 0, notes 0)" in out
    assert "error    operator 1 LOGISTIC, sigmoid: output scale" in out
    assert "fix: " in out
    assert err.startswith("error: not full integer: 1 error\n")


def test_no_gate_inspects_without_judging(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Same report, exit code 0."""
    assert run(["inspect", str(_write(tmp_path, _broken())), "--no-gate"]) == 0
    out, err = capsys.readouterr()
    assert "full integer: NO" in out
    assert err == ""


def test_json_is_one_document_with_fixed_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What scripts read."""
    sketch = clean()
    sketch.add_metadata("note", b"hello")
    path = _write(tmp_path, sketch)
    assert run(["inspect", str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert err == ""
    assert record.keys() >= FIXED_KEYS
    assert record["full_integer"] is True
    assert record["findings"] == []
    assert record["ops"] == {
        "CONV_2D": 1, "LOGISTIC": 1, "MUL": 1, "DEPTHWISE_CONV_2D": 1, "MEAN": 1, "RESHAPE": 1, "FULLY_CONNECTED": 1,
    }  # fmt: skip
    assert record["macs"] == {"total": 2324, "int8": 2324}
    assert record["size_bytes"] == path.stat().st_size
    assert record["sha256"] == sha256_of_file(path)
    assert record["metadata"] == ["note"]
    assert record["inputs"] == [
        {
            "name": "input",
            "dtype": "int8",
            "shape": [1, 8, 8, 3],
            "shape_signature": [1, 8, 8, 3],
            "scale": 1 / 128,
            "zero_point": 0,
        }
    ]
    assert [output["dtype"] for output in record["outputs"]] == ["int8"]
    assert len(record["layers"]) == 7


def test_json_of_a_bad_model_is_complete_and_fails_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Exit code 6 and one finding with its six keys."""
    assert run(["inspect", str(_write(tmp_path, _broken())), "--json"]) == 6
    record = json.loads(capsys.readouterr().out)
    assert record["full_integer"] is False
    (finding,) = record["findings"]
    assert list(finding) == ["severity", "op_index", "op", "tensor", "reason", "fix"]
    assert (finding["severity"], finding["op_index"], finding["op"], finding["tensor"]) == (
        "error",
        1,
        "LOGISTIC",
        "sigmoid",
    )


def test_scales_that_json_cannot_hold_become_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """NaN is no JSON."""
    sketch = clean()
    sketch.tensor("input").quantization.scale = [float("nan")]
    assert run(["inspect", str(_write(tmp_path, sketch)), "--json"]) == 6
    text = capsys.readouterr().out
    record = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert record["inputs"][0]["scale"] is None


@pytest.mark.parametrize("layers", [0, 2])
def test_layers_limits_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str], layers: int):
    """The largest come first, in the table and in JSON; 0 leaves the table out."""
    path = _write(tmp_path, clean())
    assert run(["inspect", str(path), "--layers", str(layers), "--json"]) == 0
    assert [layer["op"] for layer in json.loads(capsys.readouterr().out)["layers"]] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
    ][:layers]
    assert run(["inspect", str(path), "--layers", str(layers)]) == 0
    assert ("Largest 2 of 7 layers" in capsys.readouterr().out) == (layers == 2)


def test_a_missing_file_is_exit_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Nothing on stdout, the path and the fix on stderr."""
    assert run(["inspect", str(tmp_path / "none.tflite")]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "does not exist" in err
    assert "none.tflite" in err


@pytest.mark.parametrize(
    "data", [b"", b"no model at all", clean().pack()[:1500]], ids=["empty", "text", "truncated"]
)
def test_an_unreadable_file_is_exit_4(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes):
    """One clear sentence, no traceback."""
    path = tmp_path / "bad.tflite"
    path.write_bytes(data)
    assert run(["inspect", str(path), "--json"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_a_mistyped_interface_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """With a suggestion."""
    assert run(["inspect", str(_write(tmp_path, clean())), "--io", "flaot32"]) == 2
    assert "did you mean 'float32'?" in capsys.readouterr().err


def test_the_declared_interface_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """An int8 model is not a uint8 model."""
    assert run(["inspect", str(_write(tmp_path, clean())), "--io", "uint8"]) == 6
    assert "the input is INT8, not UINT8" in capsys.readouterr().out


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Names come from whoever wrote the file."""
    sketch = clean()
    sketch.tensor("sigmoid").quantization.zeroPoint = [0]
    sketch.tensor("sigmoid").name = b"\x1b[31mred\nline"
    assert run(["inspect", str(_write(tmp_path, sketch))]) == 6
    out = capsys.readouterr().out
    assert "\x1b[31m" not in out
    assert "?[31mred?line" in out


def test_many_findings_of_one_kind_are_shortened(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Three are shown, the others counted; JSON has all."""
    sketch = clean()
    for name in ("input", "conv", "sigmoid", "swish", "depthwise"):
        sketch.tensor(name).shapeSignature = [-1, *sketch.tensor(name).shape[1:]]
    path = _write(tmp_path, sketch)
    assert run(["inspect", str(path)]) == 6
    out = capsys.readouterr().out
    assert out.count("its shape is open") == 3
    assert "… and 2 more of this kind" in out
    assert run(["inspect", str(path), "--json"]) == 6
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 5


def test_damaged_files_end_in_a_known_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Every 31st byte in turn is inverted; the whole command ends in 0, 4 or 6, in both forms."""
    good = clean().pack()
    path = tmp_path / "damaged.tflite"
    codes = set()
    for place in range(0, len(good), 31):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        code = run(["inspect", str(path)])
        assert run(["inspect", str(path), "--json"]) == code, place
        codes.add(code)
        capsys.readouterr()
    assert codes == {0, 4, 6}


def test_the_command_imports_no_tensorflow(tmp_path: Path):
    """A subprocess, as a user starts it: works, and neither TensorFlow nor Keras is loaded."""
    path = _write(tmp_path, clean())
    program = (
        "import sys; from edge_effnet.cli.main import run; code = run(sys.argv[1:]); "
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'jax'} & set(sys.modules); sys.exit(99 if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "inspect", str(path), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["full_integer"] is True
