"""Find records in files and folders: what is read, what is left out and why."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError
from edge_effnet.report.kinds import KINDS, Kind, kind_of, require_readable, slimmed
from edge_effnet.report.latency import contradiction_of
from edge_effnet.report.values import rows, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Collection", "Source", "collect"]

_MAX_BYTES: Final = 256 << 20
"""A record of 50,000 images with thumbnails has a few MB; a file beyond this is none."""

_LARGEST: Final = 1e100
"""No figure and no seed comes near it, and the product of two numbers below it is a finite float."""


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
    data = b""
    try:
        data = _bytes_of(path)
        document = _document_of(data)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no JSON: {error}"
        if named or _is_spoilt_record(data):
            raise DataError(
                f"the record cannot be read: {reason}",
                got=path,
                hint="a report reads records: edge-effnet bench MODEL.tflite --json > FILE.json",
            ) from error
        found.skip(_name_of(path), reason or "cannot be read")
        return
    kind = kind_of(document)
    if kind is None and named:
        raise DataError(
            "the file is no record of edge-effnet", got=path, allowed=", ".join(kind.name for kind in KINDS)
        )
    if kind is None:
        found.skip(_name_of(path), "no record of edge-effnet")
        return
    _require_sound(document, kind, _name_of(path))
    if kind.name == "report" and not named:
        found.skip(_name_of(path), "an earlier report; name it to read the records in it")
        return
    _add(_name_of(path), kind, sha256_of_bytes(data), len(data), document, found)


def _is_spoilt_record(data: bytes) -> bool:
    """Return whether only its numbers or texts keep JSON from being a record: leaving it out would leave out figures."""
    try:
        return kind_of(json.loads(data, parse_int=float)) is not None
    except (ValueError, RecursionError):
        return False


def _name_of(path: Path) -> str:
    """Return a path as text that can be written: a name that is no UTF-8 has its odd bytes as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
    return data


def _document_of(data: bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: It is none, or has a number or a text that a report could not write again.
    """
    document = json.loads(data, parse_constant=_refuse_constant, parse_float=_float_of, parse_int=_int_of)
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"a text has {error.object[error.start]!a}, which is half a character") from error
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _float_of(digits: str) -> float:
    value = float(digits)
    if not math.fabs(value) < _LARGEST:
        raise ValueError(f"the number {_short(digits)} is too large")
    return value


def _int_of(digits: str) -> int:
    _float_of(digits)  # before it is made an integer, which takes long for thousands of digits
    return int(digits)


def _short(digits: str) -> str:
    return digits if len(digits) <= 20 else f"{digits[:8]}... ({len(digits)} characters)"


def _require_sound(record: dict[str, Any], kind: Kind, origin: str) -> None:
    """Refuse a record that would be read wrongly, or that says two things of one measurement.

    Raises:
        DataError: It is of a newer schema, does not have the form of its schema, or contradicts itself.
    """
    require_readable(record, kind, origin)
    fault = contradiction_of(record) if kind.name == "bench" else None
    if fault is not None:
        raise DataError(
            f"the bench record {origin} contradicts itself",
            got=fault,
            allowed="the median of the samples that the result holds",
            hint="measure again: edge-effnet bench MODEL.tflite --json > FILE.json",
        )


def _add(file: str, kind: Kind, sha256: str, size: int, record: dict[str, Any], found: _Found) -> None:
    """Add a record, or those that lie in it."""
    if kind.name == "report":
        for source in rows(record, "sources"):
            inner = next((kind for kind in KINDS if kind.name == text(source, "kind")), None)
            content = table(source, "record")
            if inner is None or kind_of(content) is not inner:
                found.skip(f"{file}#{text(source, 'id')}", "not a kind of record that this release knows")
                continue
            _require_sound(content, inner, f"{text(source, 'file')} in {file}")
            found.add(text(source, "file"), inner, text(source, "sha256"), int(source["size_bytes"]), content)
        return
    if not kind.holds:
        found.add(file, kind, sha256, size, record)
    for key, reason in kind.passed_over.items():
        found.skip(f"{file}#{key}", reason)
    for part, content in _parts(record, kind):
        inner = kind_of(content)
        if inner is not None:
            _require_sound(content, inner, f"{file}#{part}")
            found.add(f"{file}#{part}", inner, sha256, size, content)


def _parts(record: dict[str, Any], kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and content of what lies inside a record."""
    for held in kind.holds:
        key, star, _ = held.partition(".*")
        content = table(record, key)
        yield from ((f"{key}.{name}", table(content, name)) for name in content) if star else [(key, content)]
