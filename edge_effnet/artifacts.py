"""Files that a stage leaves behind: hashed, written whole or not at all, never overwritten by accident."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_effnet.errors import EnvironmentFault, OutputExistsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Artifact",
    "atomic_output",
    "check_output",
    "sha256_of_bytes",
    "sha256_of_file",
    "user_cache",
    "write_bytes",
    "write_json",
]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Artifact:
    """A file and what is needed to trust it."""

    path: Path
    sha256: str
    size_bytes: int
    made_by: str

    @classmethod
    def from_file(cls, path: Path, made_by: str) -> Artifact:
        """Describe the file at ``path``."""
        return cls(path, sha256_of_file(path), path.stat().st_size, made_by)


def sha256_of_bytes(data: bytes) -> str:
    """Return the sha256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def user_cache(part: str) -> Path:
    """Return a folder of ours in the user's cache; it may not exist.

    Raises:
        EnvironmentFault: The package that knows the user's cache folder is missing.
    """
    try:
        import platformdirs
    except ImportError as error:
        raise EnvironmentFault(
            "the user's cache folder cannot be found", hint="pip install platformdirs"
        ) from error
    return Path(platformdirs.user_cache_dir("edge-effnet")) / part


def check_output(path: Path, *, force: bool) -> None:
    """Refuse an output before the work begins, not after it.

    Raises:
        OutputExistsError: The file is there and ``force`` is false.
        UsageError: The path is a folder, or its folder does not exist.
        EnvironmentFault: Its folder cannot be written.
    """
    if path.is_dir():
        raise UsageError("the output is a folder", got=path, hint="give a file name")
    if path.exists() and not force:
        raise OutputExistsError(path)
    folder = path.parent
    if not folder.is_dir():
        raise UsageError("the output's folder does not exist", got=folder, hint=f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        raise EnvironmentFault("the output's folder cannot be written", got=folder, hint="choose another -o")


@contextlib.contextmanager
def atomic_output(path: Path, *, force: bool = False, suffix: str = ".part") -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it onto ``path`` when the block ends well.

    On any exception, Ctrl-C included, the temporary file is removed and ``path`` is as it was. The temporary name ends in
    ``suffix``, for libraries that tell a format by it.

    Raises:
        OutputExistsError: The file is there and ``force`` is false.
        EnvironmentFault: The disk is full or the folder cannot be written.
    """
    check_output(path, force=force)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=suffix, dir=path.parent)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write beside {path}: {error.strerror}", hint="free some space"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write {path}: {error.strerror}", hint="free some space or choose another -o"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with atomic_output(path, force=force) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, record: Any, *, force: bool = False) -> None:
    """Write ``record`` as indented JSON with a final newline."""
    write_bytes(path, (json.dumps(record, indent=2) + "\n").encode(), force=force)
