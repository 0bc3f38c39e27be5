"""Where calibration pictures come from: files, one array file, or a set rendered from a seed.

A source gives picture ``i`` as pixels, at any time, in any order and from any thread; it holds no pixels itself.
"""

from __future__ import annotations

import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file
from edge_effnet.errors import DataError
from edge_effnet.images import load_pixels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.images import Pixels, Preprocessing

__all__ = ["ArraySource", "FolderSource", "PictureSource", "RenderedSource", "Subset", "open_array"]

# What numpy raises on a damaged or hostile .npy header; `Warning` because a program may turn warnings into errors.
_HEADER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    EOFError,
    OverflowError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
    Warning,
)


class PictureSource(Protocol):
    """Pictures by number."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def name(self, index: int) -> str:
        """Return a name that is the same on every machine."""

    def load(self, index: int) -> Pixels:
        """Return ``(resolution, resolution, 3) uint8``."""

    def sha256(self, index: int) -> str:
        """Return the hash of what picture ``index`` is made from."""


@dataclass(frozen=True)
class FolderSource:
    """Picture files under one folder."""

    folder: Path
    names: tuple[str, ...]
    preprocessing: Preprocessing

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Return the file's name relative to the folder, with ``/``."""
        return self.names[index]

    def load(self, index: int) -> Pixels:
        """Decode a file."""
        return load_pixels(self.folder / self.names[index], self.preprocessing)

    def sha256(self, index: int) -> str:
        """Hash a file's bytes."""
        return _sha256_or_data_error(self.folder / self.names[index])


@dataclass(frozen=True)
class ArraySource:
    """Pictures in one ``.npy`` file, mapped and not read."""

    array: Pixels

    def __len__(self) -> int:
        return len(self.array)

    def name(self, index: int) -> str:
        """Return the row's number."""
        return f"row {index}"

    def load(self, index: int) -> Pixels:
        """Copy one row out of the file."""
        return np.array(self.array[index])

    def sha256(self, index: int) -> str:
        """Hash one row's pixels."""
        return sha256_of_bytes(self.load(index).tobytes())


@dataclass(frozen=True)
class Subset:
    """Some pictures of another source, in an order of their own."""

    parent: PictureSource
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def name(self, index: int) -> str:
        """Return the name in the other source."""
        return self.parent.name(self.indices[index])

    def load(self, index: int) -> Pixels:
        """Load from the other source."""
        return self.parent.load(self.indices[index])

    def sha256(self, index: int) -> str:
        """Hash in the other source."""
        return self.parent.sha256(self.indices[index])


@dataclass(frozen=True)
class RenderedSource:
    """Pictures drawn from a seed.

    Attributes:
        prefix: Names the set and the seed; with the number, it determines the picture.
        total: Number of pictures.
        render: Draws picture ``i``, ``(resolution, resolution, 3) uint8``.
    """

    prefix: str
    total: int
    render: Callable[[int], Pixels]

    def __len__(self) -> int:
        return self.total

    def name(self, index: int) -> str:
        """Return the set, the seed and the number."""
        return f"{self.prefix}/{index:06d}"

    def load(self, index: int) -> Pixels:
        """Draw one picture."""
        return self.render(index)

    def sha256(self, index: int) -> str:
        """Hash the name: the recipe is the identity of a rendered picture, its pixels follow from it."""
        return sha256_of_bytes(self.name(index).encode())


def open_array(path: Path, preprocessing: Preprocessing) -> ArraySource:
    """Map an ``.npy`` file of raw pixels, ``(n, resolution, resolution, 3) uint8``.

    Raises:
        DataError: The file is not such an array; pickled objects are never loaded.
    """
    if not path.is_file():
        raise DataError("the calibration file does not exist", got=path)
    side = preprocessing.resolution_px
    allowed = f"a .npy file of uint8 (n, {side}, {side}, 3), raw RGB pixels 0..255"
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except _HEADER_ERRORS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"the calibration file is unusable: {reason}", got=path, allowed=allowed) from error
    if array.dtype != np.uint8 or array.shape[1:] != (side, side, 3) or len(array) == 0:
        raise DataError(
            "the calibration array has another shape or type",
            got=f"{path}: {array.dtype} {array.shape}",
            allowed=allowed,
            hint="store raw pixels, before any normalisation, at the model's resolution",
        )
    return ArraySource(array)


def _sha256_or_data_error(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise DataError(f"the picture cannot be read: {error.strerror}", got=path) from error
