"""What has been done in a run folder: one line of JSON per job that ended, the last one of a job counts.

A result is taken again only when the job's key is the same and every file that it left still has the hash written here.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_file, write_bytes
from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Entry", "Ledger"]


@dataclass(frozen=True)
class Entry:
    """One job that ended.

    Attributes:
        job: Its id.
        key: Fingerprint of what it did.
        exit_code: 0, or 6 for a gate that failed: its results are whole all the same.
        outputs: File in the run folder -> sha256.
        seconds: How long it took.
        node: The machine that ran it.
        time_utc: When it ended.
    """

    job: str
    key: str
    exit_code: int
    outputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    node: str = ""
    time_utc: str = ""

    def is_whole(self, folder: Path) -> bool:
        """Whether every file is there as it was left."""
        return all(_has_hash(folder / name, sha256) for name, sha256 in self.outputs.items())


class Ledger:
    """The file of entries; what cannot be read of it is told in ``damage`` and counts as not done.

    Args:
        path: The file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Entry] = {}
        self.damage: list[str] = []
        for number, line in enumerate(_lines(path), start=1):
            entry = _entry_from_line(line)
            if entry is None:
                self.damage.append(f"{path.name}, line {number}, is damaged: what it was about is done again")
            else:
                self._entries[entry.job] = entry
        if self.damage:
            whole = b"".join(_line_from_entry(entry) for entry in self._entries.values())
            write_bytes(path, whole, force=True)

    def find(self, job: str, key: str, folder: Path) -> Entry | None:
        """Return what is known of a job, None unless it did the same and left files that are still the same."""
        entry = self._entries.get(job)
        return entry if entry is not None and entry.key == key and entry.is_whole(folder) else None

    def add(self, entry: Entry) -> None:
        """Write an entry, on the disk before this returns.

        Raises:
            EnvironmentFault: The disk is full, or the file cannot be written.
        """
        try:
            with self._path.open("ab") as stream:
                stream.write(_line_from_entry(entry))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise EnvironmentFault(
                f"the ledger cannot be written: {error.strerror}", got=self._path, hint="free some space"
            ) from error
        self._entries[entry.job] = entry


def _has_hash(path: Path, sha256: str) -> bool:
    try:
        return sha256_of_file(path) == sha256
    except OSError:
        return False


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EnvironmentFault(f"the ledger cannot be read: {error.strerror}", got=path) from error


def _line_from_entry(entry: Entry) -> bytes:
    return json.dumps(asdict(entry)).encode() + b"\n"


def _entry_from_line(line: bytes) -> Entry | None:
    """Return the entry, or None for a line that none of ours looks like."""
    try:
        values: Any = json.loads(line)
        entry = Entry(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (entry.job, entry.key, entry.node, entry.time_utc)
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry.outputs, dict):
        return None
    if not all(isinstance(part, str) for pair in entry.outputs.items() for part in pair):
        return None
    right = isinstance(entry.exit_code, int) and isinstance(entry.seconds, (int, float))
    # A name outside the run folder would make a resume judge, and never write, a file elsewhere: none of ours has one.
    inside = all(not name.startswith("/") and ".." not in name.split("/") for name in entry.outputs)
    return entry if right and inside else None
