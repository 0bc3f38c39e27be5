"""The heat map over a frame: where the evidence for the shown class lies."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.activation_map import shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.demo.source import Frame
    from edge_effnet.runtimes.base import Floats

__all__ = ["draw_heat"]

_STRONGEST: Final = 0.6
"""What the colour counts where the map is 1; where it is 0 the picture stays as it is."""


def draw_heat(cv2: Any, frame: Frame, scores: Floats, square: tuple[float, float, int]) -> None:
    """Blend a class activation map over the square that the model sees, in place.

    Args:
        cv2: OpenCV.
        frame: ``(height, width, 3) uint8`` BGR.
        scores: The class at each place of the feature map, ``(rows, columns)`` float32.
        square: Left, top and side of what the model sees, in pixels of the frame.
    """
    left, top, side = (int(size) for size in square)
    part = frame[top : top + side, left : left + side]
    small = cv2.convertScaleAbs(shown(scores), alpha=255.0)
    codes = cv2.resize(small, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
    added, kept = (cv2.applyColorMap(codes, table) for table in _tables(cv2))
    np.copyto(part, cv2.add(cv2.multiply(part, kept, scale=1 / 255), added))


@lru_cache(maxsize=1)
def _tables(cv2: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return for each code of a map, 0 to 255: the colour times what it counts, and what is left of the picture, of 255."""
    codes = np.arange(256, dtype=np.uint8).reshape(256, 1)
    share = np.repeat(_STRONGEST * codes[..., np.newaxis] / 255.0, 3, axis=2)
    colours = cv2.applyColorMap(codes, cv2.COLORMAP_INFERNO)
    return np.rint(colours * share).astype(np.uint8), np.rint(255.0 * (1.0 - share)).astype(np.uint8)
