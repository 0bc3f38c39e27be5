"""Real weights on real photographs."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.images import Preprocessing, load_pixels
from edge_effnet.models import build

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "b0": "efficientnet_b0_imagenet.weights.h5",
    "v2-b0": "efficientnet_v2_b0_imagenet.weights.h5",
    "lite0": "efficientnet_lite0_imagenet_folded.npz",
}


@pytest.mark.shared
@pytest.mark.parametrize("model_id", sorted(FILES))
def test_real_weights_recognise_photographs(model_id: str, shared: Path) -> None:
    """On 65 photographs, spread over the set, more than 60 % are right: weights and normalisation belong together."""
    built = build(model_id, weights=shared / "data" / "weights" / FILES[model_id])
    folder = shared / "data" / "imagenet" / "val_1300"
    with (folder / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))[::20]
    preprocessing = Preprocessing(built.resolution_px, crop_fraction=built.crop_fraction)
    pixels = np.stack([load_pixels(folder / "images" / row["file"], preprocessing) for row in rows])
    right = built.predict_logits(pixels).argmax(axis=1) == [int(row["label"]) for row in rows]
    assert right.mean() > 0.6
    assert built.weights.kind == "file"


@pytest.mark.shared
@pytest.mark.parametrize("model_id", ["b0", "v2-b0"])
def test_keras_3_gives_the_same_logits(model_id: str, shared: Path) -> None:
    """What Keras 3 computes from its own file, preprocessing inside, we compute from the same file."""
    keras3 = pytest.importorskip("keras")
    path = shared / "data" / "weights" / FILES[model_id]
    name = "EfficientNetB0" if model_id == "b0" else "EfficientNetV2B0"
    twin = getattr(keras3.applications, name)(weights=None, classifier_activation=None)
    twin.load_weights(path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    theirs = np.asarray(twin(pixels.astype(np.float32), training=False))
    assert np.abs(build(model_id, weights=path).predict_logits(pixels) - theirs).max() <= 1e-4
