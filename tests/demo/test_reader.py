"""demo.reader: the newest frame of a live source, every frame of any other."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from edge_effnet.demo.reader import Reader
from edge_effnet.errors import EnvironmentFault

_FRAME = np.zeros((2, 2, 3), np.uint8)


@dataclass
class _Source:
    """Gives the frames of each run in turn, then None; opens as long as there are runs."""

    runs: list[int]
    live: bool = False
    pause_s: float = 0.0
    name: str = "test"
    moving: bool = True
    fps: float | None = None
    skipped: list[str] = field(default_factory=list)
    opened: int = 0

    def open(self) -> _Source:
        if not self.runs:
            raise EnvironmentFault("gone")
        self.opened += 1
        self.left = self.runs.pop(0)
        return self

    def read(self) -> np.ndarray | None:
        time.sleep(self.pause_s)
        self.left -= 1
        return _FRAME if self.left >= 0 else None

    def close(self) -> None:
        pass


def test_a_film_loses_no_frame_however_slow_the_network_is() -> None:
    """And it is not read further ahead than two frames."""
    source = _Source([12])
    reader = Reader(source)
    time.sleep(0.2)
    assert source.left >= 12 - 4
    assert [captured.index for captured in reader] == list(range(12))
    assert reader.dropped == 0
    reader.close()


def test_each_nth_frame_keeps_its_number() -> None:
    """The log's frame numbers are those of the film."""
    reader = Reader(_Source([10]), every_n=4)
    assert [captured.index for captured in reader] == [0, 4, 8]
    reader.close()


def test_of_a_live_source_only_the_newest_frame_waits() -> None:
    """What was missed is counted, and memory does not grow."""
    reader = Reader(_Source([10_000], live=True, pause_s=0.002), give_up_s=0.1)
    frames = iter(reader)
    next(frames)
    time.sleep(0.3)
    assert len(reader._waiting) == 1
    assert next(frames).index > 10
    assert reader.dropped > 10
    reader.close()


def test_a_live_source_that_breaks_off_is_opened_again() -> None:
    """With a word about it, and the frames count on."""
    told: list[str] = []
    source = _Source([3, 3], live=True, pause_s=0.01)
    reader = Reader(source, give_up_s=0.8, note=told.append)
    with pytest.raises(EnvironmentFault, match=r"stayed away for 0\.8 s"):
        assert [captured.index for captured in reader][-1] == 5
    assert source.opened == 2
    assert reader.reconnects == 1
    assert [text.split(" ", 1)[1][:8] for text in told] == ["broke of", "is back", "broke of"]
    reader.close()


def test_closing_ends_the_thread_in_the_middle_of_a_pause() -> None:
    """Ctrl-C does not wait for the network."""
    reader = Reader(_Source([1], live=True), give_up_s=60.0)
    next(iter(reader))
    time.sleep(0.05)
    started = time.perf_counter()
    reader.close()
    assert time.perf_counter() - started < 1.0
    assert "reader" not in [thread.name for thread in threading.enumerate()]


def test_reading_overlaps_with_what_is_done_with_the_frames() -> None:
    """Throughput is at least 90 % of the slower of the two."""
    started = time.perf_counter()
    reader = Reader(_Source([25], pause_s=0.02))
    for _ in reader:
        time.sleep(0.02)
    reader.close()
    assert time.perf_counter() - started < 26 * 0.02 / 0.9 + 0.05
