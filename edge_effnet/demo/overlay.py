"""What is drawn over a frame: labels with bars, the square that the model sees, and how fast everything is."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.demo.smooth import Guess
    from edge_effnet.demo.source import Frame

__all__ = ["draw_overlay", "plain_text"]

_WHITE: Final = (255, 255, 255)
_SOFT: Final = (205, 205, 205)
_BAR: Final = (80, 190, 60)
_BAR_GROUND: Final = (70, 70, 70)
_GROUND_SHARE: Final = 0.25
"""What is left of the picture's brightness under text: white on it has a contrast above 7 on any picture."""

_DESIGN_PX: Final = 480
"""Short side of the frame that the sizes below are meant for."""


def plain_text(text: str, length: int = 34) -> str:
    """Return the first name of a label in the letters that OpenCV's font has, shortened."""
    first = text.split(",", maxsplit=1)[0].strip()
    letters = (one for one in unicodedata.normalize("NFKD", first) if not unicodedata.combining(one))
    clean = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in letters)
    return clean if len(clean) <= length else clean[: length - 3] + "..."


class _Pen:
    """Draws on one frame, in sizes that grow with it."""

    def __init__(self, cv2: Any, frame: Frame) -> None:
        self.cv2, self.frame = cv2, frame
        self.scale: float = max(0.6, min(frame.shape[:2]) / _DESIGN_PX)

    def px(self, size: float) -> int:
        return max(1, round(size * self.scale))

    def darken(self, left: int, top: int, right: int, bottom: int) -> None:
        part = self.frame[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        if part.size:
            np.copyto(part, self.cv2.convertScaleAbs(part, alpha=_GROUND_SHARE))

    def bar(self, left: int, top: int, width: int, height: int, colour: tuple[int, int, int]) -> None:
        self.frame[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = colour

    def text(self, words: str, left: int, baseline: int, size: float, colour: tuple[int, int, int]) -> None:
        font, width = self.cv2.FONT_HERSHEY_SIMPLEX, self.px(1.2)
        place = (left, baseline)
        self.cv2.putText(self.frame, words, place, font, size * self.scale, colour, width, self.cv2.LINE_AA)

    def width(self, words: str, size: float) -> int:
        font = self.cv2.FONT_HERSHEY_SIMPLEX
        return int(self.cv2.getTextSize(words, font, size * self.scale, self.px(1.2))[0][0])


def draw_overlay(
    cv2: Any, frame: Frame, guesses: Sequence[Guess], status: Sequence[str], square: tuple[float, float, int]
) -> None:
    """Draw onto a frame, in place.

    Args:
        cv2: OpenCV.
        frame: ``(height, width, 3) uint8`` BGR, of any size.
        guesses: The likeliest first; none draws that nothing is sure enough.
        status: Short lines for the bottom.
        square: Left, top and side of what the model sees.
    """
    pen = _Pen(cv2, frame)
    _draw_corners(pen, square)
    _draw_guesses(pen, guesses)
    _draw_status(pen, status)


def _draw_guesses(pen: _Pen, guesses: Sequence[Guess]) -> None:
    edge, line = pen.px(8), pen.px(30)
    rows = [(plain_text(guess.label), guess.score) for guess in guesses]
    words = [name for name, _ in rows] or ["nothing above the threshold"]
    share_width = pen.width("100 %", 0.55)
    name_width = max([pen.px(150), *(pen.width(name, 0.55) for name in words)])
    right = 3 * edge + name_width + share_width + edge
    pen.darken(edge, edge, right, edge + line * len(words) + edge)
    if not rows:
        pen.text(words[0], 2 * edge, edge + pen.px(22), 0.55, _SOFT)
    for place, (name, score) in enumerate(rows):
        top = edge + place * line
        colour = _WHITE if place == 0 else _SOFT
        share = f"{100 * score:.0f} %"
        pen.text(name, 2 * edge, top + pen.px(21), 0.55, colour)
        pen.text(share, right - edge - pen.width(share, 0.55), top + pen.px(21), 0.55, colour)
        whole = right - 3 * edge
        pen.bar(2 * edge, top + pen.px(27), whole, pen.px(3), _BAR_GROUND)
        pen.bar(2 * edge, top + pen.px(27), round(whole * score), pen.px(3), _BAR)


def _draw_status(pen: _Pen, status: Sequence[str]) -> None:
    height_px, width_px = pen.frame.shape[:2]
    line, edge, size = pen.px(19), pen.px(8), 0.45
    widest = max((pen.width(words, size) for words in status), default=1)
    size *= min(1.0, (width_px - 2 * edge) / max(1, widest))
    top = height_px - line * len(status) - pen.px(6)
    pen.darken(0, top, width_px, height_px)
    for place, words in enumerate(status):
        pen.text(words, edge, top + line * (place + 1) - pen.px(3), size, _WHITE)


def _draw_corners(pen: _Pen, square: tuple[float, float, int]) -> None:
    """Mark the corners of the square, white on a dark line."""
    left, top, side = (int(size) for size in square)
    arm = max(2, side // 14)
    for colour, width in (((0, 0, 0), pen.px(4)), (_WHITE, pen.px(1.5))):
        for x, away in ((left, 1), (left + side - 1, -1)):
            for y, down in ((top, 1), (top + side - 1, -1)):
                pen.cv2.line(pen.frame, (x, y), (x + away * arm, y), colour, width)
                pen.cv2.line(pen.frame, (x, y), (x, y + down * arm), colour, width)
