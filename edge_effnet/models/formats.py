"""Which reader a weights file gets: told by what is in it, not by its suffix."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError
from edge_effnet.models import formats_checkpoint, formats_h5, formats_npz
from edge_effnet.models.formats_guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.models.weights import Found, Target

__all__ = ["FORMATS", "Format", "check_there", "read_weights", "sha256_of_weights"]


@dataclass(frozen=True)
class Format:
    """One kind of weights file.

    Attributes:
        name: What it is called in errors and notes.
        matches: Tells whether a path is of this kind, from its first bytes or its neighbours.
        read: Reads it; may raise what the libraries underneath raise, see `guarded`.
    """

    name: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, Target], Found]


FORMATS: tuple[Format, ...] = (
    Format("TensorFlow checkpoint", formats_checkpoint.is_checkpoint, formats_checkpoint.read_checkpoint),
    Format("HDF5 (.h5, .weights.h5)", formats_h5.is_hdf5, formats_h5.read_hdf5),
    Format("Keras archive (.keras)", formats_h5.is_archive, formats_h5.read_archive),
    Format("NumPy archive (.npz)", formats_npz.is_npz, formats_npz.read_npz),
)
"""First match wins."""


def read_weights(path: Path, target: Target) -> Found:
    """Read a weights file of any known kind.

    Raises:
        DataError: It is unreadable, damaged, or of no known kind.
    """
    with guarded(path):
        kind = next((each for each in FORMATS if each.matches(path)), None)
        if kind is None:
            raise DataError(
                "not a weights file that can be read",
                got=path,
                allowed=", ".join(each.name for each in FORMATS),
            )
        return kind.read(path, target)


def check_there(path: Path) -> None:
    """Refuse a path at which there is neither a file nor a checkpoint, before it is hashed or read.

    Raises:
        DataError: Nothing is there, or a folder without a checkpoint, or a device.
    """
    with guarded(path):
        if path.is_file() or formats_checkpoint.is_checkpoint(path):
            return
        if path.exists():
            raise DataError(
                "the weights are neither a file nor a folder with a TensorFlow checkpoint", got=path
            )
    close = difflib.get_close_matches(str(path), ("imagenet", "random"), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "give a file that exists, imagenet or random"
    raise DataError("the weights file is not there", got=path, hint=hint)


def sha256_of_weights(path: Path) -> str:
    """Return the sha256 of a weights file; of a checkpoint's files one after the other, in the order of their names."""
    with guarded(path):
        files = formats_checkpoint.files_of(path) if formats_checkpoint.is_checkpoint(path) else [path]
        if len(files) == 1:
            return sha256_of_file(files[0])
        return hashlib.sha256("".join(sha256_of_file(each) for each in files).encode()).hexdigest()
