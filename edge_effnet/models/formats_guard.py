"""What every reader of weights shares: limits on what a file may claim, and foreign exceptions turned into ours."""

from __future__ import annotations

import contextlib
import math
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["MAX_TENSORS", "MAX_VALUES", "check_claims", "guarded"]

MAX_TENSORS = 20_000
MAX_VALUES = 1 << 28
"""1 GiB of float32; the largest model here, VGG16, has 138 million values."""

_FOREIGN = (
    OSError, RuntimeError, KeyError, IndexError, ValueError, TypeError, AttributeError, MemoryError, OverflowError,
    EOFError, zipfile.BadZipFile, zlib.error, struct.error, RecursionError,
)  # fmt: skip
"""What h5py, zipfile, numpy and TensorFlow raise on damaged files."""


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what a library raises while it reads ``path`` into one sentence.

    Raises:
        DataError: Anything that is in `_FOREIGN` was raised inside.
    """
    try:
        yield
    except PermissionError as error:
        raise DataError("the weights file may not be read", got=path, hint="check its permissions") from error
    except _FOREIGN as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise DataError(
            "the weights file is damaged or not what it seems to be",
            got=f"{path}: {type(error).__name__}: {reason}",
            hint="download or save it again",
        ) from error


def check_claims(path: Path, shapes: Iterable[tuple[int, ...]]) -> None:
    """Refuse a file that claims more than any model holds, before memory is given to it.

    Raises:
        DataError: Too many tensors or values.
    """
    values = 0
    for count, shape in enumerate(shapes, start=1):
        values += math.prod(shape)
        if count > MAX_TENSORS or values > MAX_VALUES:
            raise DataError(
                "the weights file claims to hold more than any known model",
                got=path,
                allowed=f"{MAX_TENSORS} tensors and {MAX_VALUES} values",
            )
