"""A job: one of our own verbs with what it reads and writes, and the key under which its result is kept."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_effnet import __version__
from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Fingerprints", "Gathered", "Job", "files_of", "fingerprint", "key_of"]


@dataclass(frozen=True)
class Gathered:
    """What a job takes from another one if that has ended well, and does without if not.

    Attributes:
        job: Id of the other one.
        words: Added to its arguments.
        files: What they read.
    """

    job: str
    words: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One verb to run.

    Attributes:
        id: Its name in the run folder, such as ``eval.b0_w8a8_ptq``.
        verb: What runs.
        words: The arguments behind the verb. A path in the run folder is relative to it, any other is absolute.
        inputs: Those words that are files or folders to read.
        outputs: Files that it leaves, relative to the run folder; its JSON document is kept beside them.
        needs: Ids of the jobs that must have ended well before it.
        gathers: What it takes from jobs that must have ended before it, however; it needs one at least, if there are any.
        is_timed: Whether it measures time, and so runs beside nothing else.
    """

    id: str
    verb: str
    words: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    gathers: tuple[Gathered, ...] = ()
    is_timed: bool = False

    def with_gathered(self, whole: Collection[str]) -> Job:
        """Return the job with what it takes from those of the others that have ended well.

        Args:
            whole: Their ids.
        """
        taken = [each for each in self.gathers if each.job in whole]
        words = tuple(word for each in taken for word in each.words)
        files = tuple(file for each in taken for file in each.files)
        return replace(self, words=(*self.words, *words), inputs=(*self.inputs, *files), gathers=())

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line behind ``edge-effnet``."""
        return (self.verb, *self.words, "--json")

    @property
    def record(self) -> str:
        """Where its JSON document is kept in the run folder."""
        return f"records/{self.id}.json"

    @property
    def log(self) -> str:
        """Where its stderr is kept in the run folder."""
        return f"logs/{self.id}.log"


def key_of(job: Job, hashes: Mapping[str, str]) -> str:
    """Return the fingerprint of what a job does: its command line, what it reads, and this package's version.

    Args:
        job: The job.
        hashes: Input -> its fingerprint.
    """
    parts = {
        "version": __version__,
        "argv": job.argv,
        "inputs": {word: hashes[word] for word in job.inputs},
        "outputs": job.outputs,
    }
    return sha256_of_bytes(json.dumps(parts, sort_keys=True).encode())


def fingerprint(path: Path) -> str:
    """Return the hash of a file, or of the names and contents of all files in a folder, hidden ones left out.

    Raises:
        DataError: It is not there, or cannot be read.
    """
    try:
        if not path.is_dir():
            return sha256_of_file(path)
        digest = hashlib.sha256()
        for name in files_of(path):
            digest.update(f"{name}\0{sha256_of_file(path / name)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()
    except OSError as error:
        raise DataError(f"an input cannot be read: {error.strerror}", got=error.filename or path) from error


def files_of(folder: Path) -> list[str]:
    """Return the names of all files in a folder, sorted; hidden ones are left out, links to folders are followed once.

    Raises:
        OSError: A folder inside it cannot be read.
    """
    found: list[str] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(root)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real not in seen:
            place = Path(root).relative_to(folder)
            found += [(place / name).as_posix() for name in files if not name.startswith(".")]
        seen.add(real)
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


class Fingerprints:
    """Hashes of inputs; what lies outside the run folder is read once in a run.

    Args:
        folder: The run folder, which relative inputs lie in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outside: dict[str, str] = {}

    def of(self, word: str) -> str:
        """Return the fingerprint of an input."""
        path = Path(word)
        if not path.is_absolute():
            return fingerprint(self._folder / path)
        if word not in self._outside:
            self._outside[word] = fingerprint(path)
        return self._outside[word]
