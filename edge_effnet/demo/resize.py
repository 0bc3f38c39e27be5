"""`edge_effnet.images` on camera frames, in a quarter of the time and without Pillow: both passes are matrix products.

The filter weights are computed as Pillow computes them, rounded to its 22 bits, and applied in its order: columns
first, rounded to 8 bits, then rows. Sums are float32 instead of 32-bit integers, so that a value on the edge between
two codes may fall on the other side: within 1 LSB. Which pass comes first says `Preprocessing.rows_come_first`.

References:
    Pillow, src/libImaging/Resample.c: precompute_coeffs, normalize_coeffs_8bpc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from edge_effnet.preprocessing import Preprocessing

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]

__all__ = ["Resizer"]

_WEIGHT_STEP: Final = 2.0**-22
"""Pillow's weights are integers of this step."""

_ROUND_UP: Final = 2e-5
"""Added before rounding, so that a half goes up as in Pillow, and not to the even code: above the error of the sums."""

_BLOCK_ROWS: Final = 8
"""Outputs per matrix product: few, so that little of it is zeros; 8 was the fastest of 4 to 32 at 640 x 480 -> 224."""


def _box(x: float) -> float:
    return 1.0 if -0.5 < x <= 0.5 else 0.0


def _bilinear(x: float) -> float:
    return max(0.0, 1.0 - abs(x))


def _bicubic(x: float) -> float:
    # Keys's cubic with a = -1/2.
    x = abs(x)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 if x < 2.0 else 0.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3.0) if -3.0 <= x < 3.0 else 0.0


def _sinc(x: float) -> float:
    return 1.0 if x == 0.0 else math.sin(math.pi * x) / (math.pi * x)


_FILTERS: Final[dict[str, tuple[float, Callable[[float], float]]]] = {
    "box": (0.5, _box),
    "bilinear": (1.0, _bilinear),
    "bicubic": (2.0, _bicubic),
    "lanczos": (3.0, _lanczos),
}
"""Name -> (support on either side, the filter). ``nearest`` has no weights: `edge_effnet.images` picks."""


@dataclass(frozen=True)
class _Block:
    """Some outputs of one axis: ``outputs = weights @ inputs[start:stop]``."""

    first: int
    start: int
    stop: int
    weights: Floats


@dataclass(frozen=True)
class _Axis:
    """One pass of the filter.

    Attributes:
        start: First input that any output needs.
        stop: One behind the last.
        size: Outputs.
        blocks: In order; their inputs are counted from ``start``.
    """

    start: int
    stop: int
    size: int
    blocks: tuple[_Block, ...]

    def apply(self, pixels: Pixels) -> Pixels:
        """Filter the first axis of ``(stop - start, others, 3)``."""
        import cv2

        rows = pixels.reshape(len(pixels), -1).astype(np.float32)
        sums = np.empty((self.size, rows.shape[1]), np.float32)
        for block in self.blocks:
            inside = sums[block.first : block.first + len(block.weights)]
            np.matmul(block.weights, rows[block.start : block.stop], out=inside)
        codes = cv2.add(sums, _ROUND_UP, dtype=cv2.CV_8U)  # saturates
        return np.asarray(codes, np.uint8).reshape(self.size, *pixels.shape[1:])


def _taps(length: int, start: float, stop: float, size: int, resample: str) -> list[tuple[int, Floats]]:
    """Return for each output the first input and the weights from there on; like Pillow, past the box but not the picture."""
    scale = (stop - start) / size
    width, weigh = _FILTERS[resample]
    stretch = max(scale, 1.0)
    support = width * stretch
    taps = []
    for place in range(size):
        centre = start + (place + 0.5) * scale
        first = max(0, int(centre - support + 0.5))
        last = min(length, int(centre + support + 0.5))
        weights = np.array([weigh((x - centre + 0.5) / stretch) for x in range(first, last)])
        weights = np.trunc(weights / weights.sum() / _WEIGHT_STEP + np.copysign(0.5, weights))
        taps.append((first, (weights * _WEIGHT_STEP).astype(np.float32)))
    return taps


def _axis(length: int, side: int, preprocessing: Preprocessing) -> _Axis:
    """Return the pass along an axis of ``length`` pixels of which the central ``side`` are wanted."""
    start, size = (length - side) / 2, preprocessing.resolution_px
    taps = _taps(length, start, start + side, size, preprocessing.resample)
    low, high = min(first for first, _ in taps), max(first + len(weights) for first, weights in taps)
    blocks = []
    for begin in range(0, size, _BLOCK_ROWS):
        part = taps[begin : begin + _BLOCK_ROWS]
        near = min(first for first, _ in part)
        far = max(first + len(weights) for first, weights in part)
        matrix = np.zeros((len(part), far - near), np.float32)
        for row, (first, weights) in enumerate(part):
            matrix[row, first - near : first - near + len(weights)] = weights
        blocks.append(_Block(begin, near - low, far - low, matrix))
    return _Axis(low, high, size, tuple(blocks))


class Resizer:
    """Makes the model's square from frames of any size.

    Args:
        preprocessing: The square to make, from the model's contract.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing
        self._axes = lru_cache(maxsize=8)(
            self._new_axes
        )  # the sizes of a camera are few, a folder's may be many

    def _new_axes(self, height_px: int, width_px: int) -> tuple[_Axis, _Axis]:
        side = self.preprocessing.crop_side_px(width_px, height_px)
        return _axis(height_px, side, self.preprocessing), _axis(width_px, side, self.preprocessing)

    def square(self, frame: npt.NDArray[Any]) -> tuple[float, float, int]:
        """Return left, top and side of the square of a frame that the model sees."""
        height_px, width_px = frame.shape[:2]
        side = self.preprocessing.crop_side_px(width_px, height_px)
        return (width_px - side) / 2, (height_px - side) / 2, side

    def pixels(self, frame: Pixels) -> Pixels:
        """Return ``(resolution, resolution, 3) uint8`` RGB from a frame ``(height, width, 3) uint8`` as OpenCV has it, BGR."""
        import cv2

        if self.preprocessing.resample not in _FILTERS:
            from edge_effnet.images import preprocess_array

            return preprocess_array(
                np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8), self.preprocessing
            )
        rows, columns = self._axes(*frame.shape[:2])
        wanted = frame[rows.start : rows.stop, columns.start : columns.stop]
        height_px, width_px = frame.shape[:2]
        if self.preprocessing.rows_come_first(width_px, height_px):
            low = rows.apply(np.ascontiguousarray(wanted))
            square = cv2.transpose(columns.apply(np.asarray(cv2.transpose(low), np.uint8)))
        else:
            narrow = columns.apply(np.asarray(cv2.transpose(wanted), np.uint8))
            square = rows.apply(np.asarray(cv2.transpose(narrow), np.uint8))
        return np.asarray(cv2.cvtColor(square, cv2.COLOR_BGR2RGB), np.uint8)
