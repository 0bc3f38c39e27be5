"""Small models that several tests share; nobody changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.models import build
from edge_effnet.models.weights import Slot, Target
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from edge_effnet.models import BuiltModel

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")


@pytest.fixture(scope="session")
def small_b0() -> BuiltModel:
    """B0 at 32 px with 10 classes and random weights."""
    return build("b0", resolution_px=32, num_classes=10)


@pytest.fixture(scope="session")
def small_lite0() -> BuiltModel:
    """Lite0 at 32 px with 10 classes and random weights."""
    return build("lite0", resolution_px=32, num_classes=10)


@pytest.fixture
def toy_target() -> Target:
    """A model of two layers, for what can be tested without TensorFlow."""
    slots = (
        Slot("stem_conv", "Conv2D", {"kernel": (3, 3, 3, 4)}),
        Slot("predictions", "Dense", {"kernel": (4, 10), "bias": (10,)}),
    )
    return Target("toy", slots, VARIANTS["b0"].normalisation, ("block1a",), adopts_normalisation=True)


@pytest.fixture
def toy_tensors() -> dict[str, dict[str, np.ndarray]]:
    """What just fits `toy_target`."""
    rng = np.random.default_rng(0)
    return {
        "stem_conv": {"kernel": rng.normal(size=(3, 3, 3, 4)).astype(np.float32)},
        "predictions": {
            "kernel": rng.normal(size=(4, 10)).astype(np.float32),
            "bias": rng.normal(size=10).astype(np.float32),
        },
    }
