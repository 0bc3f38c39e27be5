"""`edge-effnet demo camera` on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from demo.stream_server import StreamServer
from runtimes.tiny_models import colour_classifier

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema

cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")

ROOT = Path(__file__).resolve().parent.parent.parent
_CONTRACT = {
    "preprocessing": {"resolution_px": 4, "crop_fraction": 1.0, "resample": "bilinear"},
    "labels": ["red", "green", "blue"],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of four by four pixels."""
    path = tmp_path / "m.tflite"
    path.write_bytes(colour_classifier(contract=_CONTRACT).to_bytes())
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red picture."""
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((30, 40, 3), (20, 20, 250), np.uint8))
    return path


def _camera(*arguments: object) -> int:
    return run(["demo", "camera", "--headless", *map(str, arguments)])


def test_json_is_the_summary_alone(model: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document on stdout, of the published schema."""
    assert _camera("--model", model, "--source", picture, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(read_schema("demo-camera")).validate(record)
    assert record["summary"]["frames"] == 1


def test_lines_go_to_stdout_for_a_dash(
    model: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that another program can follow; nothing else is printed there."""
    assert _camera("--model", model, "--source", picture, "--jsonl", "-") == 0
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["top"][0]["label"] == "red"
    assert last["summary"]["stopped"] == "end"


def test_the_table_says_what_took_how_long(
    model: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four steps apart, and what to do next."""
    assert _camera("--model", model, "--source", picture) == 0
    out = capsys.readouterr().out
    assert all(step in out for step in ("capture", "preprocess", "inference", "draw", "next: edge-effnet"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--source", "nothing.mp4"], 2, "there is no such source"),
        (["--source", "EMPTY"], 4, "no pictures"),
        (["--source", "63"], 3, "no camera answers"),
        (["--source", "rtsp://127.0.0.1:9/x"], 3, "the stream cannot be opened"),
        (["--source", "MODEL"], 4, "the film cannot be decoded"),
        (["--engine", "xnnpac"], 2, "did you mean 'xnnpack'"),
        (["--target", "mars"], 2, "unknown target"),
        (["--target", "adb"], 2, "no worker for single frames"),
        (["--save", "PICTURE"], 2, "the output exists already"),
        (["--jsonl", "PICTURE"], 2, "the output exists already"),
        (["--save", "out.gif"], 2, "format is not known"),
        (["--top-k", "0"], 2, "--top-k is out of range"),
        (["--threshold", "1.5"], 2, "--threshold is out of range"),
        (["--smooth", "1"], 2, "--smooth is out of range"),
        (["--max-frames", "0"], 2, "--max-frames is out of range"),
        (["--size", "640"], 2, "--size is no size"),
        (["--cpus", "all"], 2, "not a list of cores"),
        (["--json", "--jsonl", "-"], 2, "both print on stdout"),
    ],
)
def test_what_cannot_work_is_said(
    arguments: list[str],
    code: int,
    words: str,
    model: Path,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What, got, allowed and fix; never a traceback."""
    empty = model.parent / "empty"
    empty.mkdir()
    names = {"EMPTY": empty, "MODEL": model, "PICTURE": picture}
    given = [str(names.get(word, word)) for word in arguments]
    source = [] if "--source" in given else ["--source", str(picture)]
    assert _camera("--model", model, *source, *given) == code
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ({"labels": ["a", "b"]}, "the labels do not fit the model"),
        ({"labels": 7}, "not a list of strings"),
        ({"preprocessing": {"resolution_px": 8, "crop_fraction": 1, "resample": "box"}}, "disagree"),
        ({"preprocessing": {"resolution_px": 4, "crop_fraction": 7, "resample": "box"}}, "unusable"),
        ({"preprocessing": {"resolution_px": 4}}, "unusable"),
    ],
)
def test_a_damaged_contract_is_refused(
    contract: dict[str, object],
    words: str,
    tmp_path: Path,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Guessing would show wrong labels without a word."""
    path = tmp_path / "d.tflite"
    path.write_bytes(colour_classifier(contract=contract).to_bytes())
    assert _camera("--model", path, "--source", picture) == 4
    assert words in capsys.readouterr().err


def test_without_a_display_nothing_aborts(
    model: Path, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV's window library would end the process; whether it has windows or not, we say what to do."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run(["demo", "camera", "--model", str(model), "--source", str(picture)]) == 3
    assert "--headless" in capsys.readouterr().err


# A job in the background may inherit an ignored SIGINT, which a terminal never gives.
_STOPPABLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from edge_effnet.cli.main import main
main()
"""


def test_ctrl_c_ends_a_stream_and_keeps_what_was_recorded(model: Path, tmp_path: Path) -> None:
    """A camera never ends by itself, so stopping it is not a failure: a whole log, a whole film, exit code 0."""
    server = StreamServer()
    log, film = tmp_path / "log", tmp_path / "o.mp4"
    words = ["demo", "camera", "--headless", "--model", model, "--source", server.url, "--jsonl", log]
    argv = [sys.executable, "-c", _STOPPABLE, *map(str, words), "--save", str(film)]
    program = subprocess.Popen(
        argv, cwd=ROOT, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and not (log.is_file() and log.read_text().count("\n") > 5):
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, stderr = program.communicate(timeout=20)
    finally:
        program.kill()
        program.communicate()
        server.die()
    assert program.returncode == 0, stderr
    assert b"Traceback" not in stderr
    assert json.loads(log.read_text().splitlines()[-1])["summary"]["stopped"] == "interrupted"
    assert film.stat().st_size > 1000


def test_the_demo_needs_neither_tensorflow_nor_pillow(model: Path, tmp_path: Path) -> None:
    """Films, cameras and streams work with numpy, a runtime, OpenCV and the command line's own libraries."""
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (64, 48))
    for _ in range(3):
        writer.write(np.full((48, 64, 3), (250, 20, 20), np.uint8))
    writer.release()
    program = f"""
import sys
for name in ("PIL", "scipy", "jinja2", "psutil", "tensorflow", "matplotlib", "yaml", "threadpoolctl"):
    sys.modules[name] = None  # importing it fails
from edge_effnet.cli.main import run
sys.exit(run(["demo", "camera", "--headless", "--model", {str(model)!r}, "--source", {str(tmp_path / "a.mp4")!r},
              "--save", {str(tmp_path / "o.mp4")!r}, "--json"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["frames"] == 3
