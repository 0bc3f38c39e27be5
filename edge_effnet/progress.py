"""How a library call tells what it is doing; only the command line draws it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["Reporter", "Silent", "track"]


class Reporter(Protocol):
    """Receives stages, steps and notes; `edge_effnet.cli.console` has the one that draws."""

    seconds: dict[str, float]

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[None]:
        """Open a stage, with the number of its steps where known; its wall time lands in ``seconds``."""

    def advance(self, steps: int = 1) -> None:
        """Count steps of the stage that is open."""

    def note(self, kind: str, message: str) -> None:
        """Say something worth knowing; ``kind`` is ``info``, ``warning`` or ``skipped``."""


class Silent:
    """A reporter that keeps times and notes and draws nothing."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.notes: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Time a stage."""
        del total
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def advance(self, steps: int = 1) -> None:
        """Count steps (nothing is drawn)."""

    def note(self, kind: str, message: str) -> None:
        """Keep a note."""
        self.notes.append((kind, message))


def track(items: Iterable[T], reporter: Reporter) -> Iterator[T]:
    """Yield ``items``, advancing the open stage after each."""
    for item in items:
        yield item
        reporter.advance()
