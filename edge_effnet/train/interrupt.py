"""Ctrl-C that waits for the end of a step, so that what is saved is the state between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.progress import Reporter

__all__ = ["Request", "deferred_interrupt"]


class Request:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.is_made = False


@contextlib.contextmanager
def deferred_interrupt(reporter: Reporter) -> Iterator[Request]:
    """Turn the first Ctrl-C into a request that the caller looks at; the second interrupts at once.

    Outside the main thread, where no signal arrives, nothing changes.
    """
    request = Request()

    def ask(number: int, frame: Any) -> None:
        del number, frame
        if request.is_made:
            raise KeyboardInterrupt
        request.is_made = True
        reporter.note("warning", "stopping at the end of this step; press Ctrl-C again to stop at once")

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, before)
