"""The wheels for the emulated machine: fetched by this Python's pip, from where pip is set up to look, by hash."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.process import Runner
    from edge_effnet.runtimes.arm64.locked import Lock

__all__ = ["PLATFORMS", "install_wheels"]

PLATFORMS: Final = tuple(
    f"{tag}_aarch64" for tag in ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")
)
"""What the emulated C library (2.36) can load; pip knows only tags that are named."""

_TIMEOUT_S: Final = 900.0
_TOLD_LINES: Final = 3


def install_wheels(lock: Lock, into: Path, work: Path, run: Runner = run_program) -> None:
    """Download the wheels of a lock, check their hashes and unpack them.

    Args:
        lock: What to install.
        into: Folder for the packages; it is made.
        work: Folder for the list of requirements.
        run: What runs pip.

    Raises:
        EnvironmentFault: Pip is missing, or a wheel cannot be had or has another hash.
    """
    requirements = work / "requirements.txt"
    requirements.write_text(
        "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in lock.wheels)
    )
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    argv += ["--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:"]
    argv += [f"--platform={name}" for name in PLATFORMS]
    argv += ["--implementation=cp", f"--python-version={lock.python}"]
    argv += [f"--target={into}", f"--requirement={requirements}"]
    done = run(argv, timeout_s=_TIMEOUT_S)
    if done.returncode:
        raise EnvironmentFault(
            "pip cannot install the wheels for arm64",
            got="; ".join(done.complaint.splitlines()[-_TOLD_LINES:]) or f"exit status {done.returncode}",
            hint=_fix(done.complaint),
        )


def _fix(complaint: str) -> str:
    if "No module named pip" in complaint:
        return f"{sys.executable} -m ensurepip"
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in complaint:
        return "the index or a proxy changes files: use another index in pip's configuration"
    return "pip's own index and network are used: see that `pip download numpy` works on this machine"
