"""A model with its weights, and everything that later stages need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edge_effnet.errors import UsageError
from edge_effnet.models.keras import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from edge_effnet.variants.spec import Architecture, Normalisation

__all__ = ["BuiltModel", "WeightsRecord"]


@dataclass(frozen=True)
class WeightsRecord:
    """Where weights are from.

    Attributes:
        source: The file's name, the address it was downloaded from, or the seed.
        sha256: Of the file; of the values where they are random.
        kind: ``random`` weights must never be given an accuracy.
    """

    source: str
    sha256: str
    kind: Literal["random", "imagenet", "file"]


@dataclass(frozen=True)
class BuiltModel:
    """A Keras model that takes normalised RGB pixels and gives logits.

    Attributes:
        id: Such as ``b0`` or ``resnet50``.
        keras: tf_keras functional model, ``(batch, resolution_px, resolution_px, 3) float32`` -> logits.
        architecture: What it was built from; None for a baseline.
        normalisation: What must be done to the pixels (0..255, RGB) before the model.
        crop_fraction: Side of the central crop over the picture's short side, in the published evaluation.
        resolution_px: Side of the square input.
        labels: Class names in the order of the outputs, where known.
        weights: Where they are from.
        notes: What is worth knowing about them, one sentence each.
    """

    id: str
    keras: Any
    architecture: Architecture | None
    normalisation: Normalisation
    crop_fraction: float
    resolution_px: int
    labels: tuple[str, ...] | None
    weights: WeightsRecord
    notes: tuple[str, ...] = ()

    def normalise(self, pixels: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return ``(pixels - mean) / std``; ``pixels`` are ``(..., 3)`` RGB in 0..255."""
        mean, std = (
            np.asarray(side, np.float32) for side in (self.normalisation.mean, self.normalisation.std)
        )
        return np.asarray((np.asarray(pixels, np.float32) - mean) / std)

    def predict_logits(self, pixels: npt.ArrayLike, batch_size: int = 32) -> npt.NDArray[np.float32]:
        """Return the logits of pictures.

        Args:
            pixels: ``(n, resolution_px, resolution_px, 3)`` RGB in 0..255; n may be 0.
            batch_size: Pictures per call; the model's own where that is fixed.

        Returns:
            ``(n, classes)``.

        Raises:
            UsageError: The pictures have another shape, or the batch size is below 1.
        """
        pixels = np.asarray(pixels)
        expected = (self.resolution_px, self.resolution_px, 3)
        if pixels.ndim != 4 or pixels.shape[1:] != expected:
            raise UsageError(
                "pictures of the wrong shape",
                got=pixels.shape,
                allowed=f"(n, {', '.join(map(str, expected))})",
            )
        if batch_size < 1:
            raise UsageError("the batch size is too small", got=batch_size, allowed="1 or more")
        fixed = self.keras.inputs[0].shape[0]
        step = fixed or batch_size
        outputs = [np.empty((0, *self.keras.outputs[0].shape[1:]), np.float32)]
        for start in range(0, len(pixels), step):
            batch = self.normalise(pixels[start : start + step])
            count = len(batch)
            if fixed and count < fixed:
                batch = np.concatenate([batch, np.zeros((fixed - count, *expected), np.float32)])
            outputs.append(np.asarray(self._forward(batch))[:count])
        return np.concatenate(outputs)

    @cached_property
    def _forward(self) -> Callable[[Any], Any]:
        """The model as one traced function, which spares Python the walk through its layers."""
        tensorflow = import_tensorflow()
        signature = tensorflow.TensorSpec(self.keras.inputs[0].shape, tensorflow.float32)
        call: Callable[[Any], Any] = tensorflow.function(
            lambda batch: self.keras(batch, training=False), input_signature=[signature]
        )
        return call
