"""Architectures as Keras models: the numbers of Keras applications, and the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from keras_twins import keras_twin, multiply_adds

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.models import MODEL_IDS, build
from edge_effnet.models.build import build_keras
from edge_effnet.models.initialise import initialise
from edge_effnet.models.keras import import_keras
from edge_effnet.variants.cost import cost
from edge_effnet.variants.scale import architecture
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel

# Odd sides on purpose: 120 leads to maps of 15, 75 is odd itself.
FAST = [("b0", 224), ("b1", 120), ("v2-b0", 75)]
SLOW = [(f"b{n}", 96) for n in range(2, 6)] + [("b6", 75), ("b7", 64)]
SLOW += [("v2-b1", 96), ("v2-b2", 96), ("v2-b3", 75), ("v2-s", 96), ("v2-m", 75), ("v2-l", 64)]


def _parity(model_id: str, resolution_px: int, folder: Path) -> float:
    """Return the largest difference of logits between Keras applications' model and ours with the same weights."""
    twin = keras_twin(model_id, resolution_px)
    initialise(twin, 7, VARIANTS[model_id].normalisation)
    path = folder / "twin.h5"
    twin.save_weights(path)
    ours = build(model_id, resolution_px=resolution_px, weights=path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, resolution_px, resolution_px, 3), np.uint8)
    theirs = twin(pixels.astype(np.float32), training=False).numpy()
    assert theirs.std() > 0.05, "the comparison is of logits that say something"
    return float(np.abs(theirs - ours.predict_logits(pixels)).max())


@pytest.mark.parametrize(("model_id", "resolution_px"), FAST)
def test_logits_equal_keras_applications(model_id: str, resolution_px: int, tmp_path: Path) -> None:
    """The same weights give the same logits as Keras applications, within float32's rounding."""
    assert _parity(model_id, resolution_px, tmp_path) <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("model_id", "resolution_px"), SLOW)
def test_logits_equal_keras_applications_for_every_variant(
    model_id: str, resolution_px: int, tmp_path: Path
) -> None:
    """The same holds for every variant that Keras applications has."""
    assert _parity(model_id, resolution_px, tmp_path) <= 1e-4
    import_keras().backend.clear_session()


def test_layers_are_called_as_in_keras_applications(small_b0: BuiltModel) -> None:
    """Official weights load by name, so every layer with weights has its official name."""
    twin = keras_twin("b0", 32)
    named = {layer.name for layer in twin.layers if layer.weights and "normalization" not in layer.name}
    assert {layer.name for layer in small_b0.keras.layers if layer.weights} == named


@pytest.mark.parametrize("model_id", ["b0", "lite0", "edgetpu-s", "v2-b0"])
def test_the_keras_model_costs_what_the_table_says(model_id: str) -> None:
    """Parameters and multiply-adds of the graph equal those that `info` counts from the table alone."""
    arch = architecture(VARIANTS[model_id])
    model = build_keras(arch)
    expected = cost(arch)
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    assert trainable == expected.trainable_parameters
    assert multiply_adds(model) == expected.macs


@pytest.mark.slow
@pytest.mark.parametrize("model_id", sorted(VARIANTS))
def test_every_keras_model_costs_what_the_table_says(model_id: str) -> None:
    """The same holds for every variant."""
    test_the_keras_model_costs_what_the_table_says(model_id)
    import_keras().backend.clear_session()


def test_strided_edgetpu_blocks_are_padded_on_both_sides() -> None:
    """A fused block with stride 2 equals stride 1 in its kernel and stride 2 in its projection."""
    built = build("edgetpu-s", resolution_px=32, num_classes=4)
    layers = import_keras().layers
    get = built.keras.get_layer
    block = import_keras().Model(
        built.keras.input, [get("block1a_project_bn").output, get("block2a_project_conv").output]
    )
    before, after = block(built.normalise(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))))
    expand, project = get("block2a_expand_conv"), get("block2a_project_conv")
    wide = layers.Conv2D(expand.filters, 3, padding="same", use_bias=False)
    narrow = layers.Conv2D(project.filters, 1, strides=2, use_bias=False)
    wide.build(before.shape)
    wide.set_weights(expand.get_weights())
    middle = get("block2a_expand_activation")(get("block2a_expand_bn")(wide(before), training=False))
    narrow.build(middle.shape)
    narrow.set_weights(project.get_weights())
    np.testing.assert_allclose(narrow(middle), after, atol=1e-5)


@pytest.mark.parametrize("activation", ["hard_swish", "relu6", "relu"])
def test_the_activation_can_be_replaced(activation: str) -> None:
    """Every activation of the network, squeeze-and-excite's included, follows the option."""
    arch = architecture(VARIANTS["b0"], depth=0.1, resolution_px=32, num_classes=3, activation=activation)
    model = build_keras(arch)
    used = {layer.activation.__name__ for layer in model.layers if hasattr(layer, "activation")}
    assert used == {activation, "sigmoid", "linear"}


def test_hard_swish_is_what_tflite_computes() -> None:
    """It is x * relu6(x + 3) / 6 at the points that fix its shape."""
    from edge_effnet.models.blocks import hard_swish

    values = np.asarray([-4.0, -3.0, -1.5, 0.0, 1.0, 3.0, 5.0], np.float32)
    expected = [0.0, 0.0, -0.375, 0.0, 4.0 / 6.0, 3.0, 5.0]
    np.testing.assert_allclose(hard_swish(values), expected, atol=1e-6)


def test_squeeze_excite_can_be_left_out() -> None:
    """Without it no layer of it is left, and the network still runs."""
    built = build("b0", resolution_px=32, num_classes=3, squeeze_excite=False)
    assert not [layer.name for layer in built.keras.layers if "_se_" in layer.name]
    assert built.keras(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 3)


def test_without_a_top_the_model_gives_its_last_feature_map() -> None:
    """`include_top=False` ends at `top_activation`."""
    built = build("v2-b0", resolution_px=64, include_top=False)
    assert built.keras.layers[-1].name == "top_activation"
    assert built.predict_logits(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 2, 2, 1280)


def test_a_fixed_batch_gives_the_same_logits(small_lite0: BuiltModel) -> None:
    """A model of batch 2 takes 3 pictures, padded and cut, and its graph has no open dimension."""
    fixed = build("lite0", resolution_px=32, num_classes=10, batch_size=2)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert tuple(fixed.keras.inputs[0].shape) == (2, 32, 32, 3)
    np.testing.assert_allclose(fixed.predict_logits(pixels), small_lite0.predict_logits(pixels), atol=1e-5)


def test_predicting_in_batches_changes_nothing(small_lite0: BuiltModel) -> None:
    """The batch size is a matter of speed only, and no picture is a set too."""
    pixels = np.random.default_rng(2).integers(0, 256, (5, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(
        small_lite0.predict_logits(pixels, batch_size=2), small_lite0.predict_logits(pixels), atol=1e-5
    )
    assert small_lite0.predict_logits(pixels[:0]).shape == (0, 10)


def test_normalising_is_float_arithmetic_on_rgb(small_b0: BuiltModel) -> None:
    """The mean pixel becomes 0, and one standard deviation above it 1, per channel."""
    mean, std = np.asarray(small_b0.normalisation.mean), np.asarray(small_b0.normalisation.std)
    np.testing.assert_allclose(
        small_b0.normalise(np.stack([mean, mean + std])), [[0.0] * 3, [1.0] * 3], atol=1e-5
    )


def test_the_same_seed_gives_the_same_weights(small_lite0: BuiltModel) -> None:
    """Random weights are a function of the seed, and say so in their record."""
    again = build("lite0", resolution_px=32, num_classes=10)
    other = build("lite0", resolution_px=32, num_classes=10, seed=1)
    assert again.weights == small_lite0.weights
    assert other.weights.sha256 != small_lite0.weights.sha256
    assert small_lite0.weights.kind == "random"
    for ours, theirs in zip(again.keras.get_weights(), small_lite0.keras.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"resolution_px": 16}, {"num_classes": 0}, {"seed": -1}]
)
def test_options_out_of_range_are_usage_errors(options: dict[str, int]) -> None:
    """A number that cannot be is refused with exit 2."""
    with pytest.raises(UsageError):
        build("lite0", **options)


def test_pictures_of_the_wrong_shape_are_refused(small_b0: BuiltModel) -> None:
    """The error says which shape is right."""
    with pytest.raises(UsageError, match=r"\(n, 32, 32, 3\)"):
        small_b0.predict_logits(np.zeros((1, 33, 32, 3), np.uint8))


def test_an_unknown_model_gets_a_suggestion() -> None:
    """A mistyped id is exit 2 and names the closest."""
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        build("resnet5O")
    assert "v2-l" in MODEL_IDS
    assert "vgg16" in MODEL_IDS
