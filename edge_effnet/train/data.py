"""Pictures to learn from: a folder per class, or one flat folder without labels; decoded once and kept as uint8.

What is seen at a step follows from the seed, the epoch and the step alone, whatever the threads do meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import psutil

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.calibrate.prefetch import prefetch
from edge_effnet.calibrate.sources import FolderSource
from edge_effnet.calibrate.survey import Unreadable
from edge_effnet.errors import DataError
from edge_effnet.progress import Silent
from edge_effnet.train.layout import read_layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.images import Pixels, Preprocessing
    from edge_effnet.progress import Reporter

    Labels = npt.NDArray[np.int64]

__all__ = ["Pictures", "open_pictures"]

_CACHE_SHARE: Final = 0.5
"""Share of the memory that is free when a folder is opened which its decoded pictures may take."""

_SHOWN: Final = 5


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder, by number.

    Attributes:
        source: Where they are and how they are made square.
        labels: Class of each, ``(n,)``; None where the folder has no classes.
        classes: Names, sorted; empty without labels.
        sha256: Fingerprint over the classes, and over the name, class and content of every picture.
        cache: ``(n, side, side, 3)``; None where memory does not suffice, so that they are decoded each time.
        unreadable: Files that could not be decoded and are left out.
        notes: What was assumed.
    """

    source: FolderSource
    labels: Labels | None
    classes: tuple[str, ...]
    sha256: str
    cache: Pixels | None = field(repr=False, default=None)
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.source)

    @property
    def side_px(self) -> int:
        """Side of the square pictures."""
        return self.source.preprocessing.resolution_px

    @property
    def counts(self) -> tuple[int, ...]:
        """Pictures of each class."""
        if self.labels is None:
            return ()
        return tuple(int(count) for count in np.bincount(self.labels, minlength=len(self.classes)))

    @property
    def class_sha256(self) -> str:
        """Fingerprint of the class list."""
        return sha256_of_bytes("\n".join(self.classes).encode())

    def load(self, index: int) -> Pixels:
        """Return one picture, ``(side, side, 3) uint8``."""
        picture: Pixels = self.source.load(index) if self.cache is None else self.cache[index]
        return picture

    def batches(self, batch_size: int) -> Iterator[tuple[Pixels, Labels | None]]:
        """Yield every picture once, in order, ``(n, side, side, 3) uint8`` with labels ``(n,)`` where there are any."""
        for start in range(0, len(self), batch_size):
            indices = range(start, min(start + batch_size, len(self)))
            pixels = np.stack(list(prefetch(self.load, indices)))
            yield pixels, None if self.labels is None else self.labels[start : indices.stop]


def open_pictures(
    folder: Path,
    preprocessing: Preprocessing,
    *,
    labelled: bool | None = None,
    reporter: Reporter | None = None,
) -> Pictures:
    """Decode the pictures of a folder; those that cannot be decoded are left out, recorded and told.

    Args:
        folder: One sub-folder per class, or a flat folder of pictures.
        preprocessing: How they are made square, see `edge_effnet.images`.
        labelled: True asks for classes, False looks at none; None takes sub-folders as classes where there are any.
        reporter: Hears of each picture.

    Raises:
        DataError: The folder is missing or holds no picture that can be read, a class is empty, or there is one class.
    """
    reporter = Silent() if reporter is None else reporter
    layout = read_layout(folder, labelled=labelled)
    whole = FolderSource(folder, layout.names, preprocessing)
    read = _decode(whole, reporter)
    good = [index for index, row in enumerate(read.rows) if not isinstance(row, Unreadable)]
    unreadable = tuple(row for row in read.rows if isinstance(row, Unreadable))
    _tell(unreadable, folder, reporter)
    labels = None if layout.labels is None else np.array(layout.labels, np.int64)[good]
    _check(folder, layout.classes, labels, len(good), unreadable)
    source = FolderSource(folder, tuple(layout.names[index] for index in good), preprocessing)
    lines = [preprocessing.id, *layout.classes, *(f"{layout.names[i]}\0{read.rows[i]}" for i in good)]
    cache = None if read.cache is None else read.cache[good] if unreadable else read.cache
    notes = layout.notes if cache is not None else (*layout.notes, _UNCACHED)
    for note in notes:
        reporter.note("info", note)
    fingerprint = sha256_of_bytes("\n".join(lines).encode())
    return Pictures(source, labels, layout.classes, fingerprint, cache, unreadable, notes)


_UNCACHED = "the pictures do not fit into memory: they are decoded in every epoch"


@dataclass(frozen=True)
class _Read:
    """What came of decoding: per picture the hash of its file, or why there is none; and the pixels."""

    rows: list[str | Unreadable]
    cache: Pixels | None


def _decode(source: FolderSource, reporter: Reporter) -> _Read:
    side = source.preprocessing.resolution_px
    fits = len(source) * side * side * 3 <= _CACHE_SHARE * psutil.virtual_memory().available
    cache = np.empty((len(source), side, side, 3), np.uint8) if fits else None

    def look(index: int) -> str | Unreadable:
        try:
            pixels, sha256 = source.load(index), source.sha256(index)
        except DataError as error:
            return Unreadable(source.name(index), error.message)
        if cache is not None:
            cache[index] = pixels
        return sha256

    rows: list[str | Unreadable] = []
    with reporter.stage(f"decode {source.folder.name}", len(source)):
        for row in prefetch(look, range(len(source))):
            rows.append(row)
            reporter.advance()
    return _Read(rows, cache)


def _tell(unreadable: tuple[Unreadable, ...], folder: Path, reporter: Reporter) -> None:
    for each in unreadable[:_SHOWN]:
        reporter.note("skipped", f"{folder / each.name}: {each.reason}")
    if len(unreadable) > _SHOWN:
        reporter.note("skipped", f"and {len(unreadable) - _SHOWN} more of {folder} that cannot be read")


def _check(
    folder: Path,
    classes: tuple[str, ...],
    labels: Labels | None,
    count: int,
    unreadable: tuple[Unreadable, ...],
) -> None:
    if count == 0:
        first = unreadable[0]
        raise DataError(
            "no picture can be read", got=f"{folder}: {len(unreadable)} files; {first.name}: {first.reason}",
            hint="give a folder of JPEG or PNG pictures",
        )  # fmt: skip
    if labels is None:
        return
    empty = [
        name for name, n in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True) if n == 0
    ]
    if empty:
        raise DataError(
            "no picture of a class can be read", got=f"{folder}: {', '.join(empty[:_SHOWN])}",
            hint="remove the class's folder or put pictures into it",
        )  # fmt: skip
