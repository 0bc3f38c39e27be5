"""Find records in files and folders: what is read, what is left out and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError
from edge_effnet.report.kinds import KINDS, Kind, kind_of, require_readable, require_version, slimmed
from edge_effnet.report.values import rows, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Collection", "Source", "collect"]

_MAX_BYTES: Final = 256 << 20
"""A record of 50,000 images with thumbnails has a few MB; a file beyond this is none."""


@dataclass(frozen=True)
class Source:
    """One record.

    Attributes:
        id: ``R1``, ``R2`` …: what figures refer to.
        file: Where it was found; behind a hash sign, the part of a record that holds others.
        kind: Name of its kind.
        sha256: Of the file.
        size_bytes: Of the file.
        omitted: Bulky keys that were left out of `record`.
        record: Its content.
    """

    id: str
    file: str
    kind: str
    sha256: str
    size_bytes: int
    omitted: tuple[str, ...]
    record: dict[str, Any]

    def to_record(self) -> dict[str, Any]:
        """Return the entry of ``sources``."""
        return {**vars(self), "omitted": list(self.omitted)}


@dataclass(frozen=True)
class Collection:
    """What was found.

    Attributes:
        sources: The records, by the names of their files, whatever the order they were given in.
        skipped: Files that are no record, with the reason.
    """

    sources: tuple[Source, ...]
    skipped: tuple[dict[str, str], ...] = ()

    def of(self, *kinds: str) -> list[Source]:
        """Return the records of some kinds."""
        return [source for source in self.sources if source.kind in kinds]


@dataclass
class _Found:
    """Records while they are collected; one that was seen already is left out."""

    sources: list[Source] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def skip(self, file: str, reason: str) -> None:
        self.skipped.append({"file": file, "reason": reason})

    def add(self, file: str, kind: Kind, sha256: str, size_bytes: int, record: dict[str, Any]) -> None:
        part = file.partition("#")[2]
        if first := self.seen.get((sha256, part)):
            self.skip(file, f"the same content as {first}")
            return
        self.seen[sha256, part] = file
        content, omitted = slimmed(record, kind)
        identifier = f"R{len(self.sources) + 1}"
        self.sources.append(Source(identifier, file, kind.name, sha256, size_bytes, tuple(omitted), content))


def collect(runs: Sequence[Path]) -> Collection:
    """Read every record in files and folders.

    Args:
        runs: Record files, reports, and folders that are searched for ``*.json`` at any depth.

    Raises:
        DataError: A file that was named is missing, no JSON or no record; a record is damaged or of a newer schema; or
            nothing was found at all.
    """
    found = _Found()
    files = {path: False for run in runs if run.is_dir() for path in run.rglob("*.json")}
    files |= {run: True for run in runs if not run.is_dir()}
    # By name, so that the order of the arguments decides nothing.
    for path in sorted(files):
        _read(path, found, named=files[path])
    if not found.sources:
        raise DataError(
            "there is no record to report on",
            got=", ".join(map(str, runs)),
            allowed=", ".join(kind.name for kind in KINDS),
            hint="make one, for example: edge-effnet bench MODEL.tflite --json > run/bench.json",
        )
    return Collection(tuple(found.sources), tuple(found.skipped))


def _read(path: Path, found: _Found, *, named: bool) -> None:
    """Read one file; a file that was not named itself and is no record is skipped with the reason."""
    try:
        data = _bytes_of(path)
        document = json.loads(data, parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no JSON: {error}"
        if named:
            raise DataError(
                f"the record cannot be read: {reason}",
                got=path,
                hint="a report reads records: edge-effnet bench MODEL.tflite --json > FILE.json",
            ) from error
        found.skip(str(path), reason or "cannot be read")
        return
    kind = kind_of(document)
    if kind is None and named:
        raise DataError(
            "the file is no record of edge-effnet", got=path, allowed=", ".join(kind.name for kind in KINDS)
        )
    if kind is None:
        found.skip(str(path), "no record of edge-effnet")
        return
    require_readable(document, kind, str(path))
    if kind.name == "report" and not named:
        found.skip(str(path), "an earlier report; name it to read the records in it")
        return
    _add(str(path), kind, sha256_of_bytes(data), len(data), document, found)


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
    return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _add(file: str, kind: Kind, sha256: str, size: int, record: dict[str, Any], found: _Found) -> None:
    """Add a record, or those that lie in it."""
    if kind.name == "report":
        for source in rows(record, "sources"):
            inner = next((kind for kind in KINDS if kind.name == text(source, "kind")), None)
            content = table(source, "record")
            if inner is None or kind_of(content) is not inner:
                found.skip(f"{file}#{text(source, 'id')}", "not a kind of record that this release knows")
                continue
            # What the report left out is missing from its copies; they were whole when it read them.
            require_version(content, inner, text(source, "file"))
            found.add(text(source, "file"), inner, text(source, "sha256"), int(source["size_bytes"]), content)
        return
    if not kind.holds:
        found.add(file, kind, sha256, size, record)
    for key, reason in kind.passed_over.items():
        found.skip(f"{file}#{key}", reason)
    for part, content in _parts(record, kind):
        inner = kind_of(content)
        if inner is not None:
            require_readable(content, inner, f"{file}#{part}")
            found.add(f"{file}#{part}", inner, sha256, size, content)


def _parts(record: dict[str, Any], kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and content of what lies inside a record."""
    for held in kind.holds:
        key, star, _ = held.partition(".*")
        content = table(record, key)
        yield from ((f"{key}.{name}", table(content, name)) for name in content) if star else [(key, content)]
