"""`edge-effnet profile`: tables, JSON, files, drawings, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import jsonschema
import pytest
from build_model import clean

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = ["--min-seconds", "0.05", "--min-runs", "8"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(clean().pack())
    return str(path)


def test_profile_prints_tables_peaks_and_the_next_command(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kinds, the longest operators, what is not one to one, and how the sum compares with the whole."""
    assert run(["profile", model, *_SHORT]) == 0
    out = capsys.readouterr().out
    for words in ("depthwise 3x3", "swish", "measured peaks", "whole", "added by XNNPACK"):
        assert words in out
    assert "next: edge-effnet bench" in out


def test_profile_prints_one_json_document(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else on stdout."""
    assert run(["profile", model, "--json", *_SHORT]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), read_schema("profile"))


def test_profile_writes_its_record_and_drawings_once(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never over others without --force, and it says so before measuring; the folder of the drawings is made."""
    pytest.importorskip("matplotlib", reason="the extra edge-effnet[plots] is not installed")
    out, folder = tmp_path / "profile.json", tmp_path / "new" / "plots"
    words = ["profile", model, "-o", str(out), "--plot", str(folder), *_SHORT]
    assert run(words) == 0
    assert "edge-effnet report" in capsys.readouterr().out
    record = json.loads(out.read_text())
    jsonschema.validate(record, read_schema("profile"))
    assert sorted(record["plots"].values()) == sorted(str(path) for path in folder.iterdir())
    assert "blocks" in record["plots"]
    before = out.read_bytes()
    assert run(words) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert run([*words, "--force"]) == 0


def test_profile_needs_no_more_than_a_small_board_has(model: str) -> None:
    """Without TensorFlow, scipy, psutil, Pillow, jinja2 and matplotlib it profiles, and says what it cannot draw."""
    program = f"""
import sys
for name in ("tensorflow", "scipy", "psutil", "PIL", "jinja2", "matplotlib", "h5py", "yaml"):
    sys.modules[name] = None
from edge_effnet.cli.main import run
sys.exit(run(["profile", {model!r}, "--plot", {model + ".plots"!r}, "--json", *{_SHORT!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["plots"] == {}
    assert "matplotlib is not installed" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["profile", "nowhere.tflite"], 4, "nowhere.tflite"),
        (["profile", "BROKEN"], 4, "broken.tflite"),
        (["profile", "MODEL", "--engine", "xnpack"], 2, "did you mean 'xnnpack'"),
        (["profile", "MODEL", "--engine", "delegate:/no/such/lib.so"], 3, "lib.so"),
        (["profile", "MODEL", "--target", "loc"], 2, "did you mean 'local'"),
        (["profile", "MODEL", "--target", "adb"], 2, "edge-effnet bench"),
        (["profile", "MODEL", "--threads", "0"], 2, "--threads"),
        (["profile", "MODEL", "--cpus", "x"], 2, "cores"),
        (["profile", "MODEL", "--plot", "BROKEN"], 2, "--plot"),
        (["profile", "MODEL", "-o", "/nowhere/profile.json"], 2, "/nowhere"),
    ],
)
def test_bad_input_has_its_exit_code_and_words(
    words: list[str], code: int, says: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, got, allowed, fix."""
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\0\0\0\0TFL3" + b"x" * 40)
    given = {"MODEL": model, "BROKEN": str(broken)}
    assert run([given.get(word, word) for word in words]) == code
    assert says in capsys.readouterr().err
