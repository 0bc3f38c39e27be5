"""The normalisation that a weights file brings along, against the one that the variant is published with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from edge_effnet.models.weights import Floats, Target

__all__ = ["adopted", "keras_normalisation", "normalisation_layer"]

_EPSILON = 1e-7  # Keras' Normalization layer divides by no less
_TOLERANCE = 1e-3


def keras_normalisation(
    statistics: Mapping[str, Floats], target: Target
) -> tuple[Normalisation | None, tuple[str, ...]]:
    """Tell the normalisation that Keras' Normalization layer holds, behind a rescaling by 1/255.

    The official releases of B0 to B7 store the standard deviation where the layer expects the variance, and
    ``weights="imagenet"`` adds a division by its root; other files store the variance. Both mean the same.

    Args:
        statistics: ``mean`` and ``variance`` of the layer, on the scale 0..1; empty where the file has no such layer.
        target: The model.

    Returns:
        None where the file agrees with the variant or says nothing, and notes.

    Raises:
        DataError: The layer is incomplete, or its numbers are impossible.
    """
    if not statistics:
        return None, ()
    try:
        mean = np.asarray(statistics["mean"], np.float64).reshape(3)
        variance = np.asarray(statistics["variance"], np.float64).reshape(3)
    except (KeyError, ValueError) as error:
        raise DataError(
            "the weights file's Normalization layer is not for RGB pictures", got=sorted(statistics)
        ) from error
    if not (np.isfinite(mean).all() and np.isfinite(variance).all() and (variance >= 0).all()):
        raise DataError(
            "the weights file's Normalization layer holds impossible numbers", got=(mean, variance)
        )
    published = target.normalisation
    std = np.maximum(np.sqrt(variance), _EPSILON)
    if _alike(mean * 255, published.mean) and _alike(variance * 255, published.std):
        std = variance
    return adopted(Normalisation(_triple(mean * 255), _triple(std * 255)), target)


def normalisation_layer(
    published: Normalisation, normalisation: Normalisation
) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """Return the Normalization layer by which a file says what `keras_normalisation` reads; none where it is the published one."""
    if normalisation == published:
        return {}
    mean = np.asarray(normalisation.mean, np.float32) / np.float32(255)
    variance = (np.asarray(normalisation.std, np.float32) / np.float32(255)) ** 2
    return {"normalization": {"normalization/mean:0": mean, "normalization/variance:0": variance}}


def adopted(normalisation: Normalisation, target: Target) -> tuple[Normalisation | None, tuple[str, ...]]:
    """Return None where ``normalisation`` is the published one but for rounding, else itself and a note."""
    published = target.normalisation
    if _alike(normalisation.mean, published.mean) and _alike(normalisation.std, published.std):
        return None, ()
    note = f"the file's own normalisation is used: {_words(normalisation)}; published: {_words(published)}"
    return normalisation, (note,)


def _alike(these: object, those: object) -> bool:
    return bool(np.allclose(np.asarray(these, float), np.asarray(those, float), rtol=_TOLERANCE, atol=1e-6))


def _triple(values: object) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in np.asarray(values, np.float64))
    return red, green, blue


def _words(normalisation: Normalisation) -> str:
    mean, std = (
        ", ".join(f"{value:g}" for value in side) for side in (normalisation.mean, normalisation.std)
    )
    return f"(pixel - ({mean})) / ({std})"
