"""Which files of a folder are used: reproducible, spread over the classes, kept away from evaluation images."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.images import list_images

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    _T = TypeVar("_T")

__all__ = ["Candidate", "list_candidates", "order_candidates"]

LABELS_FILE: Final = "labels.csv"

_CALIBRATION_COLUMNS: Final = ("calib", "suggested_split", "split")
_CALIBRATION_MARKS: Final = frozenset({"1", "true", "yes", "calib", "calibration"})


@dataclass(frozen=True)
class Candidate:
    """One picture file that may be used.

    Attributes:
        name: Path relative to the folder, with ``/``.
        label: Its class where known: from ``labels.csv``, else the first subfolder.
        marked: Whether ``labels.csv`` sets it apart for calibration; ``None`` where that file says nothing.
    """

    name: str
    label: str | None = None
    marked: bool | None = None


def list_candidates(folder: Path) -> list[Candidate]:
    """Return every picture of a folder with what is known of it, sorted by name.

    Raises:
        DataError: The folder is missing or holds no picture, or its ``labels.csv`` cannot be read.
    """
    names = [path.relative_to(folder).as_posix() for path in list_images(folder)]
    if not names:
        raise DataError(
            "the folder holds no picture",
            got=folder,
            allowed="JPEG, PNG, WebP, BMP, TIFF, GIF or PNM files, also in subfolders",
        )
    rows = _read_labels(folder)
    if any(_row(name, rows) for name in names):
        return [_candidate_from_row(name, _row(name, rows)) for name in names]
    return [Candidate(name, name.split("/")[0] if "/" in name else None) for name in names]


def order_candidates(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Return the candidates in the order in which they are taken.

    Each class is shuffled, then the classes are dealt in turns, so that any first ``n`` cover the classes as evenly as
    the folder allows. Where ``labels.csv`` marks images for calibration, only those are returned.
    """
    marked = [candidate for candidate in candidates if candidate.marked]
    groups: dict[str, list[Candidate]] = {}
    for candidate in marked or candidates:
        groups.setdefault(candidate.label or "", []).append(candidate)
    generator = np.random.Generator(np.random.PCG64(seed))
    decks = [_shuffled(groups[label], generator) for label in sorted(groups)]
    return _deal(_shuffled(decks, generator))


def _deal(decks: Sequence[list[Candidate]]) -> list[Candidate]:
    """Take one card of each deck in turn until all are empty."""
    longest = max((len(deck) for deck in decks), default=0)
    return [deck[turn] for turn in range(longest) for deck in decks if turn < len(deck)]


def _shuffled(items: list[_T], generator: np.random.Generator) -> list[_T]:
    return [items[index] for index in generator.permutation(len(items))]


def _row(name: str, rows: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """Return the row of a file, found by relative name or by the name alone; empty where there is none."""
    return rows.get(name) or rows.get(name.rsplit("/", 1)[-1]) or {}


def _candidate_from_row(name: str, row: Mapping[str, str]) -> Candidate:
    mark = next((row[column] for column in _CALIBRATION_COLUMNS if row.get(column)), None)
    return Candidate(
        name, row.get("label") or None, None if mark is None else mark.lower() in _CALIBRATION_MARKS
    )


def _read_labels(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of ``labels.csv`` inside or beside the folder, by file name; none where there is no such file."""
    for path in (folder / LABELS_FILE, folder.parent / LABELS_FILE):
        if path.is_file():
            return _index_rows(path)
    return {}


def _index_rows(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the label file cannot be read: {error}", got=path) from error
    return {_key(row): _cleaned(row.items()) for row in rows if row.get("file")}


def _key(row: Mapping[str, str]) -> str:
    return row["file"].strip()


def _cleaned(items: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Drop the cells without a header or without a value."""
    return {key: value.strip() for key, value in items if isinstance(key, str) and isinstance(value, str)}
