"""process: programs are started here, with a time limit, and nothing of them is left running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program, start_program, stop_program

PACKAGE = Path(__file__).resolve().parent.parent / "edge_effnet"
_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # A dead process whose parent has not asked is still there; the system's first process asks in the end.
        if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.05)
    return False


def test_a_program_gets_its_input_and_leaves_both_streams_and_its_status() -> None:
    """An exit status is told, not raised."""
    words = "import sys; sys.stderr.write('why'); sys.stdout.write(sys.stdin.read().upper()); sys.exit(7)"
    done = run_program([sys.executable, "-c", words], timeout_s=30, stdin=b"in")
    assert (done.text, done.complaint, done.returncode) == ("IN", "why", 7)


def test_arguments_are_never_read_by_a_shell(tmp_path: Path) -> None:
    """A semicolon is a letter like any other."""
    odd = f"$(touch {tmp_path}/made); touch {tmp_path}/made"
    done = run_program([sys.executable, "-c", "import sys; print(sys.argv[1])", odd], timeout_s=30)
    assert done.text.strip() == odd
    assert list(tmp_path.iterdir()) == []


def test_variables_and_folder_are_those_given(tmp_path: Path) -> None:
    """On top of this process's own variables."""
    words = "import os; print(os.environ['EDGE_TEST'], 'PATH' in os.environ, os.getcwd())"
    done = run_program([sys.executable, "-c", words], timeout_s=30, env={"EDGE_TEST": "x"}, cwd=tmp_path)
    assert done.text.split() == ["x", "True", str(tmp_path.resolve())]


def test_a_program_that_is_not_there_is_an_environment_fault() -> None:
    """Exit 3 with its name."""
    with pytest.raises(EnvironmentFault, match="no-such-program-here"):
        run_program(["no-such-program-here"], timeout_s=5)


def test_a_program_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """The time limit holds for the whole group."""
    note = tmp_path / "pid"
    words = f"{_GRANDCHILD.replace('print(child.pid, flush=True)', f'open({str(note)!r}, chr(119)).write(str(child.pid))')}"
    with pytest.raises(EnvironmentFault, match="did not end within"):
        run_program([sys.executable, "-c", words], timeout_s=1.5)
    assert _gone(int(note.read_text()))


def test_stopping_takes_with_it_what_was_started_and_may_be_done_twice() -> None:
    """No orphan, and no error for a program that has ended."""
    program = start_program([sys.executable, "-c", _GRANDCHILD])
    assert program.stdout is not None
    child = int(program.stdout.readline())
    stop_program(program)
    stop_program(program)
    assert _gone(child)
    assert program.poll() is not None


def test_nobody_else_starts_programs() -> None:
    """`process.py` is the one place, so that every program has its time limit."""
    users = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(
            line.strip().startswith(("import subprocess", "from subprocess"))
            for line in path.read_text().splitlines()
        )
    }
    assert users <= {"process.py"}
