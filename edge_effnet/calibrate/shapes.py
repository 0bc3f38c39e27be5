"""The set ``shapes10-v1``: ten shapes to classify, drawn from a seed, for a demonstration that is real end to end.

Each picture shows one shape, of random size, place, turn, slant, colour and texture, over and under clutter that is
made of other outlines (thin polygons and ellipses), lit unevenly, blurred or sharpened, with grain. How hard all of this
makes it is drawn for each picture, more often plain than barely visible, so that a network learns from the plain ones
first and none gets all of them right.
Splits are disjoint streams of random numbers. Classes come in turns, so any run of ten pictures holds each class once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.calibrate.draws import Draws
from edge_effnet.calibrate.leaves import draw_leaf, draw_palette, noise_window, paint_leaf, texture_bank
from edge_effnet.calibrate.outlines import CLASS_NAMES, OUTLINES
from edge_effnet.calibrate.synthetic import backdrop, blur, finish, light
from edge_effnet.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_effnet.calibrate.draws import FloatArray
    from edge_effnet.calibrate.leaves import Palette, TextureBank
    from edge_effnet.images import Pixels

__all__ = ["CLASS_NAMES", "RESOLUTION_PX", "SPLITS", "label_of", "render", "renderer"]

RESOLUTION_PX: Final = 128
SPLITS: Final[Mapping[str, int]] = {"train": 11, "val": 12, "test": 13}
"""Split -> the number of its random stream."""

_SET_SEED: Final = 20240610
_FOCUS: Final = ((), (), (-0.2,), (0.25,), (0.25, 0.25), (0.25, 0.25, 0.25))
_SAMPLES: Final = 2
# The outline that reaches furthest (1.05) under the strongest perspective (0.35): 1.05 / (1 - 0.35 * 1.05) radii.
_REACH: Final = 1.7
_LEAST_CONTRAST: Final = 40.0
_MOST_CONTRAST: Final = 80.0
_MOST_TRIES: Final = 24
# Clutter is always longer than a slanted shape can be, so that no piece of it passes for a disc, square or hexagon.
_CLUTTER_STRETCH: Final = 2.0
_SMALLEST_CLUTTER: Final = 0.04


@dataclass(frozen=True)
class _Pose:
    """Where the shape is: from pixels to the plane of its outline, and its extent.

    Attributes:
        x: Centre, pixels.
        y: Centre, pixels.
        reach: Half the side of the box round it, pixels.
        axes: Rows of the 2 x 2 matrix from pixels to the outline's plane.
        tilt: How the scale changes across the picture, per pixel (perspective).
    """

    x: float
    y: float
    reach: float
    axes: tuple[tuple[float, float], tuple[float, float]]
    tilt: tuple[float, float]


def renderer(set_seed: int, seed: int, resolution_px: int) -> Callable[[int], Pixels]:
    """Return a function that draws picture ``i`` of the training split, ``(resolution, resolution, 3) uint8``."""
    return partial(_render, set_seed, SPLITS["train"], seed, resolution_px)


def label_of(index: int) -> int:
    """Return the class of picture ``index`` of any split, 0 to 9."""
    return index % len(CLASS_NAMES)


def render(
    split: str, index: int, resolution_px: int = RESOLUTION_PX, *, hardest: float = 1.0
) -> tuple[Pixels, int]:
    """Draw one picture; the same arguments give the same bytes everywhere.

    Args:
        split: ``train``, ``val`` or ``test``.
        index: 0 or more; there is no last picture.
        resolution_px: Side of the picture.
        hardest: Limit of how hard pictures are, 0 (plain) to 1 (the set as published); training may begin below 1.

    Returns:
        ``(resolution, resolution, 3) uint8`` and the label, 0 to 9, in the order of `CLASS_NAMES`.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    if index < 0 or not 0.0 <= hardest <= 1.0:
        raise UsageError(
            "index or hardest out of range", got=(index, hardest), allowed="index >= 0, hardest 0 to 1"
        )
    return _render(_SET_SEED, SPLITS[split], 0, resolution_px, index, hardest), label_of(index)


def _render(
    set_seed: int, stream: int, seed: int, resolution_px: int, index: int, hardest: float = 1.0
) -> Pixels:
    draws = Draws(set_seed, stream, seed, index)
    bank = texture_bank(set_seed, resolution_px)
    palette = draw_palette(draws)
    hardness = hardest * draws.unit() * draws.unit()
    canvas = backdrop(draws, palette, bank, resolution_px, draws.between(2.0, 8.0 + 24.0 * hardness))
    _clutter(canvas, draws, palette, bank, count=int(hardness * draws.between(2.0, 18.0)), largest=0.4)
    pose = _draw_pose(draws, resolution_px, hardness)
    _paint_shape(canvas, draws, palette, bank, CLASS_NAMES[label_of(index)], pose, hardness)
    _clutter(canvas, draws, palette, bank, count=int(hardness * draws.between(0.0, 7.0)), largest=0.11)
    light(canvas, draws)
    for weight in draws.choice(_FOCUS):
        blur(canvas, weight)
    return finish(canvas, draws, bank, grain=hardness * draws.between(0.0, 16.0))


def _clutter(
    canvas: FloatArray, draws: Draws, palette: Palette, bank: TextureBank, *, count: int, largest: float
) -> None:
    for _ in range(count):
        leaf = draw_leaf(draws, palette, canvas.shape[1], (_SMALLEST_CLUTTER, largest), _CLUTTER_STRETCH)
        paint_leaf(canvas, leaf, bank, draws)


def _draw_pose(draws: Draws, resolution_px: int, hardness: float) -> _Pose:
    """Any turn; slanted by up to about 1.5 to 1; mostly inside the picture; smaller where it is to be hard."""
    radius = resolution_px * draws.between(0.32 - 0.17 * hardness, 0.38)
    room = max(0.0, 0.5 - 0.9 * radius / resolution_px)
    first, second = draws.direction(), draws.direction()
    stretch = 1.0 + 0.5 * hardness * draws.unit()
    long, short = 1.0 / (radius * stretch), 1.0 / radius
    (a, b), (c, d) = first, second
    # Turn, stretch along one axis, turn back by another angle: any slant without a preferred direction.
    axes = (
        (c * a * long + d * b * short, c * b * long - d * a * short),
        (d * a * long - c * b * short, d * b * long + c * a * short),
    )
    tilt_x, tilt_y = draws.direction()
    strength = hardness * draws.between(0.0, 0.35) / (radius * stretch)
    return _Pose(
        x=resolution_px * (0.5 + room * draws.between(-1.0, 1.0)),
        y=resolution_px * (0.5 + room * draws.between(-1.0, 1.0)),
        reach=radius * stretch * _REACH,
        axes=axes,
        tilt=(tilt_x * strength, tilt_y * strength),
    )


def _paint_shape(
    canvas: FloatArray,
    draws: Draws,
    palette: Palette,
    bank: TextureBank,
    name: str,
    pose: _Pose,
    hardness: float,
) -> None:
    """Lay the shape over the canvas, in a colour that stands out from what is under it."""
    side = canvas.shape[1]
    left, right = max(0, int(pose.x - pose.reach)), min(side, int(pose.x + pose.reach) + 1)
    top, bottom = max(0, int(pose.y - pose.reach)), min(side, int(pose.y + pose.reach) + 1)
    alpha = _coverage(name, pose, (left, right), (top, bottom))
    patch = canvas[:, top:bottom, left:right]
    colour = _colour_that_shows(
        draws, palette, patch, _MOST_CONTRAST - hardness * (_MOST_CONTRAST - _LEAST_CONTRAST)
    )
    noise = bank.rough if draws.chance(0.5) else bank.smooth
    texture = noise_window(noise, draws, bottom - top, right - left) * np.float32(
        draws.between(0.0, 8.0 + 20.0 * hardness)
    )
    opacity = alpha * np.float32(draws.between(0.85, 1.0))
    for plane, level in zip(patch, colour, strict=True):
        plane[...] = plane + opacity * (texture + np.float32(level) - plane)


def _coverage(name: str, pose: _Pose, columns: tuple[int, int], rows: tuple[int, int]) -> FloatArray:
    """Return the share of each pixel that the outline covers, from 2 x 2 samples."""
    x = _positions(*columns) - np.float32(pose.x)
    y = (_positions(*rows) - np.float32(pose.y))[:, None]
    scale = x * np.float32(pose.tilt[0]) + y * np.float32(pose.tilt[1]) + np.float32(1.0)
    (a, b), (c, d) = pose.axes
    u = (x * np.float32(a) + y * np.float32(b)) / scale
    v = (x * np.float32(c) + y * np.float32(d)) / scale
    inside = OUTLINES[name](u, v).astype(np.float32)
    pairs = inside[0::_SAMPLES] + inside[1::_SAMPLES]
    share: FloatArray = (pairs[:, 0::_SAMPLES] + pairs[:, 1::_SAMPLES]) * np.float32(0.25)
    return share


def _positions(first: int, end: int) -> FloatArray:
    """Return where the samples of pixels ``first`` to ``end`` (excluded) lie."""
    count = (end - first) * _SAMPLES
    offsets: FloatArray = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * np.float32(1.0 / _SAMPLES)
    offsets += np.float32(first)
    return offsets


def _visible_difference(first: float, second: float) -> float:
    """Return the difference of two levels after clipping to 0..255: two whites look the same."""
    return abs(min(max(first, 0.0), 255.0) - min(max(second, 0.0), 255.0))


def _colour_that_shows(
    draws: Draws, palette: Palette, patch: FloatArray, contrast: float
) -> tuple[float, float, float]:
    """Draw colours until one differs enough from the ground under the shape, sampled at a few points."""
    rows, columns = patch.shape[1], patch.shape[2]
    points = [(rows * i // 6, columns * j // 6) for i in (2, 3, 4) for j in (2, 3, 4)]
    ground = [sum(float(plane[point]) for point in points) / len(points) for plane in patch]
    colour = palette.draw(draws)
    for _ in range(_MOST_TRIES):
        if max(map(_visible_difference, colour, ground)) >= contrast:
            break
        colour = palette.draw(draws)
    return colour
