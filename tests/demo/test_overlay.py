"""demo.overlay: readable on any picture."""

from __future__ import annotations

import numpy as np
import pytest

from edge_effnet.demo.overlay import draw_overlay, plain_text
from edge_effnet.demo.smooth import Guess

cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")

_GUESSES = [Guess("water bottle, flask", 898, 0.83), Guess("pop bottle", 737, 0.1)]


@pytest.mark.parametrize("code", [0, 128, 255])
def test_text_stands_out_from_any_background(code: int) -> None:
    """White letters on what is at most a quarter as bright as the picture: contrast above 4.5 even on white."""
    frame = np.full((480, 640, 3), code, np.uint8)
    draw_overlay(cv2, frame, _GUESSES, ["30.0 frames/s", "m.tflite"], (110, 30, 420))
    label = frame[10:34, 14:150].max(axis=2)
    assert label.max() >= 250
    assert np.median(label) <= 64


@pytest.mark.parametrize("size", [(1, 1), (17, 40), (90, 60), (1080, 1920)])
def test_frames_of_any_size_are_drawn_on(size: tuple[int, int]) -> None:
    """Also where nothing fits."""
    frame = np.zeros((*size, 3), np.uint8)
    draw_overlay(cv2, frame, _GUESSES, ["a long line " * 9], (0, 0, min(size)))
    assert frame.shape == (*size, 3)
    assert frame.any()


def test_nothing_sure_enough_is_said() -> None:
    """An empty picture would look like a demo that hangs."""
    frame = np.zeros((480, 640, 3), np.uint8)
    draw_overlay(cv2, frame, [], [], (110, 30, 420))
    assert frame[8:40, 8:300].max() > 150


def test_labels_are_shown_in_the_letters_of_the_font() -> None:
    """The first of several names, accents off, nothing that moves a cursor."""
    assert plain_text("café\x1b, other") == "cafe?"
    assert plain_text("x" * 50, 10) == "xxxxxxx..."
