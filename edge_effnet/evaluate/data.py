"""Labelled pictures: what an evaluation asks of a set, and sets of files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.images import load_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_effnet.images import Pixels, Preprocessing

__all__ = ["LabelledPictures", "LabelledSet", "Picture", "Skipped"]


class LabelledPictures(Protocol):
    """Pictures by number, each with its label; they may be loaded from any thread."""

    @property
    def class_names(self) -> Mapping[int, str]:
        """Label -> name, where the set has names."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What cannot be evaluated and is known beforehand."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed; shown to the user."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def name(self, index: int) -> str:
        """Return a name that is the same on every machine."""

    def label(self, index: int) -> int:
        """Return the class."""

    def load(self, index: int, preprocessing: Preprocessing) -> Pixels:
        """Return ``(resolution, resolution, 3) uint8``, or raise `DataError`."""

    def sha256(self, index: int) -> str:
        """Return the hash of what the picture is made from."""


@dataclass(frozen=True)
class Skipped:
    """A picture that was not evaluated, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Picture:
    """One file and its class."""

    path: Path
    name: str
    label: int


@dataclass(frozen=True)
class LabelledSet:
    """Labelled picture files.

    Attributes:
        pictures: What to evaluate.
        class_names: Label -> name, where the set has names.
        skipped: Files that cannot be evaluated, found while reading the set.
        notes: What was assumed; shown to the user.
    """

    pictures: tuple[Picture, ...]
    class_names: Mapping[int, str] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, index: int) -> str:
        """Return the file's name relative to the folder."""
        return self.pictures[index].name

    def label(self, index: int) -> int:
        """Return the class."""
        return self.pictures[index].label

    def load(self, index: int, preprocessing: Preprocessing) -> Pixels:
        """Return ``(resolution, resolution, 3) uint8``."""
        return load_pixels(self.pictures[index].path, preprocessing)

    def sha256(self, index: int) -> str:
        """Return the hash of the file."""
        return sha256_of_file(self.pictures[index].path)

    def limited(self, count: int | None) -> LabelledSet:
        """Return ``count`` pictures spread evenly over the set (its order is by class in a folder layout)."""
        total = len(self.pictures)
        if count is None or count >= total:
            return self
        chosen = tuple(self.pictures[index * total // count] for index in range(count))
        note = f"--limit: {count} of {total} images, evenly spread"
        return replace(self, pictures=chosen, notes=(*self.notes, note))
