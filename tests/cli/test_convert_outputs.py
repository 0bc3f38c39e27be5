"""Where `edge-effnet convert` writes: a full disk, a locked folder, Ctrl-C, and the same bytes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from convert_line import QUICK, ROOT, SMALL, convert, names_in

from edge_effnet.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")

COMMAND = [sys.executable, "-c", "from edge_effnet.cli.main import main; main()", "convert", *QUICK]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system in memory with the options that are given; unmounted afterwards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, check=False, text=True)
        except OSError as error:
            pytest.skip(f"no mount command here: {error}")
        if done.returncode:
            pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("room", ["64k", "3800k", "3980k"])
def test_a_full_disk_is_exit_3_and_leaves_nothing(
    small_disk: Callable[[str], Path], room: str, capsys: Capture
) -> None:
    """No room for the model, for the last of it, or for its contract: no file under any name."""
    folder = small_disk(f"size={room}")
    assert convert("-o", folder / "m.tflite") == 3
    assert "No space left" in capsys.readouterr().err
    assert names_in(folder) == []


@pytest.mark.usefixtures("no_build")
def test_a_folder_that_cannot_be_written_is_exit_3(
    small_disk: Callable[[str], Path], capsys: Capture
) -> None:
    """Found before the work begins."""
    folder = small_disk("ro")
    assert convert("-o", folder / "m.tflite") == 3
    assert "cannot be written" in capsys.readouterr().err


# A job in the background may inherit an ignored SIGINT, which a terminal never gives.
_SIGNALLING = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edge_effnet.cli.main import main
from edge_effnet.convert import {module} as module
genuine = module.{function}
def tell(*arguments, **options):
    print("now", flush=True)
    return genuine(*arguments, **options)
module.{function} = tell
main()
"""


@pytest.mark.parametrize(
    ("module", "function", "exists"),
    [("pipeline", "quantize_by_reconstruction", False), ("result", "golden_vectors", True)],
)
def test_ctrl_c_is_exit_130_and_leaves_everything_as_it_was(
    tmp_path: Path, module: str, function: str, exists: bool
) -> None:
    """In the middle of the work, or shortly before the end: no file, no temporary file, an old model untouched."""
    path = tmp_path / "m.tflite"
    if exists:
        path.write_bytes(b"precious")
    arguments = [*SMALL, "--calibration-samples", "300", "-o", str(path), "--force"]
    process = subprocess.Popen(
        [sys.executable, "-c", _SIGNALLING.format(module=module, function=function), "convert", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert out == ""
    assert names_in(tmp_path) == (["m.tflite"] if exists else [])
    if exists:
        assert path.read_bytes() == b"precious"


def test_converting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """In another process with another hash seed, under another name."""
    assert convert("-o", tmp_path / "first.tflite") == 0
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    other = tmp_path / "second.tflite"
    subprocess.run([*COMMAND, "-o", str(other)], check=True, capture_output=True, cwd=ROOT, env=environment)
    assert (tmp_path / "first.tflite").read_bytes() == other.read_bytes()


def test_calibration_of_a_float_model_is_said_to_be_unused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise: an option that has no effect on the result is mentioned, not swallowed."""
    output = tmp_path / "half.tflite"
    line = ["convert", "--model", "lite0", "--precision", "fp16", "--weights", "random", "--resolution", "32"]
    assert run([*line, "--calibration", "synthetic-v1", "-o", str(output)]) == 0
    assert "--calibration and --recipe are not used" in capsys.readouterr().err
