"""The sources of the app: where they are, what of them makes the APK, and a copy of them with a model inside."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import edge_effnet
from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import EnvironmentFault, OutputExistsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check_project", "copy_sources", "find_sources", "hash_of_sources", "write_project"]

_MARK: Final = "settings.gradle.kts"
_MADE: Final = ("build", ".gradle", ".idea", ".kotlin", "__pycache__", "local.properties", "captures")
_BUILT_FROM: Final = (
    "core/src/main",
    "app/src/main",
    "app/build.gradle.kts",
    "app/proguard-rules.pro",
    "tools",
)
_ASSETS: Final = "app/src/main/assets"


def find_sources() -> Path | None:
    """Return the folder of the Gradle project: beside this package in a checkout, else inside it; None where it is not."""
    package = Path(edge_effnet.__file__).parent
    folders = (package.parent / "android_demo", package / "_android")
    return next((folder for folder in folders if (folder / _MARK).is_file()), None)


def hash_of_sources(folder: Path) -> str:
    """Return a hash over everything that an APK without a model is built from; tools/lib.sh has the same rule."""
    digest = hashlib.sha256()
    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    for name in names:
        digest.update(f"{sha256_of_file(folder / name)}  {name}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for name in _BUILT_FROM:
        place = folder / name
        for path in place.rglob("*") if place.is_dir() else [place]:
            inner = path.relative_to(folder)
            is_made = bool(set(inner.parts) & set(_MADE)) or inner.as_posix().startswith(_ASSETS)
            if path.is_file() and not is_made:
                yield path


def copy_sources(sources: Path, project: Path) -> None:
    """Copy the Gradle project without what was built in it and without a model that lies in its assets."""
    shutil.copytree(sources, project, ignore=shutil.ignore_patterns(*_MADE))
    for path in (project / _ASSETS).glob("model.*"):
        path.unlink()


def check_project(folder: Path, *, force: bool) -> None:
    """Refuse a place for the project before the work begins.

    Raises:
        OutputExistsError: The folder holds something and ``force`` is false.
        UsageError: It holds something that is no such project, it is where the user is, or its parent does not exist.
    """
    if Path.cwd().is_relative_to(
        folder.resolve()
    ):  # the finished one takes its place, and the user's would be gone
        raise UsageError("the project's place is the folder you are in", got=folder, hint="cd .. first")
    if folder.is_dir() and any(folder.iterdir()):
        if not force:
            raise OutputExistsError(folder)
        if not (folder / _MARK).is_file():
            raise UsageError("--force replaces a Gradle project and no other folder", got=folder)
    elif folder.exists() and not folder.is_dir():
        raise UsageError("the project's place is a file", got=folder, hint="give the name of a folder")
    if not folder.absolute().parent.is_dir():
        parent = folder.absolute().parent
        raise UsageError("the project's parent folder does not exist", got=parent, hint=f"mkdir -p {parent}")


def write_project(sources: Path, folder: Path, assets: Mapping[str, bytes], *, force: bool) -> None:
    """Write the Gradle project with a model in its assets, whole or not at all.

    Args:
        sources: See `find_sources`.
        folder: Folder to make; an empty one is taken over.
        assets: ``assets/NAME`` -> bytes.
        force: Replace a project that is there.

    Raises:
        UsageError: See `check_project`.
        EnvironmentFault: The disk is full or the folder cannot be written.
    """
    check_project(folder, force=force)
    place = folder.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as work:
            project, old = Path(work) / "project", Path(work) / "old"
            copy_sources(sources, project)
            for name, content in assets.items():
                target = project / "app" / "src" / "main" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            _swap(project, place, old)
    except OSError as error:
        raise EnvironmentFault(f"cannot write {folder}: {error.strerror}", hint="free some space") from error


def _swap(project: Path, place: Path, old: Path) -> None:
    """Put the finished project in its place; what was there comes back if that fails."""
    was_there = place.exists()
    if was_there:
        place.rename(old)
    try:
        project.rename(place)
    except BaseException:
        if was_there:
            with contextlib.suppress(OSError):
                old.rename(place)
        raise
