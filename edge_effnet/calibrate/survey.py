"""One look at every picture before it is used: can it be read, what is in it, is it like another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.calibrate.prefetch import prefetch
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from edge_effnet.calibrate.sources import PictureSource
    from edge_effnet.images import Pixels

__all__ = ["GRID", "Picture", "Unreadable", "average_hash", "survey", "thumbnail"]

GRID: Final = 8
"""Cells of a thumbnail along each side."""


@dataclass(frozen=True)
class Picture:
    """What is known of a picture without its pixels.

    Attributes:
        name: Name in its source.
        label: Class, where known.
        sha256: Hash of the file (or of the row of an array).
        thumbnail: ``(8, 8, 3) uint8`` as bytes, see `thumbnail`.
        average_hash: 64 bits, see `average_hash`.
        low: Smallest value of any channel, 0 to 255.
        high: Largest value of any channel, 0 to 255.
        spread: Largest difference inside one channel; 0 means one colour.
    """

    name: str
    label: str | None
    sha256: str
    thumbnail: bytes
    average_hash: int
    low: int
    high: int
    spread: int


@dataclass(frozen=True)
class Unreadable:
    """A picture that could not be decoded, and why."""

    name: str
    reason: str


def survey(source: PictureSource, labels: Sequence[str | None]) -> Iterator[tuple[int, Picture | Unreadable]]:
    """Look at pictures in order, two at a time, lazily.

    Args:
        source: Pictures by number.
        labels: The class of each, where known.

    Yields:
        The picture's number and what was seen.
    """

    def look(index: int) -> tuple[int, Picture | Unreadable]:
        try:
            return index, _picture(source, index, labels[index])
        except DataError as error:
            return index, Unreadable(source.name(index), error.message)

    return prefetch(look, range(len(source)))


def thumbnail(pixels: Pixels) -> Pixels:
    """Return the mean colours of an 8 x 8 grid, ``(8, 8, 3) uint8``, of ``(height, width, 3) uint8``."""
    height, width = pixels.shape[:2]
    if min(height, width) < GRID:
        pixels = pixels[np.arange(GRID) * height // GRID][:, np.arange(GRID) * width // GRID]
        height = width = GRID
    rows = np.add.reduceat(pixels, _edges(height), axis=0, dtype=np.uint32)
    cells = np.add.reduceat(rows, _edges(width), axis=1)
    areas = np.outer(np.diff(_edges(height), append=height), np.diff(_edges(width), append=width))
    means: Pixels = (cells // areas[..., None]).astype(np.uint8)
    return means


def average_hash(small: Pixels) -> int:
    """Return 64 bits: which cells of a thumbnail are brighter than its mean.

    Survives recompression, scaling and small shifts of brightness, so nearly equal hashes point at copies.

    References:
        N. Krawetz, "Looks Like It", The Hacker Factor Blog, 2011.
    """
    gray = small.sum(axis=2, dtype=np.int64)
    bits = (gray * gray.size > gray.sum()).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _edges(length: int) -> npt.NDArray[np.int64]:
    """Return where each of the 8 cells begins along an axis."""
    return np.arange(GRID, dtype=np.int64) * length // GRID


def _picture(source: PictureSource, index: int, label: str | None) -> Picture:
    pixels = source.load(index)
    small = thumbnail(pixels)
    lows, highs = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    return Picture(
        name=source.name(index),
        label=label,
        sha256=source.sha256(index),
        thumbnail=small.tobytes(),
        average_hash=average_hash(small),
        low=int(lows.min()),
        high=int(highs.max()),
        spread=int((highs - lows).max()),
    )
