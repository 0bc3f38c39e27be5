"""Build the emulated arm64 environment: whole or not at all, without root, from locked files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import write_json
from edge_effnet.environment import now_utc
from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program
from edge_effnet.progress import Silent
from edge_effnet.runtimes.arm64.apt import PLAIN_WORDS, PrivateApt
from edge_effnet.runtimes.arm64.cores import CORES
from edge_effnet.runtimes.arm64.installed import Installation, default_folder, unsupported_host
from edge_effnet.runtimes.arm64.locked import HOST, read_lock
from edge_effnet.runtimes.arm64.plugin import compile_plugin
from edge_effnet.runtimes.arm64.selftest import self_test
from edge_effnet.runtimes.arm64.wheels import install_wheels
from edge_effnet.runtimes.base import Available

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_effnet.process import Runner
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.arm64.locked import Lock, Package

__all__ = ["install"]

_TOOLS: Final = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg"}
"""Program -> the package that has it."""

_NEEDED_BYTES: Final = 400_000_000
"""Free space that an installation takes while it is made: downloads, package lists and the unpacked files."""

_SEPARATORS: Final = frozenset(",:;")

_UNPACK_S: Final = 120.0

_REMOVALS: Final = 20
_REMOVAL_PAUSE_S: Final = 0.1

_NOT_NEEDED: Final = (
    "root/usr/share",
    "root/usr/lib/aarch64-linux-gnu/gconv",
    "host/usr/share",
    "host/usr/lib/x86_64-linux-gnu/gconv",
    "host/usr/libexec",
    # what an interpreter never loads: GPU, converter, calibrator, tests
    "site/ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "site/ai_edge_litert/_pywrap_litert_converter.so",
    "site/ai_edge_litert/_pywrap_tensorflow_lite_calibration_wrapper.so",
    "site/numpy/*/tests",
    "site/bin",
)
"""What is removed after unpacking, as patterns."""


def install(
    folder: Path | None = None,
    *,
    force: bool = False,
    accept_newer: bool = False,
    reporter: Reporter | None = None,
    run: Runner = run_program,
) -> dict[str, Any]:
    """Install the emulated environment, if it is not there; return its manifest with ``installed_now`` added.

    It is built in a temporary folder beside its place and renamed at the end, so an interruption leaves what was
    there before.

    Args:
        folder: Where; None is under the user's cache.
        force: Build it anew though it is there.
        accept_newer: Where the mirror no longer has a locked version, take the one that apt would choose. Apt's
            signature check still holds, and the manifest says so.
        reporter: Is told the stages.
        run: What runs the programs.

    Raises:
        EnvironmentFault: A tool, the network, a package, disk space or the right kind of machine is missing.
    """
    place = Installation((default_folder() if folder is None else folder).absolute())
    if not force and isinstance(place.probe(), Available):
        return {**place.manifest(), "installed_now": False}
    _check_host()
    _check_name(place.folder)
    started = time.perf_counter()
    with _exclusive(place.folder), _temporary_folder(place.folder) as work:
        new = Installation(work / "new")
        manifest = _build(new, work, accept_newer, reporter or Silent(), run)
        manifest["seconds"] = round(time.perf_counter() - started, 1)
        write_json(new.manifest_path, manifest)
        if place.folder.exists():
            place.folder.rename(work / "old")
        new.folder.rename(place.folder)
    return {**manifest, "installed_now": True}


def _check_host() -> None:
    """Refuse a machine on which it cannot work, before anything is downloaded."""
    if (unsupported := unsupported_host()) is not None:
        raise EnvironmentFault(unsupported.reason, hint=unsupported.fix)
    for program, package in _TOOLS.items():
        if shutil.which(program) is None:
            raise EnvironmentFault(
                f"the program {program} is not here",
                hint=f"install {package} with Debian 12 sources, or do this in a Debian 12 container",
            )


def _check_name(folder: Path) -> None:
    """Refuse a path that would be taken for several: in a list of libraries, or among the emulator's options."""
    if found := sorted(_SEPARATORS & set(str(folder))):
        raise EnvironmentFault(
            "the emulated environment cannot lie in a folder of this name",
            got=f"{folder} has {' '.join(found)}",
            hint="set XDG_CACHE_HOME to a folder whose path has no comma, colon or semicolon",
        )


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Let one installation at a time work beside ``folder``."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder.parent, os.O_RDONLY)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write in {folder.parent}: {error.strerror}", hint="set XDG_CACHE_HOME to another folder"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise EnvironmentFault(
            "another installation is under way", got=folder, hint="wait until it has ended"
        ) from error
    finally:
        os.close(handle)


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder beside ``folder`` that is gone afterwards, and clear away those that a kill has left."""
    prefix = f".{folder.name}."
    for stale in folder.parent.glob(f"{prefix}*.part"):
        shutil.rmtree(stale, ignore_errors=True)
    free = shutil.disk_usage(folder.parent).free
    if free < _NEEDED_BYTES:
        raise EnvironmentFault(
            "there is too little space for the emulated environment",
            got=f"{free / 1e6:.0f} MB free in {folder.parent}",
            allowed=f"{_NEEDED_BYTES / 1e6:.0f} MB or more",
            hint="free some, or set XDG_CACHE_HOME to a folder on another disk",
        )
    work = Path(tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=folder.parent))
    try:
        yield work
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write in {work}: {error.strerror}",
            hint="free some space, or set XDG_CACHE_HOME to another folder",
        ) from error
    finally:
        _remove(work)


def _remove(folder: Path) -> None:
    """Remove a folder in which a program that was killed may still be ending a write."""
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_REMOVAL_PAUSE_S)


def _build(
    new: Installation, work: Path, accept_newer: bool, reporter: Reporter, run: Runner
) -> dict[str, Any]:
    """Fill the folder of a new installation; return its manifest, the seconds aside."""
    lock = read_lock()
    apt = PrivateApt(work / "apt", run)
    with reporter.stage("package lists"):
        apt.update()
        packages, newer = _choose(apt, lock, accept_newer)
    for package in newer:
        reporter.note("warning", f"not the locked version: {package.pinned}")
    with reporter.stage("packages"):
        files = apt.download(packages, work / "debs")
    with reporter.stage("unpack", len(files)):
        for package, path in files.items():
            target = new.folder / ("host" if package.architecture == HOST else "root")
            _unpack(path, target, run)
            reporter.advance()
    with reporter.stage("wheels"):
        install_wheels(lock, new.packages, work, run)
    _lighten(new.folder)
    _make_cores(new)
    with reporter.stage("plug-in"):
        counter = compile_plugin(new, run)
    if counter["reason"] is not None:
        reporter.note("skipped", f"counting: {counter['reason']}; fix: {counter['fix']}")
    with reporter.stage("self-test"):
        self_test(new, work, run)
    return _manifest(new, lock, packages, newer, counter)


def _choose(apt: PrivateApt, lock: Lock, accept_newer: bool) -> tuple[list[Package], list[Package]]:
    """Return (what to install, the part of it that is not as locked)."""
    known = set(apt.known([package.spec for package in lock.packages], every_version=True))
    gone = [package for package in lock.packages if package not in known]
    if not gone:
        return list(lock.packages), []
    if not accept_newer:
        raise EnvironmentFault(
            f"apt's sources do not have {len(gone)} of {len(lock.packages)} locked packages",
            got=", ".join(package.pinned for package in gone),
            allowed=f"the packages of {lock.release} that the lock names",
            hint="--accept-newer takes what apt offers now (signed by the archive, recorded in the manifest); "
            f"apt's sources must be those of {lock.release}",
        )
    candidates = {row.spec: row for row in apt.known([row.spec for row in gone], every_version=False)}
    if unknown := [package.spec for package in gone if package.spec not in candidates]:
        raise EnvironmentFault(
            "apt's sources do not have some packages in any version",
            got=", ".join(unknown),
            hint=f"use the sources of {lock.release}, for example in a container of it",
        )
    newer = [candidates[package.spec] for package in gone]
    return [row for row in lock.packages if row not in gone] + newer, newer


def _unpack(package: Path, target: Path, run: Runner) -> None:
    target.mkdir(parents=True, exist_ok=True)
    done = run(["dpkg-deb", "-x", str(package), str(target)], timeout_s=_UNPACK_S, env=PLAIN_WORDS)
    if done.returncode:
        full = "No space left" in done.complaint
        raise EnvironmentFault(
            f"cannot unpack {package.name}",
            got=done.complaint[-300:] or f"exit status {done.returncode}",
            hint="free some space, or set XDG_CACHE_HOME to another disk" if full else "try again",
        )


def _lighten(folder: Path) -> None:
    """Remove what no emulated program loads."""
    for pattern in _NOT_NEEDED:
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for path in (folder / "host/usr/bin").iterdir():
        if path.name != "qemu-aarch64":
            path.unlink()


def _make_cores(new: Installation) -> None:
    """Give each core a root of its own: links to the common one, and what the kernel would say about the core."""
    for core in CORES.values():
        root = new.core_root(core)
        (root / "proc").mkdir(parents=True)
        (root / "proc" / "cpuinfo").write_text(core.cpuinfo())
        for entry in sorted((new.folder / "root").iterdir()):
            (root / entry.name).symlink_to(Path("..", "..", "root", entry.name))


def _manifest(
    new: Installation,
    lock: Lock,
    packages: Sequence[Package],
    newer: Sequence[Package],
    counter: dict[str, Any],
) -> dict[str, Any]:
    versions = {package.name: package.version for package in packages if package.architecture == HOST}
    return {
        "schema_version": 1,
        "installed_utc": now_utc(),
        "lock_sha256": lock.sha256,
        "qemu": versions["qemu-user"],
        "litert": next(wheel.version for wheel in lock.wheels if wheel.name == "ai-edge-litert"),
        "not_as_locked": [package.pinned for package in newer],
        "counter": counter,
        "size_bytes": _size_bytes(new.folder),
        "packages": [vars(package) for package in packages],
        "wheels": [vars(wheel) for wheel in lock.wheels],
    }


def _size_bytes(folder: Path) -> int:
    """Return what the files take; links count as nothing."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
