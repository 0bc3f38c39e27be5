"""A thread that reads frames while the network runs: of a live source the newest, of any other every one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EdgeEffnetError, EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_effnet.demo.source import Frame, Opened, Source

__all__ = ["Captured", "Reader"]

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_AHEAD: Final = 2
"""Frames of a film that are decoded ahead; of a live source one waits, and a newer one takes its place."""


@dataclass(frozen=True)
class Captured:
    """A frame and how it was had.

    Attributes:
        index: Its number in the source, counted from 0; dropped frames count.
        time_s: When it was there, in seconds since the start.
        capture_ms: How long reading took: waiting for the camera, or decoding.
        frame: ``(height, width, 3) uint8`` BGR.
    """

    index: int
    time_s: float
    capture_ms: float
    frame: Frame


class Reader:
    """Reads a source; iterate over it, and close it.

    Args:
        source: What is read.
        every_n: Only each n-th frame is handed out.
        give_up_s: A live source that broke off is opened again for so long.
        note: Told what happens to the connection.

    Raises:
        EnvironmentFault: The source does not answer in the first place.
        DataError: It cannot be decoded.
    """

    def __init__(
        self,
        source: Source,
        *,
        every_n: int = 1,
        give_up_s: float = 60.0,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.dropped = 0
        self.reconnects = 0
        self._source, self._every_n, self._give_up_s, self._note = source, every_n, give_up_s, note
        self._waiting: deque[Captured] = deque()
        self._change = threading.Condition()
        self._stop = threading.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._started_s = time.perf_counter()
        self._opened: Opened | None = source.open()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Captured]:
        """Yield frames until the source ends.

        Raises:
            EnvironmentFault: A live source stayed away.
        """
        while (captured := self._next()) is not None:
            yield captured

    def close(self) -> None:
        """End the thread; frames that wait are forgotten."""
        self._stop.set()
        with self._change:
            self._change.notify_all()
        self._thread.join(timeout=_LONGEST_PAUSE_S)

    def _next(self) -> Captured | None:
        with self._change:
            while not self._waiting and not self._ended:
                self._change.wait(0.1)  # a wait without an end would hold Ctrl-C back on some systems
            if self._waiting:
                captured = self._waiting.popleft()
                self._change.notify_all()
                return captured
        if self._error is not None:
            raise self._error
        return None

    def _run(self) -> None:
        try:
            self._read_all()
        except BaseException as error:  # noqa: BLE001 - told to whoever iterates
            self._error = error
        finally:
            self._let_go()
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _read_all(self) -> None:
        index = -1
        while not self._stop.is_set():
            started = time.perf_counter()
            frame = self._opened.read() if self._opened is not None else None
            now = time.perf_counter()
            if frame is None:
                if not self._source.live or not self._open_again():
                    return
                continue
            index += 1
            if index % self._every_n == 0:
                self._hand_out(Captured(index, now - self._started_s, 1e3 * (now - started), frame))

    def _hand_out(self, captured: Captured) -> None:
        with self._change:
            if self._source.live:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            while len(self._waiting) >= _AHEAD and not self._stop.is_set():
                self._change.wait(0.1)
            self._waiting.append(captured)
            self._change.notify_all()

    def _open_again(self) -> bool:
        """Open the source again, with longer and longer pauses; return False when this reader is closed meanwhile."""
        self._let_go()
        pause_s, until = _FIRST_PAUSE_S, time.perf_counter() + self._give_up_s
        self._note(f"{self._source.name} broke off; trying again for {self._give_up_s:g} s")
        while not self._stop.wait(min(pause_s, max(0.0, until - time.perf_counter()))):
            with contextlib.suppress(EdgeEffnetError):
                self._opened = self._source.open()
                self.reconnects += 1
                self._note(f"{self._source.name} is back")
                return True
            if time.perf_counter() >= until:
                raise EnvironmentFault(
                    f"the source broke off and stayed away for {self._give_up_s:g} s",
                    got=self._source.name,
                    hint="--give-up SECONDS waits longer",
                )
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return False

    def _let_go(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
