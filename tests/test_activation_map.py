"""activation_map: the heat map that is shown is made of what the network computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_effnet.activation_map import ActivationMap, activation_map_of_model, shown
from edge_effnet.errors import DataError
from edge_effnet.inspect import Model, Quantisation, Subgraph, Tensor
from edge_effnet.model_contract import Explain

_SCORES = hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))
_SAID = Explain(1, "w")


def _weights(codes: Any, scales: Any, zeros: Any = (0,)) -> Tensor:
    stored = np.ascontiguousarray(codes, np.int8)
    grid = Quantisation(np.asarray(scales, np.float32), np.asarray(zeros, np.int64), 0)
    raw = stored.view(np.uint8).reshape(-1)
    return Tensor(0, "w", "INT8", stored.shape, quantisation=grid, raw=raw)


def _model(weights: Tensor, features: tuple[int, ...] = (1, 2, 2, 3), classes: int = 2) -> Model:
    grid = Quantisation(np.array([0.5], np.float32), np.array([-7]), 0)
    tensors = (
        weights,
        Tensor(1, "y", "INT8", (1, classes), quantisation=grid),
        Tensor(2, "f", "INT8", features, quantisation=grid),
    )
    graph = Subgraph("main", tensors, (), (), (1, 2))
    return Model(3, "", (graph,), (), {}, frozenset(), (), 0)


@given(_SCORES)
def test_a_shown_map_is_between_0_and_1_and_its_top_is_1(scores: np.ndarray) -> None:
    """A heat map has one scale; what speaks against a class is not shown, and nothing is made up where nothing is."""
    heat = shown(scores)
    assert heat.min() >= 0
    assert heat.max() == (1 if scores.max() > 0 else 0)
    assert np.all((heat > 0) <= (scores > 0))


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 1, 3)])
def test_the_mean_of_a_map_is_the_logit_less_its_bias(shape: tuple[int, ...]) -> None:
    """That is what makes it an explanation of this answer; also for a classifier that is a 1x1 convolution."""
    generator = np.random.default_rng(0)
    codes = generator.integers(-127, 128, (2, 3))
    features = generator.integers(-128, 128, (1, 2, 2, 3)).astype(np.int8)
    maps = activation_map_of_model(_model(_weights(codes.reshape(shape), [0.25, 0.125])), _SAID)
    pooled = (0.5 * (features.astype(float) + 7)).mean((0, 1, 2))
    wanted = (codes * np.array([[0.25], [0.125]])) @ pooled
    found = [maps.scores(features, index).mean() for index in (0, 1)]
    assert np.allclose(found, wanted, rtol=1e-5)


def test_float_features_are_taken_as_they_are() -> None:
    """The second output of a file with a float32 interface has no scale."""
    features = np.array([[[[1.0], [-2.0]]]], np.float32)
    maps = ActivationMap(np.array([[3.0]], np.float32), 1, 1.0, 0)
    assert maps.scores(features, 0).tolist() == [[3.0, -6.0]]


@pytest.mark.parametrize(
    ("model", "said", "words"),
    [
        (_model(_weights(np.ones((2, 3)), [1.0])), Explain(1, "other"), "no tensor"),
        (_model(_weights(np.ones((2, 3)), [1.0])), Explain(2, "w"), "no feature map"),
        (_model(_weights(np.ones((2, 4)), [1.0])), _SAID, "no feature map"),
        (_model(_weights(np.ones((2, 3)), [1.0]), (1, 12)), _SAID, "no feature map"),
        (_model(_weights(np.ones((5, 3)), [1.0])), _SAID, "does not fit"),
        (_model(_weights(np.ones((2, 2, 2, 3)), [1.0])), _SAID, "no layer of weights"),
        (_model(Tensor(0, "w", "INT8", (2, 3))), _SAID, "no layer of weights"),
    ],
)
def test_a_contract_that_does_not_fit_its_model_is_refused(model: Model, said: Explain, words: str) -> None:
    """A map of something else would look just as convincing."""
    with pytest.raises(DataError, match=words):
        activation_map_of_model(model, said)
