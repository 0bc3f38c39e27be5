"""A job ends with its time, with its caller, and when it is asked to; half-written files go with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from edge_effnet.chain.perform import COMMAND, Outcome, Programs, perform
from edge_effnet.process import start_program, stop_program

if TYPE_CHECKING:
    from pathlib import Path

HOLD = "from edge_effnet.chain import tether; tether.hold(); "
WRITE = """
import sys, time
from pathlib import Path
from edge_effnet.artifacts import atomic_output
from edge_effnet.chain import tether
tether.hold()
with atomic_output(Path("out.bin")) as half:
    half.write_bytes(b"half")
    Path("begun").touch()
    time.sleep(60)
"""


def _wait_for(condition: object, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_verb_runs_as_the_command_line_would_run_it(tmp_path: Path) -> None:
    """Promise: stdout is the record, stderr the log, and the exit status is the verb's own."""
    done = perform(["list", "--json"], tmp_path, tmp_path / "log", timeout_s=60)
    assert (done.returncode, done.trouble) == (0, None)
    assert done.stdout.startswith(b"[")
    wrong = perform(["inspect", "no.tflite", "--json"], tmp_path, tmp_path / "log", timeout_s=60)
    assert wrong.returncode == 4
    assert (tmp_path / "log").read_bytes() == wrong.stderr
    assert wrong.stderr.startswith(b"error: ")


def test_a_program_that_cannot_be_started_is_an_outcome(tmp_path: Path) -> None:
    """Promise: what is missing on one node is told as the reason of one job."""
    done = perform(["x"], tmp_path, tmp_path / "log", timeout_s=5, command=["/no/such/program"])
    assert done.returncode == 3
    assert done.trouble is not None
    assert "cannot be started" in done.trouble


def test_a_signal_is_told(tmp_path: Path) -> None:
    """Promise: a job that the system killed, for its memory say, is not taken for one that ended."""
    command = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    done = perform([], tmp_path, tmp_path / "log", timeout_s=20, command=command)
    assert done.trouble == "it was ended by signal 9"


def test_a_stop_ends_what_runs_and_what_comes_later(tmp_path: Path) -> None:
    """Promise: after a stop no program is left, and half-written files are removed as on Ctrl-C."""
    programs, found = Programs(), []
    command = [sys.executable, "-c", WRITE]

    def work() -> None:
        found.append(
            perform([], tmp_path, tmp_path / "log", timeout_s=60, command=command, programs=programs)
        )

    thread = threading.Thread(target=work)
    thread.start()
    _wait_for((tmp_path / "begun").exists)
    programs.stop()
    thread.join(10)
    late = perform([], tmp_path, tmp_path / "log", timeout_s=60, command=command, programs=programs)
    assert isinstance(found[0], Outcome)
    assert found[0].returncode != 0
    assert late.seconds < 10
    assert late.returncode != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "log"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_does_not_outlive_the_process_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    """Promise: a killed run, or a killed cluster node, leaves no job behind."""
    starter = f"""
import sys, time
from pathlib import Path
from edge_effnet.chain.perform import perform
code = {HOLD!r} + "import os, time; from pathlib import Path; Path('pid').write_text(str(os.getpid())); time.sleep(60)"
perform([], Path({str(tmp_path)!r}), Path({str(tmp_path / "log")!r}), timeout_s=60, command=[sys.executable, "-c", code])
"""
    with subprocess.Popen([sys.executable, "-c", starter]) as starting:
        _wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        job = psutil.Process(int((tmp_path / "pid").read_text()))
        starting.send_signal(how)
    _wait_for(lambda: not job.is_running() or job.status() == psutil.STATUS_ZOMBIE)


def test_the_command_is_this_python_and_not_one_from_the_path() -> None:
    """Promise: jobs run in the environment that the run was started in."""
    assert COMMAND[0] == sys.executable
    program = start_program([*COMMAND, "--version"], env={"PATH": os.devnull})
    try:
        assert program.stdout is not None
        assert program.stdout.read().startswith(b"edge-effnet ")
    finally:
        stop_program(program)
