"""What the rows of `edge_effnet.train.augment` do, in stateless TensorFlow.

``crop`` and ``picture`` rows take one picture, ``(side, side, 3) float32`` in 0..255, a seed ``(2,) int32`` and a strength
above 0, at most 1; ``batch`` rows take pictures ``(n, side, side, 3)``, targets ``(n, classes)`` or None, a seed and a
strength.
"""

from __future__ import annotations

import math
from typing import Any, Final

from edge_effnet.models.keras import import_tensorflow

__all__ = ["central_crop", "colour_jitter", "cutmix", "flip", "mixup", "rand_augment", "random_resized_crop"]

_ASPECT: Final = math.log(4.0 / 3.0)
"""Logarithm of the widest aspect ratio of a crop (Szegedy et al., 2015)."""

_LEAST_AREA: Final = 0.02

_LUMA: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601
_DRAWN: Final = 2
"""Operations that RandAugment applies one after the other."""

_GRAY: Final = 128.0


def _uniform(seed: Any, part: int, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Any:
    """Draw from a seed; ``part`` tells apart the draws of one row."""
    tf = import_tensorflow()
    inner = tf.random.experimental.stateless_fold_in(seed, part)
    return tf.random.stateless_uniform(shape, inner, low, high)


def central_crop(picture: Any, side_px: int) -> Any:
    """Return the middle ``side_px`` of a picture that is at least as large."""
    offset = (picture.shape[0] - side_px) // 2
    return picture[offset : offset + side_px, offset : offset + side_px]


def random_resized_crop(picture: Any, seed: Any, strength: float, side_px: int) -> Any:
    """Cut a rectangle of random area, aspect ratio and place, and make it a square of ``side_px``."""
    tf = import_tensorflow()
    area = _uniform(seed, 0, max(_LEAST_AREA, 1.0 - strength), 1.0)
    stretch = tf.exp(0.5 * _uniform(seed, 1, -_ASPECT, _ASPECT))
    height = tf.minimum(1.0, tf.sqrt(area) / stretch)
    width = tf.minimum(1.0, tf.sqrt(area) * stretch)
    top, left = _uniform(seed, 2) * (1.0 - height), _uniform(seed, 3) * (1.0 - width)
    box = tf.stack([top, left, top + height, left + width])
    return tf.image.crop_and_resize(picture[None], box[None], [0], (side_px, side_px))[0]


def flip(picture: Any, seed: Any, strength: float) -> Any:
    """Mirror left and right with probability ``strength``."""
    tf = import_tensorflow()
    return tf.where(_uniform(seed, 0) < strength, tf.reverse(picture, [1]), picture)


def _blend(picture: Any, other: Any, share: Any) -> Any:
    tf = import_tensorflow()
    return tf.clip_by_value(other + share * (picture - other), 0.0, 255.0)


def _luma(picture: Any) -> Any:
    tf = import_tensorflow()
    return tf.reduce_sum(picture * tf.constant(_LUMA), axis=-1, keepdims=True)


def colour_jitter(picture: Any, seed: Any, strength: float) -> Any:
    """Change brightness, contrast and saturation, each by a factor from ``1 - strength`` to ``1 + strength``."""
    tf = import_tensorflow()
    shares = _uniform(seed, 0, 1.0 - strength, 1.0 + strength, (3,))
    picture = _blend(picture, tf.zeros_like(picture), shares[0])
    picture = _blend(picture, tf.reduce_mean(_luma(picture)), shares[1])
    return _blend(picture, _luma(picture), shares[2])


def _moved(picture: Any, transform: Any) -> Any:
    """Apply a projective transform (8 numbers, output to input pixels); what comes from outside is gray."""
    tf = import_tensorflow()
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=picture[None], transforms=transform[None], output_shape=picture.shape[:2], fill_value=_GRAY,
        interpolation="BILINEAR", fill_mode="CONSTANT",
    )[0]  # fmt: skip


def _affine(picture: Any, xx: Any, xy: Any, yx: Any, yy: Any, shift: tuple[Any, Any] = (0.0, 0.0)) -> Any:
    """Apply a linear map about the middle of a picture, and a shift in shares of its side."""
    tf = import_tensorflow()
    side, middle = float(picture.shape[0]), (picture.shape[0] - 1) / 2
    x_0 = middle - xx * middle - xy * middle + shift[0] * side
    y_0 = middle - yx * middle - yy * middle + shift[1] * side
    numbers = [xx, xy, x_0, yx, yy, y_0, 0.0, 0.0]
    return _moved(picture, tf.stack([tf.cast(number, tf.float32) for number in numbers]))


def _operations(picture: Any, signed: Any, size: float) -> list[Any]:
    """List RandAugment's operations as functions without arguments; ``signed`` is -1 or 1, ``size`` 0 to 1."""
    tf = import_tensorflow()
    zero, mean = tf.zeros_like(picture), tf.reduce_mean(_luma(picture))
    low, high = tf.reduce_min(picture, (0, 1)), tf.reduce_max(picture, (0, 1))
    angle = signed * size * math.radians(30.0)
    turn = (tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle))
    level = 2.0 ** round(4 * size)
    return [
        lambda: picture,
        lambda: _blend(picture, zero, 1.0 + 0.9 * signed * size),
        lambda: _blend(picture, mean, 1.0 + 0.9 * signed * size),
        lambda: _blend(picture, _luma(picture), 1.0 + 0.9 * signed * size),
        lambda: (picture - low) * 255.0 / tf.maximum(high - low, 1.0),
        lambda: tf.floor(picture / level) * level,
        lambda: tf.where(picture >= 256.0 - 128.0 * size, 255.0 - picture, picture),
        lambda: _affine(picture, *turn),
        lambda: _affine(picture, 1.0, 0.3 * signed * size, 0.0, 1.0),
        lambda: _affine(picture, 1.0, 0.0, 0.3 * signed * size, 1.0),
        lambda: _affine(picture, 1.0, 0.0, 0.0, 1.0, (0.3 * signed * size, 0.0)),
        lambda: _affine(picture, 1.0, 0.0, 0.0, 1.0, (0.0, 0.3 * signed * size)),
    ]


def rand_augment(picture: Any, seed: Any, strength: float) -> Any:
    """Apply two operations that are drawn from a list, each with magnitude ``strength`` and a random sign.

    Identity, brightness, contrast, saturation, auto-contrast, posterise, solarise, rotation (30 degrees at most), shear
    and shift along both axes (0.3 at most); the ranges are those of the paper.
    """
    tf = import_tensorflow()
    shape = picture.shape
    for turn in range(_DRAWN):
        signed = tf.sign(_uniform(seed, 2 * turn, -1.0, 1.0))
        operations = _operations(picture, signed, strength)
        choice = tf.cast(_uniform(seed, 2 * turn + 1) * len(operations), tf.int32)
        picture = tf.ensure_shape(tf.switch_case(choice, operations), shape)
    return picture


def _partners(values: Any, share: Any) -> Any:
    """Mix each row of a batch with that of its neighbour, the last with the first."""
    tf = import_tensorflow()
    return share * values + (1.0 - share) * tf.roll(values, 1, 0)


def mixup(pictures: Any, targets: Any, seed: Any, strength: float) -> tuple[Any, Any]:
    """Mix pictures and targets with a share from Beta(strength, strength), one for the batch."""
    tf = import_tensorflow()
    gammas = tf.random.stateless_gamma((2,), seed, strength)
    share = tf.maximum(gammas[0], 1e-30) / tf.maximum(gammas[0] + gammas[1], 1e-30)
    share = tf.clip_by_value(share, 0.0, 1.0)
    return _partners(pictures, share), None if targets is None else _partners(targets, share)


def cutmix(pictures: Any, targets: Any, seed: Any, strength: float) -> tuple[Any, Any]:
    """Lay a rectangle of the neighbour over each picture, with probability ``strength``; targets are mixed by area."""
    tf = import_tensorflow()
    side = pictures.shape[1]
    edge = tf.where(_uniform(seed, 0) < strength, tf.sqrt(1.0 - _uniform(seed, 1)), 0.0)
    middles = _uniform(seed, 2, shape=(2,))
    low = tf.floor(tf.clip_by_value(middles - edge / 2, 0.0, 1.0) * side)
    high = tf.floor(tf.clip_by_value(middles + edge / 2, 0.0, 1.0) * side)
    places = tf.range(side, dtype=tf.float32)
    rows = tf.logical_and(places >= low[0], places < high[0])
    columns = tf.logical_and(places >= low[1], places < high[1])
    inside = tf.logical_and(rows[:, None], columns[None, :])[None, :, :, None]
    share = 1.0 - tf.reduce_mean(tf.cast(inside, tf.float32))
    mixed = tf.where(inside, tf.roll(pictures, 1, 0), pictures)
    return mixed, None if targets is None else _partners(targets, share)
