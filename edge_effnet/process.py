"""The only place that starts programs: an argument list, a time limit, captured output, never a shell."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import IO

__all__ = [
    "Finished",
    "Program",
    "Runner",
    "TimeLimitFault",
    "find_program",
    "run_program",
    "start_program",
    "stop_program",
]

_PATIENCE_S: Final = 2.0
"""How long a program that was asked to stop may take before it is killed."""

Program = subprocess.Popen
"""A program that runs beside this one, its stdin and stdout binary pipes."""


class TimeLimitFault(EnvironmentFault):
    """A program took longer than it may."""


@dataclass(frozen=True)
class Finished:
    """What a program left behind.

    Attributes:
        argv: The argument list.
        returncode: Its exit status; negative for a signal.
        stdout: Everything it wrote there.
        stderr: Everything it wrote there.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Stdout as text; bytes that are no UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def complaint(self) -> str:
        """Stderr as text, without white space around it; bytes that are no UTF-8 are replaced."""
        return self.stderr.decode(errors="replace").strip()


class Runner(Protocol):
    """What runs a program to its end; `run_program`, or a stand-in in a test."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        """Run ``argv`` and return what it left behind; see `run_program`."""


def find_program(name: str, variable: str = "") -> str | None:
    """Return where a program is: what an environment variable names, else the first of that name on the path.

    A variable that names no program that can be started finds nothing: what was asked for is not replaced in silence.
    """
    return shutil.which(os.environ.get(variable) or name) if variable else shutil.which(name)


def run_program(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Finished:
    """Run a program to its end. A non-zero exit status is not an error here: the caller knows what it means.

    The program gets a process group of its own, which is killed whole when the time is over or this call is interrupted.

    Args:
        argv: The program and its arguments.
        timeout_s: Seconds that it may take.
        stdin: What it reads.
        env: Variables set on top of this process's own.
        cwd: Folder to run it in.

    Raises:
        EnvironmentFault: It cannot be started.
        TimeLimitFault: It takes longer.
    """
    program = start_program(argv, env=env, cwd=cwd, stderr=subprocess.PIPE)
    try:
        stdout, stderr = program.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise TimeLimitFault(
            f"{argv[0]} did not end within {timeout_s:g} s", got=" ".join(argv)[:200], hint="is it hanging?"
        ) from error
    finally:
        stop_program(program)
    return Finished(tuple(argv), program.returncode, stdout, stderr)


def start_program(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stderr: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that runs beside this one, with pipes to its stdin and from its stdout.

    Args:
        argv: The program and its arguments.
        env: Variables set on top of this process's own.
        cwd: Folder to run it in.
        stderr: Where its stderr goes; None lets it through.

    Raises:
        EnvironmentFault: It cannot be started.
    """
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise EnvironmentFault(
            f"the program {argv[0]} cannot be started: {error.strerror}",
            got=" ".join(argv)[:200],
            hint=f"install {argv[0]}, or give its path",
        ) from error


def stop_program(program: subprocess.Popen[bytes]) -> None:
    """End a program and everything that it started, asking first; one that has ended already is left alone."""
    if program.poll() is None:
        _signal_group(program, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(_PATIENCE_S)
        # Also where it has ended: what it started may take longer over it.
        _signal_group(program, signal.SIGKILL)
        program.wait()
    for pipe in (program.stdin, program.stdout, program.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _signal_group(program: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, number)
