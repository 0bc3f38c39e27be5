"""A network of four layers with the names of an EfficientNet's, and folders of pictures that can be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge_effnet.images import Preprocessing
from edge_effnet.models.built import BuiltModel, WeightsRecord
from edge_effnet.models.keras import import_keras
from edge_effnet.train.data import open_pictures
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.train.data import Pictures

SIDE_PX = 16
CLASSES = ("blue", "green", "red")


def write_pictures(
    folder: Path, count: int, *, classes: tuple[str, ...] = CLASSES, side_px: int = 20, seed: int = 0
) -> Path:
    """Write ``count`` PNG files per class: noise with the class's own channel brighter."""
    rng = np.random.default_rng(seed)
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = rng.integers(0, 150, (side_px, side_px, 3))
            pixels[:, :, place % 3] += 60
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:02d}.png")
    return folder


def tiny_pictures(folder: Path, count: int = 8, seed: int = 0, side_px: int = SIDE_PX) -> Pictures:
    """Write and open pictures as a network of `SIDE_PX` sees them."""
    return open_pictures(write_pictures(folder, count, seed=seed), Preprocessing(side_px, 1.0))


def tiny_network(classes: int = len(CLASSES), *, moving_mean: float = 0.1) -> BuiltModel:
    """Build the network, with weights from a seed."""
    keras = import_keras()
    layers = keras.layers
    inputs = keras.Input((SIDE_PX, SIDE_PX, 3), name="input")
    tensor = layers.Conv2D(4, 3, 2, use_bias=False, name="stem_conv")(inputs)
    tensor = layers.BatchNormalization(name="stem_bn")(tensor)
    tensor = layers.Activation("relu", name="stem_activation")(tensor)
    tensor = layers.Conv2D(6, 3, use_bias=False, name="block1a_project_conv")(tensor)
    tensor = layers.BatchNormalization(name="block1a_project_bn")(tensor)
    tensor = layers.Dropout(0.5, name="block1a_drop")(tensor)
    tensor = layers.Conv2D(8, 1, use_bias=False, name="top_conv")(tensor)
    tensor = layers.Activation("relu", name="top_activation")(tensor)
    tensor = layers.GlobalAveragePooling2D(name="avg_pool")(tensor)
    tensor = layers.Dropout(0.5, name="top_dropout")(tensor)
    model = keras.Model(inputs, layers.Dense(classes, name="predictions")(tensor))
    rng = np.random.default_rng(3)
    model.set_weights(
        [_first(variable.name, tuple(variable.shape), rng, moving_mean) for variable in model.weights]
    )
    return BuiltModel(
        id="lite0", keras=model, architecture=None, normalisation=Normalisation((127.0,) * 3, (128.0,) * 3),
        crop_fraction=1.0, resolution_px=SIDE_PX, labels=None, weights=WeightsRecord("test", "0" * 64, "random"),
    )  # fmt: skip


def _first(name: str, shape: tuple[int, ...], rng: np.random.Generator, moving_mean: float) -> np.ndarray:
    fixed = {"gamma": 1.0, "beta": 0.0, "moving_mean": moving_mean, "moving_variance": 1.0, "bias": 0.0}
    for leaf, value in fixed.items():
        if leaf in name:
            return np.full(shape, value, np.float32)
    return (rng.standard_normal(shape) * 0.3).astype(np.float32)
