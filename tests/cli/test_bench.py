"""`edge-effnet bench`: tables, JSON, files, exit codes; and on a machine with next to nothing installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

ROOT = Path(__file__).resolve().parents[2]
_SHORT = ["--min-seconds", "0.05", "--min-runs", "20"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(colour_classifier().to_bytes())
    return str(path)


def test_bench_prints_a_table_and_the_next_command(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The median with its interval, the ratio, what to do next."""
    assert run(["bench", model, "--engine", "xnnpack", "--engine", "builtin", *_SHORT]) == 0
    out = capsys.readouterr().out
    assert "tiny.tflite" in out
    assert "#0 / #1 = " in out
    assert "next: edge-effnet profile" in out


def test_bench_prints_one_json_document(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else on stdout."""
    assert run(["bench", model, "--json", *_SHORT]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), read_schema("bench"))


def test_bench_writes_its_record_once(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Never over another without --force, and it says so before measuring."""
    out = tmp_path / "bench.json"
    assert run(["bench", model, "-o", str(out), *_SHORT]) == 0
    before = out.read_bytes()
    assert "edge-effnet report" in capsys.readouterr().out
    assert run(["bench", model, "-o", str(out), *_SHORT]) == 2
    assert out.read_bytes() == before
    assert run(["bench", model, "-o", str(out), "--force", *_SHORT]) == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["bench", "nowhere.tflite"], 4, "nowhere.tflite"),
        (["bench", "MODEL", "--engine", "xnpack"], 2, "did you mean 'xnnpack'"),
        (["bench", "MODEL", "--target", "loc"], 2, "did you mean 'local'"),
        (["bench", "MODEL", "--target", "python:/nowhere"], 2, "python:PATH"),
        (["bench", "MODEL", "--threads", "0"], 2, "--threads"),
        (["bench", "MODEL", "--cpus", "x"], 2, "cores"),
        (["bench", "MODEL", "--engine", "delegate:/no/such/lib.so"], 3, "lib.so"),
        (["bench", "BROKEN"], 4, "broken.tflite"),
        (["bench"], 2, "every model once"),
        (["bench", "MODEL", "--import", "x.json"], 2, "one or the other"),
        (["bench", "--import", "nowhere.json"], 4, "nowhere.json"),
        (["bench", "--import", "BROKEN"], 4, "benchmark_model"),
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


def test_a_model_with_an_operator_that_the_engine_lacks_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 with the operator's name."""
    import numpy as np

    odd = tmp_path / "odd.tflite"
    odd.write_bytes(TinyModel(np.ones((2, 48), int), operator=32, custom="MyCustomThing").to_bytes())
    assert run(["bench", str(odd)]) == 3
    assert "MyCustomThing" in capsys.readouterr().err


_PROGRAM = """
import importlib.abc, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
from edge_effnet.cli.main import run
sys.exit(run({words!r}))
"""


def test_foreign_results_become_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What another tool measured is shown and written in the same form, and marked."""
    golden, out = ROOT / "tests/golden/benchmark_model/litert_benchmark.json", tmp_path / "imported.json"
    assert run(["bench", "--import", str(golden), "-o", str(out)]) == 0
    assert "imported" in capsys.readouterr().out
    record = json.loads(out.read_text(encoding="utf-8"))
    jsonschema.validate(record, read_schema("bench"))
    assert record["results"][0]["source"]


_REFUSED = {
    "tensorflow",
    "tf_keras",
    "keras",
    "scipy",
    "psutil",
    "PIL",
    "jinja2",
    "matplotlib",
    "yaml",
    "h5py",
    "cv2",
    "threadpoolctl",
    "platformdirs",
}


def test_bench_runs_where_only_numpy_and_a_runtime_are(model: str) -> None:
    """No TensorFlow, and none of the other libraries of this package, which are refused here as if they were missing."""
    words = ["bench", model, "--json", *_SHORT]
    program = _PROGRAM.format(refused=_REFUSED, words=words)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), read_schema("bench"))


@pytest.mark.slow
def test_bench_runs_in_an_environment_with_only_numpy_a_runtime_and_the_command_lines_libraries(
    model: str, tmp_path: Path
) -> None:
    """A real environment: this package without its requirements, then numpy, ai-edge-litert, typer and rich."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "bare"], check=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    for words in (["--no-deps", str(ROOT)], ["numpy", "ai-edge-litert", "typer", "rich"]):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True)
    command = [python, "-m", "edge_effnet", "bench", model, "--json", *_SHORT]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), read_schema("bench"))
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "tensorflow" not in listed
