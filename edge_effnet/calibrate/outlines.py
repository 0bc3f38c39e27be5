"""The ten outlines of ``shapes10``: for points of the plane, which lie inside. Each fills the unit circle roughly.

Only exactly rounded operations are used (see `edge_effnet.calibrate.draws`), so corners are written as numbers.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.bool_]
    Outline = Callable[[FloatArray, FloatArray], Mask]

__all__ = ["CLASS_NAMES", "OUTLINES"]

# cos and sin of 18, 54, 30 and 60 degrees: corners of the star and the hexagon.
_C18, _S18, _C54, _S54 = 0.9510565, 0.3090170, 0.5877853, 0.8090170
_C30: Final = 0.8660254
_INNER: Final = 0.42

_STAR: Final = (
    (0.0, -1.0),
    (_C54 * _INNER, -_S54 * _INNER),
    (_C18, -_S18),
    (_C18 * _INNER, _S18 * _INNER),
    (_C54, _S54),
    (0.0, _INNER),
    (-_C54, _S54),
    (-_C18 * _INNER, _S18 * _INNER),
    (-_C18, -_S18),
    (-_C54 * _INNER, -_S54 * _INNER),
)
_TRIANGLE: Final = ((0.0, -1.0), (_C30, 0.5), (-_C30, 0.5))
_ARROW: Final = ((0.0, -1.0), (0.8, -0.1), (0.3, -0.1), (0.3, 0.95), (-0.3, 0.95), (-0.3, -0.1), (-0.8, -0.1))


def _disc(u: FloatArray, v: FloatArray) -> Mask:
    inside: Mask = u * u + v * v <= np.float32(0.85)
    return inside


def _ring(u: FloatArray, v: FloatArray) -> Mask:
    square = u * u + v * v
    inside: Mask = (square <= np.float32(1.0)) & (square >= np.float32(0.3))
    return inside


def _square(u: FloatArray, v: FloatArray) -> Mask:
    inside: Mask = np.maximum(np.abs(u), np.abs(v)) <= np.float32(0.8)
    return inside


def _cross(u: FloatArray, v: FloatArray) -> Mask:
    far, near = np.maximum(np.abs(u), np.abs(v)), np.minimum(np.abs(u), np.abs(v))
    inside: Mask = (far <= np.float32(1.0)) & (near <= np.float32(0.31))
    return inside


def _crescent(u: FloatArray, v: FloatArray) -> Mask:
    bite = u - np.float32(0.45)
    inside: Mask = (u * u + v * v <= np.float32(1.0)) & (bite * bite + v * v >= np.float32(0.64))
    return inside


def _heart(u: FloatArray, v: FloatArray) -> Mask:
    """Two discs over the rotated square that they touch."""
    side = np.abs(u) - np.float32(0.45)
    top = v + np.float32(0.35)
    lobes = side * side + top * top <= np.float32(0.26)
    body = (np.abs(u) * np.float32(1.05) + v <= np.float32(0.9)) & (v >= np.float32(-0.35))
    inside: Mask = lobes | (body & (np.abs(u) <= np.float32(0.96)))
    return inside


def _hexagon(u: FloatArray, v: FloatArray) -> Mask:
    slope = np.abs(u) * np.float32(0.5) + np.abs(v) * np.float32(_C30)
    inside: Mask = np.maximum(np.abs(u), slope) <= np.float32(0.84)
    return inside


def _polygon(corners: Sequence[tuple[float, float]], u: FloatArray, v: FloatArray) -> Mask:
    """Return the points inside a polygon: those whose ray to the right crosses its sides an odd number of times."""
    inside = np.zeros(u.shape, np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y1 == y2:
            continue
        slope = np.float32((x2 - x1) / (y2 - y1))
        crosses = (v < np.float32(y1)) != (v < np.float32(y2))
        inside ^= crosses & (u < (v - np.float32(y1)) * slope + np.float32(x1))
    return inside


OUTLINES: Final[Mapping[str, Outline]] = {
    "arrow": partial(_polygon, _ARROW),
    "crescent": _crescent,
    "cross": _cross,
    "disc": _disc,
    "heart": _heart,
    "hexagon": _hexagon,
    "ring": _ring,
    "square": _square,
    "star": partial(_polygon, _STAR),
    "triangle": partial(_polygon, _TRIANGLE),
}
"""Class name -> outline; the order is the order of the labels."""

CLASS_NAMES: Final = tuple(OUTLINES)
