"""The heat map over a frame: where the evidence for the shown class lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.activation_map import shown

if TYPE_CHECKING:
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
    size = part.shape[1], part.shape[0]
    heat = cv2.resize(shown(scores), size, interpolation=cv2.INTER_LINEAR)
    codes = cv2.convertScaleAbs(heat, alpha=255.0)
    colours = cv2.applyColorMap(codes, cv2.COLORMAP_INFERNO)
    share = cv2.convertScaleAbs(heat, alpha=255.0 * _STRONGEST)
    shares = cv2.merge([share, share, share])
    kept = cv2.multiply(part, cv2.bitwise_not(shares), scale=1 / 255)
    np.copyto(part, cv2.add(kept, cv2.multiply(colours, shares, scale=1 / 255)))
