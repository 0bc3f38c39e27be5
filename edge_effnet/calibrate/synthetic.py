"""The set ``synthetic-v1``: calibration pictures from a seed, with statistics like those of photographs.

Each picture is a stack of dead leaves over 1/f noise, lit unevenly, out of focus to some degree, with sensor grain.
It shows nothing that a network knows: it is for ranges where no real picture is at hand, and costs accuracy against
real ones.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.calibrate.draws import Draws, smooth_noise
from edge_effnet.calibrate.leaves import draw_leaf, draw_palette, noise_window, paint_leaf, texture_bank

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.calibrate.draws import FloatArray
    from edge_effnet.calibrate.leaves import Palette, TextureBank
    from edge_effnet.images import Pixels

__all__ = ["backdrop", "blur", "finish", "light", "render_picture", "renderer"]

# Radii as fractions of the side and how many: large things behind, then smaller ones.
_LAYERS: Final = (((0.25, 0.7), 2, 6), ((0.08, 0.4), 4, 16), ((0.018, 0.25), 10, 60))
# Filters one after another: most pictures are sharp or sharpened, some are out of focus.
_FOCUS: Final = ((), (), (-0.15,), (-0.15,), (-0.25,), (0.25,), (0.25, 0.25))
# Values within _TOE of black and white are bent; the stretch then clips about 1 % at each end, as in photographs.
_TOE: Final = 24.0
_STRETCH: Final = 1.04
_PICTURE_STREAM: Final = 1


def renderer(set_seed: int, seed: int, resolution_px: int) -> Callable[[int], Pixels]:
    """Return a function that draws picture ``i`` of the set, ``(resolution, resolution, 3) uint8``."""
    return partial(render_picture, set_seed, seed, resolution_px)


def render_picture(set_seed: int, seed: int, resolution_px: int, index: int) -> Pixels:
    """Draw one picture; the same four numbers give the same bytes everywhere."""
    draws = Draws(set_seed, _PICTURE_STREAM, seed, index)
    bank = texture_bank(set_seed, resolution_px)
    palette = draw_palette(draws)
    canvas = backdrop(draws, palette, bank, resolution_px, draws.between(3.0, 40.0))
    for radii, fewest, most in _LAYERS:
        for _ in range(draws.integer(fewest, most)):
            paint_leaf(canvas, draw_leaf(draws, palette, resolution_px, radii), bank, draws)
    light(canvas, draws)
    for weight in draws.choice(_FOCUS):
        blur(canvas, weight)
    return finish(canvas, draws, bank, grain=draws.between(0.0, 6.0))


def backdrop(
    draws: Draws, palette: Palette, bank: TextureBank, resolution_px: int, amplitude: float
) -> FloatArray:
    """Return ``(3, resolution, resolution)``: one colour with 1/f texture, the same on the three channels."""
    texture = noise_window(bank.smooth, draws, resolution_px, resolution_px) * np.float32(amplitude)
    return np.stack([texture + np.float32(colour) for colour in palette.draw(draws)])


def light(canvas: FloatArray, draws: Draws) -> None:
    """Multiply by a smooth field: a slope across the picture and soft patches of shadow."""
    side = canvas.shape[1]
    along = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(1.0 / side) - np.float32(0.5)
    slope_x, slope_y = 0.35 * draws.bell(), 0.35 * draws.bell()
    patches = smooth_noise(draws, side, draws.integer(2, 4)) * np.float32(draws.between(0.0, 0.35))
    field = patches + (along * np.float32(slope_x) + (along * np.float32(slope_y))[:, None]) + np.float32(1.0)
    canvas *= np.maximum(field, np.float32(0.15))


def blur(canvas: FloatArray, weight: float) -> None:
    """Filter in place with the kernel (w, 1 - 2w, w) along both axes; the border pixel keeps its value.

    Args:
        canvas: ``(3, height, width)``.
        weight: Above 0 blurs, below 0 sharpens as cameras do.
    """
    for view in (canvas, canvas.transpose(0, 2, 1)):
        inner = view[:, 1:-1]
        inner += (view[:, :-2] - inner + view[:, 2:] - inner) * np.float32(weight)


def finish(canvas: FloatArray, draws: Draws, bank: TextureBank, *, grain: float) -> Pixels:
    """Add grain, bend the tones and return ``(height, width, 3) uint8``."""
    _, height, width = canvas.shape
    for channel in range(3):
        canvas[channel] += noise_window(bank.grain, draws, height, width) * np.float32(grain)
    white = np.float32(255.0)
    toned = (white - _toe(white - _toe(canvas))) * np.float32(_STRETCH) + np.float32(
        128.0 - 128.0 * _STRETCH + 0.5
    )
    clipped = np.clip(toned, np.float32(0.0), white).astype(np.uint8)
    return np.ascontiguousarray(clipped.transpose(1, 2, 0))


def _toe(values: FloatArray) -> FloatArray:
    """Bend values below 24 along a hyperbola that joins smoothly and stays above 0, as film and cameras do."""
    toe = np.float32(_TOE)
    return np.where(values < toe, toe * toe / (toe + toe - np.minimum(values, toe)), values)
