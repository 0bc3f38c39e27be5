"""Where frames come from: a camera, a film, a stream or pictures. One word of the command line names any of them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.preprocessing import IMAGE_SUFFIXES

if TYPE_CHECKING:
    import numpy.typing as npt

    Frame = npt.NDArray[np.uint8]

__all__ = ["Opened", "PictureSource", "Source", "VideoSource", "cv2_module", "source_from_text"]

_SCHEMES: Final = ("rtsp://", "rtsps://", "http://", "https://")
_OPEN_TIMEOUT_MS: Final = 4000
_READ_TIMEOUT_MS: Final = 3000
_PLAUSIBLE_FPS: Final = 240.0


class Opened(Protocol):
    """A source that delivers."""

    def read(self) -> Frame | None:
        """Return the next frame, ``(height, width, 3) uint8`` BGR, or None at the end or when it broke off."""

    def close(self) -> None:
        """Let go of it."""


class Source(Protocol):
    """A place that frames come from; opened as often as it takes.

    Attributes:
        name: As the command line says it, without a password.
        live: Whether frames come whether or not anybody takes them.
        moving: Whether a frame resembles the one before.
        fps: Frames a second, where the source knows; after it was opened.
        skipped: What could not be read, with the reason.
    """

    name: str
    live: bool
    moving: bool
    fps: float | None
    skipped: list[str]

    def open(self) -> Opened:
        """Open it.

        Raises:
            EnvironmentFault: A camera or a stream does not answer.
            DataError: A file cannot be decoded.
        """


def cv2_module() -> Any:
    """Return OpenCV, quiet.

    Raises:
        EnvironmentFault: It is not installed.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # before it is loaded: the messages are ours
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        import cv2
    except ImportError as error:
        raise EnvironmentFault(
            f"OpenCV cannot be loaded: {error}",
            hint="pip install 'edge-effnet[camera]', without a display 'edge-effnet[camera-headless]'; never both",
        ) from error
    return cv2


@dataclass
class VideoSource:
    """A camera, a film or a stream, through OpenCV; see `Source`."""

    name: str
    place: int | str
    live: bool
    size: tuple[int, int] | None = None
    moving: bool = True
    fps: float | None = None
    skipped: list[str] = field(default_factory=list)

    def open(self) -> Opened:
        """See `Source.open`."""
        cv2 = cv2_module()
        if isinstance(self.place, int):
            capture = cv2.VideoCapture(self.place)
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS]
            capture = cv2.VideoCapture(self.place, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            capture.release()
            raise self._closed()
        if self.size is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.size[1])
        if isinstance(self.place, int):
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if 0 < rate <= _PLAUSIBLE_FPS else None
        # A film behind an address ends; a stream has no count (or a nonsensical one).
        self.live = self.live and not capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        return _OpenVideo(capture)

    def _closed(self) -> EnvironmentFault | DataError:
        if isinstance(self.place, int):
            return EnvironmentFault(
                "no camera answers under this number",
                got=self.name,
                hint="is it plugged in, in use by another program, or forbidden to this user (group video)? try 0, 1, ..",
            )
        if self.live:
            return EnvironmentFault(
                "the stream cannot be opened", got=self.name, hint="is the address right, and the server up?"
            )
        return DataError(
            "the film cannot be decoded",
            got=self.name,
            hint="give a video file or a picture, such as .mp4 or .jpg",
        )


class _OpenVideo:
    def __init__(self, capture: Any) -> None:
        self._capture = capture

    def read(self) -> Frame | None:
        """See `Opened.read`."""
        got, frame = self._capture.read()
        return np.asarray(frame, np.uint8) if got else None

    def close(self) -> None:
        """See `Opened.close`."""
        self._capture.release()


@dataclass
class PictureSource:
    """A picture, or every picture under a folder, decoded by `edge_effnet.images`; see `Source`."""

    name: str
    paths: list[Path]
    live: bool = False
    moving: bool = False
    fps: float | None = None
    skipped: list[str] = field(default_factory=list)

    def open(self) -> Opened:
        """See `Source.open`."""
        return _OpenPictures(self.paths, self.skipped)


class _OpenPictures:
    def __init__(self, paths: list[Path], skipped: list[str]) -> None:
        self._paths, self._skipped = iter(paths), skipped

    def read(self) -> Frame | None:
        """See `Opened.read`; pictures that cannot be decoded are counted and passed over."""
        from edge_effnet.images import open_rgb

        for path in self._paths:
            try:
                rgb = np.asarray(open_rgb(path))
            except DataError as error:
                self._skipped.append(f"{path}: {error.message}")
                continue
            return np.ascontiguousarray(rgb[:, :, ::-1])
        return None

    def close(self) -> None:
        """See `Opened.close`."""


def source_from_text(text: str, *, size: tuple[int, int] | None = None) -> Source:
    """Return the source that a word of the command line names.

    Args:
        text: A camera's number, a file, a folder of pictures, or an address.
        size: Width and height asked of a camera.

    Raises:
        UsageError: Nothing is there, or the address is of another kind.
        DataError: The folder has no pictures.
    """
    if text.isdecimal():
        return VideoSource(text, int(text), live=True, size=size)
    if "://" in text:
        if not text.startswith(_SCHEMES):
            raise UsageError("unknown kind of address", got=text, allowed=", ".join(_SCHEMES))
        return VideoSource(_without_password(text), text, live=True)
    return _local_source(text)


def _local_source(text: str) -> Source:
    path = Path(text)
    if path.is_dir():
        from edge_effnet.images import list_images

        paths = list_images(path)
        if not paths:
            raise DataError("the folder has no pictures", got=path, allowed=", ".join(sorted(IMAGE_SUFFIXES)))
        return PictureSource(text, paths)
    try:
        kind = path.stat().st_mode
    except OSError as error:
        raise UsageError(
            f"there is no such source: {error.strerror}",
            got=text,
            allowed="a camera's number, a film, a picture, a folder of pictures, rtsp:// or http://",
        ) from error
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return PictureSource(text, [path])
    if stat.S_ISCHR(kind) and path.name.startswith("video") and path.name[5:].isdecimal():
        return VideoSource(text, int(path.name[5:]), live=True)  # /dev/video2
    return VideoSource(text, str(path), live=False)


def _without_password(url: str) -> str:
    """Return an address as it may be shown and written: what stands before an @ is left out."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
