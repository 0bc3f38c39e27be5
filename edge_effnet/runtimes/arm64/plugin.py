"""Compile the counting plug-in, `counter.c`, for the QEMU of an installation."""

from __future__ import annotations

import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.process import run_program
from edge_effnet.runtimes.arm64.installed import FIX

if TYPE_CHECKING:
    from edge_effnet.process import Runner
    from edge_effnet.runtimes.arm64.installed import Installation

__all__ = ["compile_plugin"]

_COMPILER: Final = "gcc"
_TIMEOUT_S: Final = 60.0
_TOLD_LINES: Final = 5

# Linked against the C library that QEMU is started with, and not the machine's own, which may be a newer one.
_FLAGS: Final = ("-std=c11", "-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden", "-nostdlib")
_FLAGS_SAFE: Final = ("-fno-stack-protector", "-U_FORTIFY_SOURCE")
_LIBC: Final = "host/lib/x86_64-linux-gnu/libc.so.6"


def compile_plugin(new: Installation, run: Runner = run_program) -> dict[str, Any]:
    """Compile the plug-in; return ``{compiler, reason, fix}``, the last two null when it was compiled.

    Without it outputs can be had and counts cannot, so a compiler that is missing or refuses is a reason and no error.
    """
    if shutil.which(_COMPILER) is None:
        return _missing("there is no C compiler", "install gcc (on Debian: apt-get install gcc libc6-dev)")
    new.plugin.parent.mkdir(parents=True, exist_ok=True)
    source = resources.files(__package__).joinpath("counter.c").read_bytes()
    argv = [_COMPILER, *_FLAGS, *_FLAGS_SAFE, "-o", str(new.plugin), "-x", "c", "-"]
    done = run([*argv, "-x", "none", str(new.folder / _LIBC)], timeout_s=_TIMEOUT_S, stdin=source)
    if done.returncode:
        new.plugin.unlink(missing_ok=True)
        said = "; ".join(done.complaint.splitlines()[:_TOLD_LINES])
        return _missing(
            f"{_COMPILER} refuses: {said}",
            "install the C library's headers (on Debian: apt-get install libc6-dev)",
        )
    version = run([_COMPILER, "--version"], timeout_s=_TIMEOUT_S).text
    return {"compiler": version.partition("\n")[0], "reason": None, "fix": None}


def _missing(reason: str, fix: str) -> dict[str, Any]:
    return {"compiler": None, "reason": reason, "fix": f"{fix}, then {FIX} --force"}
