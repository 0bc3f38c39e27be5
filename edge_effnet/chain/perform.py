"""Run one job in a folder: its stdout is the record, its stderr the log, and it never outlives its time or its caller."""

from __future__ import annotations

import contextlib
import platform
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import Program, start_program, stop_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["COMMAND", "Outcome", "Programs", "perform"]

COMMAND: Final = (sys.executable, "-m", "edge_effnet.chain.tether")
"""What stands before a job's argv."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        returncode: Exit status; negative for a signal.
        stdout: Its JSON document, if it wrote one.
        stderr: Its log.
        seconds: How long it took.
        node: The machine that ran it.
        trouble: Why it was stopped or could not start; None when it ended by itself.
        files: Output -> content, where it ran in a folder of its own.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    node: str
    trouble: str | None = None
    files: tuple[tuple[str, bytes], ...] = ()


class Programs:
    """The programs that run now, so that all can be stopped at once; usable from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Program[bytes]] = set()
        self._stopped = False

    @contextlib.contextmanager
    def started(self, program: Program[bytes]) -> Iterator[None]:
        """Know a program while it runs, and end it at the end of the block."""
        with self._lock:
            self._running.add(program)
            late = self._stopped
        try:
            if late:
                stop_program(program)
            yield
        finally:
            with self._lock:
                self._running.discard(program)
            stop_program(program)

    def stop(self) -> None:
        """End every program that runs, and each that is started later."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for program in running:
            stop_program(program)


def perform(
    argv: Sequence[str],
    place: Path,
    log: Path,
    *,
    timeout_s: float,
    command: Sequence[str] = COMMAND,
    programs: Programs | None = None,
) -> Outcome:
    """Run a job to its end.

    Args:
        argv: Verb and words.
        place: Folder to run it in, which relative paths are relative to.
        log: File for its stderr, written while it runs.
        timeout_s: Seconds that it may take.
        command: What stands before ``argv``.
        programs: Where it is known while it runs.
    """
    begin, late = time.monotonic(), threading.Event()
    try:
        with log.open("wb") as stream:
            program = start_program([*command, *argv], cwd=place, stderr=stream)
            timer = threading.Timer(timeout_s, _stop_late, (program, late))
            with (programs or Programs()).started(program), _ticking(timer):
                stdout = _read(program)
                returncode = program.wait()
    except (EnvironmentFault, OSError) as error:
        return Outcome(3, b"", str(error).encode(), time.monotonic() - begin, platform.node(), str(error))
    trouble = None
    if late.is_set():
        returncode, trouble = EnvironmentFault.exit_code, f"it did not end within {timeout_s:g} s"
    elif returncode < 0:
        trouble = f"it was ended by signal {-returncode}"
    return Outcome(returncode, stdout, log.read_bytes(), time.monotonic() - begin, platform.node(), trouble)


def _read(program: Program[bytes]) -> bytes:
    try:
        return program.stdout.read() if program.stdout else b""
    except ValueError:  # stopped from another thread, which closes the pipe
        return b""


def _stop_late(program: Program[bytes], late: threading.Event) -> None:
    late.set()
    stop_program(program)


@contextlib.contextmanager
def _ticking(timer: threading.Timer) -> Iterator[None]:
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
