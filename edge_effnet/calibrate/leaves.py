"""Dead leaves: opaque, textured, shaded pieces of random size that hide each other, as things in photographs do.

References:
    A. B. Lee, D. Mumford, J. Huang, "Occlusion models for natural images", Int. J. Computer Vision 41, 2001: pieces
    whose radii fall as the cube give the scale-invariant statistics of photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.calibrate.draws import Draws, fractal_noise, white_noise

if TYPE_CHECKING:
    from edge_effnet.calibrate.draws import FloatArray

__all__ = [
    "Leaf",
    "Palette",
    "TextureBank",
    "draw_leaf",
    "draw_palette",
    "noise_window",
    "paint_leaf",
    "texture_bank",
]

# Half-planes of a polygon leaf touch the unit circle; it is cut off at this many radii.
_REACH: Final = 1.6
# How a colour moves along the two chroma axes of photographs (blue-yellow, green-magenta), as R, G, B.
_BLUE_YELLOW: Final = (0.75, 0.15, -1.0)
_GREEN_MAGENTA: Final = (0.6, -0.7, 0.5)


@dataclass(frozen=True)
class TextureBank:
    """Noise that every picture of one size cuts its textures from.

    Attributes:
        smooth: ``(side, side)`` 1/f noise, mean about 0, variance about 1.
        rough: ``(side, side)`` noise with more of the fine octaves, mean about 0, variance about 1.
        grain: ``(side, side)`` white noise, variance 1.
    """

    smooth: FloatArray
    rough: FloatArray
    grain: FloatArray


@dataclass(frozen=True)
class Palette:
    """The colours of one picture.

    Attributes:
        luminance: Mean of the pieces, 0 to 255.
        contrast: Standard deviation of the pieces' luminance.
        tint: Chroma shared by all pieces (blue-yellow, green-magenta).
        chroma: Standard deviation of a piece's own chroma.
    """

    luminance: float
    contrast: float
    tint: tuple[float, float]
    chroma: float

    def draw(self, draws: Draws) -> tuple[float, float, float]:
        """Return the colour of one piece, R, G, B, not clipped."""
        level = self.luminance + self.contrast * draws.bell()
        vivid = 3.0 if draws.chance(0.12) else 1.0
        first = self.tint[0] + self.chroma * vivid * draws.bell()
        second = self.tint[1] + 0.5 * self.chroma * vivid * draws.bell()
        red, green, blue = (
            level + first * a + second * b for a, b in zip(_BLUE_YELLOW, _GREEN_MAGENTA, strict=True)
        )
        return red, green, blue


@dataclass(frozen=True)
class Leaf:
    """One opaque piece.

    Attributes:
        x: Centre, pixels.
        y: Centre, pixels.
        radius: Mean radius, pixels.
        axes: Rows of the 2 x 2 matrix from pixels to the unit piece.
        normals: Half-planes ``n . p <= 1`` of a polygon; none for an ellipse.
        softness: Width of its edge, pixels.
        colour: R, G, B.
        texture: Amplitude of its texture.
        rough: Whether that texture is the rough one.
        stripes: Amplitude and wave vector (cycles a pixel) of its stripes.
        shade: Change of brightness from its centre to its rim.
    """

    x: float
    y: float
    radius: float
    axes: tuple[tuple[float, float], tuple[float, float]]
    normals: tuple[tuple[float, float], ...]
    softness: float
    colour: tuple[float, float, float]
    texture: float
    rough: bool
    stripes: tuple[float, float, float]
    shade: float


@lru_cache(maxsize=4)
def texture_bank(set_seed: int, resolution_px: int) -> TextureBank:
    """Return the bank of a set; it is twice as wide as a picture, so that windows differ."""
    side = 2 * resolution_px
    draws = Draws(set_seed, resolution_px, 0)
    return TextureBank(fractal_noise(draws, side), fractal_noise(draws, side, 1.35), white_noise(draws, side))


def noise_window(noise: FloatArray, draws: Draws, height_px: int, width_px: int) -> FloatArray:
    """Return a ``(height, width)`` view at a random place of a noise square that is at least as large."""
    top = draws.integer(0, noise.shape[0] - height_px)
    left = draws.integer(0, noise.shape[1] - width_px)
    return noise[top : top + height_px, left : left + width_px]


def draw_palette(draws: Draws) -> Palette:
    """Choose the colours of a picture: mostly muted, sometimes dark, bright or tinted."""
    return Palette(
        luminance=118.0 + 22.0 * draws.bell(),
        contrast=draws.between(30.0, 75.0),
        tint=(16.0 * draws.bell() + 8.0, 7.0 * draws.bell()),
        chroma=draws.between(4.0, 30.0),
    )


def draw_leaf(
    draws: Draws, palette: Palette, resolution_px: int, radii: tuple[float, float], least_stretch: float = 1.0
) -> Leaf:
    """Choose a piece at random.

    Args:
        draws: Random numbers.
        palette: Colours of the picture.
        resolution_px: Side of the picture.
        radii: Smallest and largest radius as fractions of that side; their density falls as the cube.
        least_stretch: Smallest ratio of length to width.
    """
    smallest, largest = radii
    shrink = 1.0 - draws.unit() * (1.0 - (smallest / largest) ** 2)
    radius = smallest * resolution_px / float(np.sqrt(shrink))
    cosine, sine = draws.direction()
    stretch = least_stretch * (draws.between(1.0, 2.2) if draws.chance(0.7) else draws.between(2.2, 7.0))
    long, short = 1.0 / (radius * float(np.sqrt(stretch))), float(np.sqrt(stretch)) / radius
    sides = draws.choice((0, 0, 3, 4, 4, 5))
    blur_px = 1.0 if draws.chance(0.75) else 1.0 + draws.between(0.0, 0.04) * resolution_px
    wave_x, wave_y = draws.direction()
    frequency = draws.between(0.03, 0.3) * 224.0 / resolution_px
    return Leaf(
        x=draws.between(-0.05, 1.05) * resolution_px,
        y=draws.between(-0.05, 1.05) * resolution_px,
        radius=radius,
        axes=((cosine * long, sine * long), (-sine * short, cosine * short)),
        normals=_polygon(draws, sides),
        softness=max(1.0, min(radius, blur_px)),
        colour=palette.draw(draws),
        texture=_texture_amplitude(draws),
        rough=draws.chance(0.5),
        stripes=(
            draws.between(5.0, 45.0) if draws.chance(0.15) else 0.0,
            wave_x * frequency,
            wave_y * frequency,
        ),
        shade=18.0 * draws.bell(),
    )


def paint_leaf(canvas: FloatArray, leaf: Leaf, bank: TextureBank, draws: Draws) -> None:
    """Lay a piece over ``canvas``, ``(3, height, width)``, in place."""
    (a, b), (c, d) = leaf.axes
    reach_x, reach_y = _reach(a, b, c, d)
    left, right = _span(leaf.x, reach_x, canvas.shape[2])
    top, bottom = _span(leaf.y, reach_y, canvas.shape[1])
    if left >= right or top >= bottom:
        return
    dx = np.arange(left, right, dtype=np.float32) + np.float32(0.5 - leaf.x)
    dy = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - leaf.y))[:, None]
    u, v = dx * np.float32(a) + dy * np.float32(b), dx * np.float32(c) + dy * np.float32(d)
    alpha = _coverage(u, v, leaf)
    surface = u * np.float32(leaf.shade)
    if leaf.texture:
        noise = bank.rough if leaf.rough else bank.smooth
        surface += noise_window(noise, draws, bottom - top, right - left) * np.float32(leaf.texture)
    if leaf.stripes[0]:
        surface += _stripes(dx, dy, leaf.stripes)
    for plane, colour in zip(canvas, leaf.colour, strict=True):
        patch = plane[top:bottom, left:right]
        patch += alpha * (surface + np.float32(colour) - patch)


def _texture_amplitude(draws: Draws) -> float:
    """A third of things are plain, the others have texture of any strength."""
    return 0.0 if draws.chance(0.3) else draws.between(2.0, 36.0)


def _polygon(draws: Draws, sides: int) -> tuple[tuple[float, float], ...]:
    """Return half-planes ``n . p <= 1``; some are nearer than the unit circle, so that pieces are irregular."""
    normals = []
    for _ in range(sides):
        x, y = draws.direction()
        nearness = draws.between(1.0, 1.8)
        normals.append((x * nearness, y * nearness))
    return tuple(normals)


def _coverage(u: FloatArray, v: FloatArray, leaf: Leaf) -> FloatArray:
    """Return the opacity, 0 to 1: a ramp of the piece's softness across its edge."""
    distance = np.sqrt(u * u + v * v)
    if leaf.normals:
        distance *= np.float32(1.0 / _REACH)
        for x, y in leaf.normals:
            np.maximum(distance, u * np.float32(x) + v * np.float32(y), out=distance)
    ramp: FloatArray = (np.float32(1.0) - distance) * np.float32(leaf.radius / leaf.softness) + np.float32(
        0.5
    )
    return np.clip(ramp, np.float32(0.0), np.float32(1.0), out=ramp)


def _stripes(dx: FloatArray, dy: FloatArray, stripes: tuple[float, float, float]) -> FloatArray:
    """Return a triangle wave along a direction."""
    amplitude, wave_x, wave_y = stripes
    phase = dx * np.float32(wave_x) + dy * np.float32(wave_y)
    wave: FloatArray = np.abs(phase - np.floor(phase) - np.float32(0.5)) - np.float32(0.25)
    wave *= np.float32(4.0 * amplitude)
    return wave


def _reach(a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """Return half the width and height of the box round a piece, in pixels, its cut-off and soft edge included."""
    determinant = abs(a * d - b * c)
    width = float(np.sqrt(d * d + b * b)) / determinant
    height = float(np.sqrt(c * c + a * a)) / determinant
    return _REACH * width + 1.0, _REACH * height + 1.0


def _span(centre: float, reach: float, length: int) -> tuple[int, int]:
    """Return the first pixel and the one past the last within reach."""
    return max(0, int(centre - reach)), min(length, int(centre + reach) + 1)
