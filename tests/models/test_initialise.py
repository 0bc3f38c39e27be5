"""Random weights: activations keep their scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.models import build
from edge_effnet.models.initialise import Moments, _activated, fresh_classifier
from edge_effnet.models.keras import import_keras

if TYPE_CHECKING:
    from edge_effnet.models import BuiltModel


def _spreads(built: BuiltModel) -> list[float]:
    """Return the standard deviation behind every activation, for smooth random pictures."""
    side = built.resolution_px
    coarse = np.random.default_rng(0).integers(0, 256, (4, side // 8, side // 8, 3))
    pixels = coarse.repeat(8, axis=1).repeat(8, axis=2)
    layers = [each for each in built.keras.layers if type(each).__name__ in {"Activation", "Add", "ReLU"}]
    outputs = import_keras().Model(built.keras.input, [layer.output for layer in layers])(
        built.normalise(pixels)
    )
    return [float(np.std(output)) for output in outputs]


@pytest.mark.parametrize("model_id", ["b0", "lite0", "v2-b0"])
def test_activations_neither_vanish_nor_explode(model_id: str) -> None:
    """From the stem to the head, every map's standard deviation stays within 0.05 and 20."""
    spreads = _spreads(build(model_id, resolution_px=64, num_classes=10))
    assert min(spreads) > 0.05
    assert max(spreads) < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "model_id", ["b4", "b7", "edgetpu-l", "lite4", "v2-l", "resnet50", "densenet121", "xception"]
)
def test_activations_of_deep_networks_neither_vanish_nor_explode(model_id: str) -> None:
    """The same holds for the deepest of each family."""
    spreads = _spreads(build(model_id, resolution_px=96, num_classes=10))
    assert min(spreads) > 0.05
    assert max(spreads) < 20
    import_keras().backend.clear_session()


@settings(deadline=None)
@given(
    mean=st.floats(-2, 2), std=st.floats(0.1, 4), name=st.sampled_from(["relu", "relu6", "swish", "sigmoid"])
)
def test_moments_behind_an_activation_are_those_of_a_sample(mean: float, std: float, name: str) -> None:
    """The quadrature agrees with a fine sum over the normal distribution."""
    x = np.linspace(-9, 9, 20001)
    density = np.exp(-(x**2) / 2)
    density /= density.sum()
    z = mean + std * x
    values = {
        "relu": np.maximum(z, 0),
        "relu6": np.clip(z, 0, 6),
        "sigmoid": 1 / (1 + np.exp(-z)),
        "swish": z / (1 + np.exp(-z)),
    }[name]
    moments = _activated(Moments(mean, mean**2 + std**2), name)
    scale = 1 + float(density @ values**2)
    assert moments.mean == pytest.approx(density @ values, abs=0.02 * scale)
    assert moments.square == pytest.approx(density @ values**2, abs=0.02 * scale)


def test_a_new_classifier_is_seeded_and_unbiased() -> None:
    """Its kernel is a function of the seed, its bias zero."""
    shapes = {"kernel": (20, 5), "bias": (5,)}
    one, same, other = (fresh_classifier(shapes, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one["kernel"], same["kernel"])
    assert not np.array_equal(one["kernel"], other["kernel"])
    assert one["bias"].tolist() == [0.0] * 5
    assert float(np.abs(one["kernel"]).max()) <= np.sqrt(6 / 25)
