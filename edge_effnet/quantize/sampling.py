"""Draw rows from activations: the same places every time, spread evenly over the images, images in order."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.keras import import_tensorflow

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.models.graph import Node

    Floats = npt.NDArray[np.float32]

__all__ = ["as_array", "sample_patches", "sample_rows"]

_SEED: Final = 20190528


def as_array(values: Any) -> Floats:
    """Return an eager tensor's own memory as an array; `numpy.asarray` would copy it."""
    return values if isinstance(values, np.ndarray) else np.asarray(memoryview(values))


@functools.lru_cache(maxsize=64)  # the same few shapes come again in every block
def _places(images: int, positions: int, rows: int) -> npt.NDArray[np.intp]:
    """Return ``(images, k)`` positions, ``k`` of each image, so that about ``rows`` are drawn."""
    each = min(positions, max(1, math.ceil(rows / images)))
    generator = np.random.default_rng(_SEED)
    return np.sort(np.array([generator.permutation(positions)[:each] for _ in range(images)]), axis=1)


def sample_rows(values: Any, rows: int) -> Floats:
    """Return about ``rows`` rows ``(rows, channels)`` of an activation ``(images, ..., channels)``."""
    flat = as_array(values).reshape(len(values), -1, values.shape[-1])
    return _picked(flat, _places(flat.shape[0], flat.shape[1], rows))


def _picked(flat: Floats, places: npt.NDArray[np.intp]) -> Floats:
    """Return rows ``places`` of each image of ``(images, positions, channels)``, one below the other."""
    images, positions, channels = flat.shape
    rows = (np.arange(images)[:, None] * positions + places).ravel()
    return np.asarray(flat.reshape(-1, channels)[rows])


def sample_patches(node: Node, given: Any, wanted: Any, rows: int) -> tuple[Floats, Floats]:
    """Return what a convolution or dense layer reads at some places, and what it should give there.

    Args:
        node: The operator.
        given: Its input, ``(images, height, width, channels)``.
        wanted: Its output before the activation.
        rows: About how many places.

    Returns:
        ``(rows, fan_in)`` and ``(rows, out)``, ordered by image.
    """
    tf = import_tensorflow()
    outputs = as_array(wanted).reshape(len(wanted), -1, wanted.shape[-1])
    places = _places(outputs.shape[0], outputs.shape[1], rows)
    assert node.kernel is not None  # noqa: S101 - callers ask only operators with weights
    inputs: list[Floats] = []
    for image, chosen in zip(as_array(given), places, strict=True):
        if node.kind == "conv" and node.kernel.shape[:2] != (1, 1):
            size, step = [1, *node.kernel.shape[:2], 1], [1, *node.strides, 1]
            patches = tf.image.extract_patches(
                image[None], size, step, [1, 1, 1, 1], str(node.padding).upper()
            )
            columns = np.asarray(patches).reshape(outputs.shape[1], -1)
        elif node.kind == "conv":
            columns = np.asarray(image[:: node.strides[0], :: node.strides[1]]).reshape(outputs.shape[1], -1)
        else:
            columns = np.asarray(image).reshape(1, -1)
        inputs.append(columns[chosen])
    return np.concatenate(inputs), _picked(outputs, places)
