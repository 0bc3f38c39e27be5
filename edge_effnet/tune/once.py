"""A reporter that passes each note on once: every rung would say the same about the same pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from edge_effnet.progress import Reporter

__all__ = ["Once"]


class Once:
    """Stands between the rungs and the reporter of the climb.

    Args:
        reporter: Hears everything, and each note once.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._said: set[tuple[str, str]] = set()
        self.seconds = reporter.seconds

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[None]:
        """Open a stage."""
        return self._reporter.stage(name, total)

    def advance(self, steps: int = 1) -> None:
        """Count steps of the stage that is open."""
        self._reporter.advance(steps)

    def note(self, kind: str, message: str) -> None:
        """Pass a note on unless it was said before."""
        if (kind, message) not in self._said:
            self._said.add((kind, message))
            self._reporter.note(kind, message)
