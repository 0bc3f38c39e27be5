"""See that an installation works before it gets its name: import LiteRT on a core, and count something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.runtimes.arm64.cores import CORES
from edge_effnet.runtimes.arm64.windows import read_windows

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.process import Runner
    from edge_effnet.runtimes.arm64.installed import Installation

__all__ = ["self_test"]

_TIMEOUT_S: Final = 120.0

_PROGRAM: Final = """
import contextlib, ctypes, hashlib, importlib.metadata, json, os, pathlib, platform, queue, resource, threading
import numpy.random
from ai_edge_litert import interpreter
def mark(command):
    try:
        os.lseek(-0x7A11, 0, command)
    except OSError:
        pass
mark(1)
mark(2)
print(platform.machine(), interpreter.OpResolverType.AUTO.name)
"""
"""What a worker imports, so that all of it is compiled once and here; then two marks, and an answer."""

_ANSWER: Final = "aarch64 AUTO"


def self_test(new: Installation, work: Path, run: Runner) -> None:
    """Run a program on one core.

    Raises:
        EnvironmentFault: It does not answer as it should, or the plug-in does not count.
    """
    counts = work / "selftest.counts" if new.plugin.exists() else None
    argv = new.argv(CORES["cortex-a76"], "-c", _PROGRAM, counts=counts, keep_bytecode=True)
    done = run(argv, timeout_s=_TIMEOUT_S)
    if done.returncode or done.text.strip() != _ANSWER:
        raise EnvironmentFault(
            "the emulated environment was built and does not work",
            got=f"exit status {done.returncode}: {(done.complaint or done.text)[-300:]}",
            allowed=_ANSWER,
            hint="report it, with what `edge-effnet doctor` says",
        )
    if counts is not None and (len(windows := read_windows(counts)) != 1 or windows[0].total <= 0):
        raise EnvironmentFault("the counting plug-in does not count", got=windows, hint="report it")
