"""The normalisation that a Keras file brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_effnet.errors import DataError
from edge_effnet.models.normalisation import keras_normalisation

if TYPE_CHECKING:
    from edge_effnet.models.weights import Target

MEAN = np.asarray([0.485, 0.456, 0.406])
STD = np.asarray([0.229, 0.224, 0.225])


@pytest.mark.parametrize("variance", [STD, STD**2], ids=["official release", "std squared"])
def test_both_published_forms_mean_the_same(variance: np.ndarray, toy_target: Target) -> None:
    """The release stores the std where the layer wants the variance; both are (x / 255 - mean) / std."""
    statistics = {"mean": MEAN.astype(np.float32), "variance": variance.astype(np.float32)}
    assert keras_normalisation(statistics, toy_target) == (None, ())


def test_other_statistics_are_adopted_with_a_note(toy_target: Target) -> None:
    """An untrained layer divides by 255 and no more; the model then does just that, and says so."""
    statistics = {"mean": np.zeros(3, np.float32), "variance": np.ones(3, np.float32)}
    normalisation, notes = keras_normalisation(statistics, toy_target)
    assert normalisation is not None
    assert normalisation.mean == (0.0, 0.0, 0.0)
    assert normalisation.std == (255.0, 255.0, 255.0)
    assert "published" in notes[0]


def test_a_file_without_such_a_layer_says_nothing(toy_target: Target) -> None:
    """V2's files hold none: the variant's own normalisation stands."""
    assert keras_normalisation({}, toy_target) == (None, ())


@pytest.mark.parametrize(
    "statistics",
    [
        {"mean": np.zeros(3)},
        {"mean": np.zeros(1), "variance": np.ones(1)},
        {"mean": np.zeros(3), "variance": -np.ones(3)},
        {"mean": np.full(3, np.nan), "variance": np.ones(3)},
    ],
)
def test_impossible_statistics_are_refused(statistics: Any, toy_target: Target) -> None:
    """Half a layer, a grey one, a negative variance or NaN is exit 4."""
    with pytest.raises(DataError):
        keras_normalisation(statistics, toy_target)
