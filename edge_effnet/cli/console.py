"""The two streams: results on stdout, everything else on stderr. Nothing outside `cli` prints."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rich.progress import Progress, TaskID

__all__ = [
    "TerminalReporter",
    "print_json",
    "print_lines",
    "print_table",
    "printable",
    "resumable",
    "visible",
]

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what is not seen: controls, formats, surrogates, private and unassigned, line separators."""

_MARKS = {"info": "·", "warning": "!", "skipped": "-"}


def print_json(record: Any) -> None:
    """Print one JSON document on stdout."""
    _put(json.dumps(record, indent=2) + "\n")


def print_lines(*lines: str) -> None:
    """Print plain result lines on stdout."""
    _put("".join(visible(line) + "\n" for line in lines))


def visible(text: str) -> str:
    """Return text without what would steer a terminal: a name in a record may hold escapes, or turn the reading direction."""
    return "".join("?" if _steers(letter) else letter for letter in text)


def _steers(letter: str) -> bool:
    return unicodedata.category(letter) in _UNSEEN and letter not in "\n\t"


def _put(text: str) -> None:
    """Write to stdout now. When the reader has gone the rest is dropped, and the exit code still says how it ended."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str, length: int = 60) -> str:
    """Return text from a file without control characters, shortened in the middle."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[: 4 * length])
    return clean if len(clean) <= length else f"{clean[: length // 2]}…{clean[-length // 2 + 1 :]}"


@contextlib.contextmanager
def resumable(*, flag: str | None = "--resume") -> Iterator[None]:
    """On Ctrl-C, say on stderr which command goes on: the one that was given, with ``flag`` where it needs one."""
    try:
        yield
    except KeyboardInterrupt:
        words = [word for word in sys.argv[1:] if word not in ("--resume", "--force")]
        words += [flag] if flag else []
        sys.stderr.write(f"resume with: {shlex.join(['edge-effnet', *words])}\n")
        raise


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int | Collection[int] = 1
) -> None:
    """Print a table on stdout; the first ``left`` columns (or those listed) are aligned left, the others right."""
    from rich.console import Console
    from rich.table import Table

    left_columns = range(left) if isinstance(left, int) else left
    table = Table(title=visible(title) or None, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(visible(column), justify="left" if index in left_columns else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(visible, row))
    console = Console(markup=False, emoji=False)
    # A cell cut short with an ellipsis would hide a figure, so a wide table is printed whole.
    unbounded = console.options.update(max_width=10_000)
    console.width = max(console.width, console.measure(table, options=unbounded).maximum)
    with console.capture() as printed:
        console.print(table)
    _put(printed.get())


class TerminalReporter(Silent):
    """Draws stages with a bar when stderr is a terminal, and prints warnings always."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__()
        self._draw = sys.stderr.isatty() and not quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Draw and time a stage; a stage inside a stage is timed and not drawn."""
        with super().stage(name, total):
            if not self._draw or self._bar is not None:
                yield
                return
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            with Progress(*columns, console=Console(stderr=True)) as bar:
                self._bar, self._task = bar, bar.add_task(name, total=total)
                try:
                    yield
                finally:
                    self._bar, self._task = None, None

    def advance(self, steps: int = 1) -> None:
        """Move the bar of the open stage."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)

    def note(self, kind: str, message: str) -> None:
        """Print a note on stderr; plain information only to a terminal."""
        super().note(kind, message)
        if kind != "info" or self._draw:
            sys.stderr.write(f"{_MARKS.get(kind, '·')} {message}\n")
