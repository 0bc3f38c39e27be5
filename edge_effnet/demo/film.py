"""The film of a demo, written at a steady rate whatever the rate of the frames."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import atomic_output
from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_effnet.demo.source import Frame

__all__ = ["FORMATS", "Film", "film_output"]

FORMATS: Final = {".mp4": "mp4v", ".avi": "MJPG"}
"""Suffix -> the codec that OpenCV's wheels can write; they have no encoder for H.264."""

LIVE_FPS: Final = 25.0
_PICTURE_FPS: Final = 2.0


class Film:
    """A film that is being written."""

    def __init__(self, cv2: Any, path: Path, *, fps: float, live: bool, suffix: str) -> None:
        self._cv2, self._path, self._fps, self._live = cv2, path, fps, live
        self._codec = FORMATS[suffix]
        self._writer: Any = None
        self._size = (0, 0)
        self.frames = 0

    def add(self, frame: Frame, time_s: float) -> None:
        """Append a frame; of a live source as often as its time needs (a slow one repeats), of a film once."""
        if self._writer is None:
            self._open(frame)
        fitted = self._fitted(frame)
        until = max(self.frames + 1, round(time_s * self._fps)) if self._live else self.frames + 1
        while self.frames < until:
            self._writer.write(fitted)
            self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()

    def _open(self, frame: Frame) -> None:
        self._size = (frame.shape[1], frame.shape[0])
        codec = self._cv2.VideoWriter_fourcc(*self._codec)
        self._writer = self._cv2.VideoWriter(str(self._path), codec, self._fps, self._size)
        if not self._writer.isOpened():
            raise EnvironmentFault(
                f"OpenCV cannot write {self._codec} films here", hint="try the other of .mp4 and .avi"
            )

    def _fitted(self, frame: Frame) -> Frame:
        """Return a frame of the film's size: OpenCV drops others without a word."""
        width_px, height_px = self._size
        if frame.shape[:2] == (height_px, width_px):
            return frame
        share = min(width_px / frame.shape[1], height_px / frame.shape[0])
        size = (max(1, round(frame.shape[1] * share)), max(1, round(frame.shape[0] * share)))
        small = self._cv2.resize(frame, size, interpolation=self._cv2.INTER_AREA)
        page = np.zeros((height_px, width_px, 3), np.uint8)
        left, top = (width_px - size[0]) // 2, (height_px - size[1]) // 2
        page[top : top + size[1], left : left + size[0]] = small
        return page


@contextlib.contextmanager
def film_output(
    cv2: Any, path: Path, *, force: bool, fps: float | None, live: bool, moving: bool
) -> Iterator[Film]:
    """Yield a film that gets its name when the block ends well.

    Raises:
        OutputExistsError: The file is there and ``force`` is false.
        EnvironmentFault: It cannot be written.
    """
    rate = LIVE_FPS if live or (moving and fps is None) else (fps if moving and fps else _PICTURE_FPS)
    suffix = path.suffix.lower()
    with atomic_output(path, force=force, suffix=suffix) as temporary:
        film = Film(cv2, temporary, fps=rate, live=live, suffix=suffix)
        try:
            yield film
        finally:
            film.close()
