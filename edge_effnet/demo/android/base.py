"""The APK without a model: taken from the package, from the user's cache, or built once."""

from __future__ import annotations

import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_file, user_cache
from edge_effnet.demo.android.sources import copy_sources, find_sources, hash_of_sources
from edge_effnet.errors import ConversionError, DataError, EnvironmentFault
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from edge_effnet.process import Runner
    from edge_effnet.progress import Reporter

__all__ = ["ABOUT", "Base", "find_base", "read_base"]

ABOUT: Final = "assets/edge_effnet_demo.json"
"""What `build_apk.sh` says in the APK about it: package, activity, versions, hash of the sources."""

_KEYS: Final = (
    "package",
    "activity",
    "version",
    "min_sdk",
    "target_sdk",
    "abis",
    "runtime",
    "sources_sha256",
)
_BUILD_S: Final = 1800.0


@dataclass(frozen=True)
class Base:
    """An APK of ours without a model.

    Attributes:
        path: The file.
        origin: ``given``, ``packaged``, ``cached`` or ``built``.
        about: What it says about itself.
    """

    path: Path
    origin: str
    about: dict[str, Any]

    def to_record(self) -> dict[str, Any]:
        """Return where it came from."""
        return {
            "origin": self.origin,
            "sha256": sha256_of_file(self.path),
            "sources_sha256": self.about["sources_sha256"],
        }


def read_base(path: Path, origin: str) -> Base:
    """Read what an APK says about itself.

    Raises:
        DataError: It is missing, damaged, or none of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(ABOUT))
    except OSError as error:
        raise DataError(f"the base APK cannot be read: {error.strerror}", got=path) from error
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(
            f"the base APK is not one that build_apk.sh made: {error}",
            got=path,
            hint="make one with android_demo/tools/build_apk.sh, or leave --base out",
        ) from error
    if not isinstance(about, dict) or any(key not in about for key in _KEYS):
        raise DataError(
            "the base APK is of another version", got=path, hint="build it again, or leave --base out"
        )
    return Base(path, origin, about)


def find_base(given: Path | None, reporter: Reporter, *, runner: Runner = run_program) -> Base:
    """Return the APK that a model is put into.

    Args:
        given: One that the user names; None to look for one.
        reporter: Hears where it comes from.
        runner: Runs the build.

    Raises:
        DataError: The given one cannot be used.
        EnvironmentFault: There is none, and none can be built here.
        ConversionError: The build failed.
    """
    if given is not None:
        return read_base(given, "given")
    sources = find_sources()
    packaged = Path(__file__).with_name("base.apk")
    wanted = None if sources is None else hash_of_sources(sources)
    if packaged.is_file():
        base = read_base(packaged, "packaged")
        if wanted in (None, base.about["sources_sha256"]):
            return base
        reporter.note("info", f"{packaged.name} in the package is of other sources and is not used")
    if sources is None or wanted is None:
        raise EnvironmentFault(
            "this installation has no base APK and no sources of the app",
            hint="install the released wheel, or build one in a checkout with android_demo/tools/build_apk.sh and give it as --base",
        )
    cached = user_cache("android") / f"base-{wanted[:16]}.apk"
    if cached.is_file():
        return read_base(cached, "cached")
    with reporter.stage("build"):
        _build(sources, cached, reporter, runner)
    return read_base(cached, "built")


def _build(sources: Path, out: Path, reporter: Reporter, runner: Runner) -> None:
    """Build the APK in a copy of the sources: the folder they are in may be read-only, or another build may be running there."""
    reporter.note(
        "warning",
        "the app is built once, about half a minute; it needs Java 17, Maven, aapt2, zipalign, zip, unzip, python3, and fetches 360 MB"
        " the first time (android_demo/tools/fetch.sh)",
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build.", dir=out.parent) as work:
        project, made = Path(work) / "project", Path(work) / "base.apk"
        copy_sources(sources, project)
        script = project / "tools" / "build_apk.sh"
        done = runner(["bash", str(script), "-o", str(made)], timeout_s=_BUILD_S)
        if done.returncode:
            raise _build_error(done.returncode, done.complaint)
        for older in out.parent.glob("base-*.apk"):
            older.unlink()
        made.replace(out)


def _build_error(status: int, complaint: str) -> EnvironmentFault | ConversionError:
    """Return the script's own error, which ends in what is wrong and what to do."""
    lines = complaint.splitlines()
    what = next((line[7:] for line in reversed(lines) if line.startswith("error: ")), "it gave no reason")
    fix = next((line[5:] for line in reversed(lines) if line.startswith("fix: ")), None)
    if status == EnvironmentFault.exit_code:
        return EnvironmentFault(f"the app cannot be built here: {what}", hint=fix)
    return ConversionError(f"the app could not be built: {what}", got="\n".join(lines[-12:]), hint=fix)
