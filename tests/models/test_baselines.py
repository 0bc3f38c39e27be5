"""Baselines: the networks of Keras applications behind the same record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from keras_twins import multiply_adds

from edge_effnet.errors import UsageError
from edge_effnet.models import build
from edge_effnet.models.baselines import BASELINES, to_rgb
from edge_effnet.models.initialise import initialise
from edge_effnet.models.keras import import_keras
from edge_effnet.models.weights import Found, Slot, Target

if TYPE_CHECKING:
    from pathlib import Path

# Counted from the Keras graphs at native resolution: convolutions and dense layers only.
MULTIPLY_ADDS = {
    "mobilenet_v2": 300_774_272,
    "resnet50": 3_857_973_248,
    "densenet121": 2_834_161_664,
    "inception_v3": 5_713_216_096,
    "vgg16": 15_470_264_320,
}
# keras.io/api/applications gives them as 3.5, 25.6, 8.1, 23.9, 22.9 and 138.4 million.
PARAMETERS = {
    "mobilenet_v2": 3_538_984,
    "resnet50": 25_636_712,
    "densenet121": 8_062_504,
    "inception_v3": 23_851_784,
    "xception": 22_910_480,
    "vgg16": 138_357_544,
}
MODULES = {
    "mobilenet_v2": "mobilenet_v2",
    "resnet50": "resnet50",
    "densenet121": "densenet",
    "inception_v3": "inception_v3",
    "xception": "xception",
    "vgg16": "vgg16",
}


def _theirs(model_id: str, resolution_px: int, classes: int) -> Any:
    constructor = getattr(import_keras().applications, BASELINES[model_id].constructor)
    shape = (resolution_px, resolution_px, 3)
    model = constructor(weights=None, input_shape=shape, classes=classes, classifier_activation=None)
    initialise(model, 5, BASELINES[model_id].normalisation)
    return model


def _parity(model_id: str, resolution_px: int, folder: Path, suffix: str) -> float:
    """Return the largest difference of logits between Keras' own preprocessing and model, and ours."""
    keras = import_keras()
    twin = _theirs(model_id, resolution_px, 10)
    twin.save_weights(folder / f"twin{suffix}")
    ours = build(model_id, resolution_px=resolution_px, weights=folder / f"twin{suffix}")
    pixels = np.random.default_rng(0).integers(0, 256, (2, resolution_px, resolution_px, 3), np.uint8)
    preprocess = getattr(keras.applications, MODULES[model_id]).preprocess_input
    theirs = twin(preprocess(pixels.astype(np.float32)), training=False).numpy()
    assert theirs.std() > 0.05, "the comparison is of logits that say something"
    return float(np.abs(theirs - ours.predict_logits(pixels)).max())


@pytest.mark.parametrize("model_id", ["mobilenet_v2", "resnet50"])
def test_baselines_take_rgb_pixels_and_give_keras_logits(model_id: str, tmp_path: Path) -> None:
    """Preprocessing included, and B, G, R turned round, the logits are those of Keras applications."""
    assert _parity(model_id, 64, tmp_path, ".h5") <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
@pytest.mark.parametrize("model_id", ["densenet121", "inception_v3", "xception", "vgg16"])
def test_every_baseline_takes_rgb_pixels_and_gives_keras_logits(
    model_id: str, suffix: str, tmp_path: Path
) -> None:
    """The same holds for every baseline, and for layers with automatic names."""
    assert _parity(model_id, 96, tmp_path, suffix) <= 2e-4
    import_keras().backend.clear_session()


def test_a_first_kernel_is_turned_round_once_and_that_is_said() -> None:
    """Published weights take B, G, R; a file of our own takes R, G, B already."""
    kernel = np.arange(6, dtype=np.float32).reshape(1, 1, 3, 2)
    target = Target(
        "resnet50",
        (Slot("conv1_conv", "Conv2D", {"kernel": (1, 1, 3, 2)}),),
        BASELINES["resnet50"].normalisation,
    )
    for is_rgb, expected in ((False, kernel[:, :, ::-1]), (True, kernel)):
        found = to_rgb(
            "resnet50", target, Found({"conv1_conv": {"kernel": kernel}}, "toy file", is_rgb=is_rgb)
        )
        np.testing.assert_array_equal(found.tensors["conv1_conv"]["kernel"], expected)
        assert any("conv1_conv" in note for note in found.notes) != is_rgb


def test_mobilenet_v2_has_the_published_size() -> None:
    """Parameters and multiply-adds are those of Keras applications."""
    built = build("mobilenet_v2")
    assert built.keras.count_params() == PARAMETERS["mobilenet_v2"]
    assert multiply_adds(built.keras) == MULTIPLY_ADDS["mobilenet_v2"]
    assert built.architecture is None


@pytest.mark.slow
@pytest.mark.parametrize("model_id", [name for name in BASELINES if name != "mobilenet_v2"])
def test_every_baseline_has_the_published_size(model_id: str) -> None:
    """The same holds for the others."""
    model = build(model_id).keras
    assert model.count_params() == PARAMETERS[model_id]
    if model_id in MULTIPLY_ADDS:
        assert multiply_adds(model) == MULTIPLY_ADDS[model_id]
    import_keras().backend.clear_session()


@pytest.mark.slow
def test_layer_names_do_not_depend_on_what_was_built_before() -> None:
    """Automatic names are counted from 0 each time."""
    first, second = (build("inception_v3", resolution_px=96, num_classes=4) for _ in range(2))
    assert [layer.name for layer in first.keras.layers] == [layer.name for layer in second.keras.layers]
    assert first.weights == second.weights


def test_options_of_efficientnets_are_refused() -> None:
    """A baseline has no choice of activation."""
    with pytest.raises(UsageError, match="activation"):
        build("resnet50", activation="relu6")


def test_a_resolution_that_leaves_no_map_is_a_usage_error() -> None:
    """Inception needs 75 px; the error is exit 2 and says so."""
    with pytest.raises(UsageError, match="75"):
        build("inception_v3", resolution_px=48)
