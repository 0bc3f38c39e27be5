"""Class names that weights come with.

References:
    ILSVRC 2012 classes: the synset names of WordNet 3.0 in the order of their WordNet ids, one per line in
    ``imagenet_labels.txt``.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["imagenet_labels", "read_labels"]


def imagenet_labels() -> tuple[str, ...]:
    """Return the 1,000 names of ILSVRC 2012."""
    text = resources.files("edge_effnet.models").joinpath("imagenet_labels.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """Read class names, one per line.

    Raises:
        DataError: The file is missing, is no UTF-8 text, or has another number of lines than the model has outputs.
    """
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("the labels file cannot be read", got=f"{path}: {error}") from error
    if len(lines) != classes:
        raise DataError(
            "the labels do not fit the model", got=f"{len(lines)} lines in {path}", allowed=f"{classes} lines"
        )
    return lines
