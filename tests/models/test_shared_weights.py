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

    from edge_effnet.models import BuiltModel

FILES = {
    "b0": "efficientnet_b0_imagenet.weights.h5",
    "v2-b0": "efficientnet_v2_b0_imagenet.weights.h5",
    "lite0": "efficientnet_lite0_imagenet_folded.npz",
}


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, shared: Path) -> BuiltModel:
    """A model with its real weights, built once for both tests."""
    return build(request.param, weights=shared / "data" / "weights" / FILES[request.param])


@pytest.mark.shared
@pytest.mark.parametrize("built", sorted(FILES), indirect=True)
def test_real_weights_recognise_photographs(built: BuiltModel, shared: Path) -> None:
    """On 65 photographs, spread over the set, more than 60 % are right: weights and normalisation belong together."""
    folder = shared / "data" / "imagenet" / "val_1300"
    with (folder / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))[::20]
    preprocessing = Preprocessing(built.resolution_px, crop_fraction=built.crop_fraction)
    pixels = np.stack([load_pixels(folder / "images" / row["file"], preprocessing) for row in rows])
    right = built.predict_logits(pixels).argmax(axis=1) == [int(row["label"]) for row in rows]
    assert right.mean() > 0.6
    assert built.weights.kind == "file"


@pytest.mark.shared
@pytest.mark.parametrize("built", ["b0", "v2-b0"], indirect=True)
def test_keras_3_gives_the_same_logits(built: BuiltModel, shared: Path) -> None:
    """What Keras 3 computes from its own file, preprocessing inside, we compute from the same file."""
    keras3 = pytest.importorskip("keras")
    name = "EfficientNetB0" if built.id == "b0" else "EfficientNetV2B0"
    twin = getattr(keras3.applications, name)(weights=None, classifier_activation=None)
    twin.load_weights(shared / "data" / "weights" / FILES[built.id])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    theirs = np.asarray(twin(pixels.astype(np.float32), training=False))
    assert np.abs(built.predict_logits(pixels) - theirs).max() <= 1e-4
