"""Where LiteRT.js comes from: inside this package, else the user's cache, else fetched once; checked each time.

`make wheel` puts it into the package with ``python -m edge_effnet.demo.web.runtime edge_effnet/demo/web/vendor``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_file, user_cache
from edge_effnet.demo.web.release import LITERTJS
from edge_effnet.demo.web.tarball import files_from_tarball
from edge_effnet.errors import EdgeEffnetError, EnvironmentFault, UsageError
from edge_effnet.process import find_program, run_program
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from edge_effnet.demo.web.release import Package, Release
    from edge_effnet.process import Runner
    from edge_effnet.progress import Reporter

__all__ = ["cached_folder", "faults_of", "install_web_runtime", "vendored_folder", "web_runtime"]

_FETCH_S: Final = 300.0
_TOP_FOLDERS: Final = frozenset({"core", "wasm", "wasm-utils"})
_INSTALL: Final = "edge-effnet doctor --install web"


_ENTRY: Final = "core/index.js"
_BARE_IMPORT: Final = b'import { createWasmLib } from "@litertjs/wasm-utils";'
_RELATIVE_IMPORT: Final = (
    b"// Changed by edge-effnet: this import was a bare name, and workers have no import maps.\n"
    b'import { createWasmLib } from "../wasm-utils/index.js";'
)


def vendored_folder() -> Path:
    """Return the folder of the package that a wheel has LiteRT.js in; it may not exist."""
    return Path(__file__).with_name("vendor")


def cached_folder(release: Release = LITERTJS) -> Path:
    """Return the folder in the user's cache; it may not exist."""
    return user_cache("litertjs") / release.version


def faults_of(folder: Path, release: Release = LITERTJS) -> list[str]:
    """Return which files of a folder are missing or are not the published ones; empty is good."""
    return [
        name
        for name, digest in release.sha256.items()
        if not (folder / name).is_file() or sha256_of_file(folder / name) != digest
    ]


def web_runtime(reporter: Reporter | None = None, *, run: Runner = run_program) -> Path:
    """Return the folder with LiteRT.js: the vendored one, else the cached one, else it is fetched into the cache.

    Raises:
        EnvironmentFault: It is not here and cannot be fetched.
    """
    told = reporter or Silent()
    for folder in (vendored_folder(), cached_folder()):
        if folder.is_dir():
            faults = faults_of(folder)
            if not faults:
                return folder
            told.note("warning", f"LiteRT.js in {folder} is damaged ({', '.join(faults)}) and is not used")
    if find_program("npm") is not None:
        told.note(
            "warning", f"LiteRT.js {LITERTJS.version} is not here yet: fetching it once with npm (12 MB)"
        )
    with told.stage("LiteRT.js"):
        return install_web_runtime(force=True, run=run)


def install_web_runtime(
    folder: Path | None = None,
    *,
    force: bool = False,
    release: Release = LITERTJS,
    run: Runner = run_program,
) -> Path:
    """Fetch LiteRT.js with npm, check it, and only then unpack it; a folder that has it already is left as it is.

    Args:
        folder: Where to; None is the user's cache.
        force: Fetch it anew.
        release: What to fetch.
        run: What runs programs.

    Returns:
        The folder.

    Raises:
        UsageError: The folder holds something else.
        EnvironmentFault: No npm, no network, no space, or another file than the published one; nothing is left behind.
    """
    folder = (folder or cached_folder(release)).resolve()  # npm runs in another folder
    if folder.exists():
        if not force and not faults_of(folder, release):
            return folder
        if any(path.name not in _TOP_FOLDERS for path in folder.iterdir()):
            raise UsageError("the folder holds something else", got=folder, hint="name an empty folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".litertjs-", dir=folder.parent) as name:
            made = Path(name) / "new"
            for package in release.packages:
                _unpack(_fetch(package, Path(name), run), package, made)
            _rewrite(made / _ENTRY)
            if faults := faults_of(made, release):
                raise EnvironmentFault("LiteRT.js is not the published one", got=", ".join(faults))
            _swap(made, folder, Path(name) / "old", release)
    except OSError as error:
        raise EnvironmentFault(
            f"LiteRT.js cannot be written: {error.strerror or error}", got=folder, hint="free some space"
        ) from error
    return folder


def _fetch(package: Package, folder: Path, run: Runner) -> bytes:
    """Return a package's tarball, checked against its published hash."""
    npm = find_program("npm")
    what = f"{package.name}@{package.version}"
    if npm is None:
        raise EnvironmentFault(
            "LiteRT.js is not here, and npm, which would fetch it, is missing",
            got=what,
            hint=f"install Node.js with npm, then: {_INSTALL}; or install a wheel that has LiteRT.js inside",
        )
    argv = [npm, "pack", what, "--ignore-scripts", "--loglevel=error", "--pack-destination", str(folder)]
    done = run(argv, timeout_s=_FETCH_S, cwd=folder)
    tarball = folder / package.tarball
    if done.returncode != 0 or not tarball.is_file():
        raise EnvironmentFault(
            f"npm could not fetch {what}",
            got=_in_short(done.complaint) or f"exit status {done.returncode}, no {package.tarball}",
            hint=f"is the network there? Then: {_INSTALL}",
        )
    content = tarball.read_bytes()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != package.sha512:
        raise EnvironmentFault(
            f"what npm fetched is not the published {what}: nothing of it was unpacked",
            got=f"sha512-{digest}",
            allowed=f"sha512-{package.sha512}",
            hint="ask whoever runs the registry or mirror that npm is set up for",
        )
    return content


def _in_short(complaint: str) -> str:
    """Return the first lines of what npm says, in one; the reason comes first, a dump of the request after it."""
    lines = [
        line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in complaint.splitlines()
    ]
    return "; ".join([line for line in lines if line][:5])[:300]


def _unpack(tarball: bytes, package: Package, folder: Path) -> None:
    for name, content in files_from_tarball(tarball, package.files).items():
        path = folder / package.files[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _rewrite(path: Path) -> None:
    """Make the one bare import relative."""
    before = path.read_bytes()
    if before.count(_BARE_IMPORT) != 1 or before.count(b"@litertjs/") != 1:
        raise EnvironmentFault("LiteRT.js imports other modules than expected", got=path.name)
    path.write_bytes(before.replace(_BARE_IMPORT, _RELATIVE_IMPORT))


def _swap(made: Path, folder: Path, old: Path, release: Release) -> None:
    """Put a finished folder in its place; another process may have been faster, which is as good."""
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if faults_of(folder, release):
            raise
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    try:
        install_web_runtime(Path(sys.argv[1]))
    except EdgeEffnetError as fault:
        sys.exit(f"error: {fault}")
