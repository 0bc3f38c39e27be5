"""What the counting plug-in writes: one line per window; see `counter.c`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Window", "read_windows", "window_from_line"]


@dataclass(frozen=True)
class Window:
    """The instructions between two marks.

    Attributes:
        total: All of them.
        stops: For every stop that was passed, in order: (which stop, instructions since the window was opened).
    """

    total: int
    stops: tuple[tuple[int, int], ...]


def window_from_line(line: str) -> Window:
    """Return the window that a line describes.

    Raises:
        EnvironmentFault: The line is cut short or holds something else.
    """
    words = line.split()
    if len(words) % 2 == 0 or not all(word.isascii() and word.isdigit() for word in words):
        raise EnvironmentFault("the counting plug-in wrote a line that cannot be read", got=line[:80])
    total, *rest = map(int, words)
    counts = rest[1::2]
    if any(later < sooner for sooner, later in zip(counts, [*counts[1:], total], strict=False)):
        raise EnvironmentFault("the counts of a window do not grow", got=line[:80])
    return Window(total, tuple(zip(rest[::2], counts, strict=True)))


def read_windows(path: Path) -> list[Window]:
    """Return the windows of a file, in order.

    Raises:
        EnvironmentFault: The file is not there or cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise EnvironmentFault("the counts cannot be read", got=f"{path}: {error}") from error
    return [window_from_line(line) for line in text.splitlines()]
