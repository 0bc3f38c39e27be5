"""demo.source: cameras, films, streams and pictures by one word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.demo.source import PictureSource, VideoSource, source_from_text
from edge_effnet.errors import DataError, EnvironmentFault, UsageError

if TYPE_CHECKING:
    from pathlib import Path

cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")


def _picture(path: Path, colour: tuple[int, int, int] = (255, 0, 0)) -> None:
    cv2.imwrite(str(path), np.full((20, 30, 3), colour, np.uint8))


def test_the_word_says_the_kind(tmp_path: Path) -> None:
    """A number is a camera, an address a stream, what lies on disk a film or pictures."""
    _picture(tmp_path / "a.png")
    (tmp_path / "a.mp4").write_bytes(b"")
    camera, stream = source_from_text("2"), source_from_text("rtsp://host/1")
    film, pictures = source_from_text(str(tmp_path / "a.mp4")), source_from_text(str(tmp_path))
    assert isinstance(camera, VideoSource)
    assert (camera.place, camera.live) == (2, True)
    assert (stream.live, film.live, pictures.live) == (True, False, False)
    assert isinstance(pictures, PictureSource)
    assert isinstance(source_from_text(str(tmp_path / "a.png")), PictureSource)


def test_a_password_in_an_address_is_shown_nowhere() -> None:
    """Logs and records travel."""
    source = source_from_text("rtsp://me:secret@camera.local:554/live@1")
    assert source.name == "rtsp://camera.local:554/live@1"


@pytest.mark.parametrize("text", ["nothing.mp4", "ftp://host/x.mp4", "-1"])
def test_what_is_no_source_is_refused(text: str) -> None:
    """With what is allowed."""
    with pytest.raises(UsageError, match="allowed"):
        source_from_text(text)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    """A demo of nothing would look like one that works."""
    with pytest.raises(DataError, match="no pictures"):
        source_from_text(str(tmp_path))


def test_a_camera_that_is_missing_says_what_to_do() -> None:
    """As an error of the environment, not of the command."""
    with pytest.raises(EnvironmentFault, match="no camera answers"):
        source_from_text("63").open()


def test_a_file_that_is_no_film_is_refused(tmp_path: Path) -> None:
    """Its content decides."""
    (tmp_path / "a.mp4").write_bytes(b"not a film" * 100)
    with pytest.raises(DataError, match="cannot be decoded"):
        source_from_text(str(tmp_path / "a.mp4")).open()


def test_pictures_come_in_order_and_damaged_ones_are_counted(tmp_path: Path) -> None:
    """Nothing is dropped in silence; the decoder is that of `edge_effnet.images`."""
    _picture(tmp_path / "a.png", (255, 0, 0))
    (tmp_path / "b.png").write_bytes(b"damaged")
    _picture(tmp_path / "c.png", (0, 255, 0))
    source = source_from_text(str(tmp_path))
    opened = source.open()
    found = [opened.read(), opened.read()]
    assert [frame[0, 0].tolist() for frame in found if frame is not None] == [[255, 0, 0], [0, 255, 0]]
    assert opened.read() is None
    assert len(source.skipped) == 1
    assert "b.png" in source.skipped[0]
