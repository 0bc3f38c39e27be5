"""Importance: how much an error in each channel matters downstream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_graphs import Sketch

from edge_effnet.quantize.importance import channel_importance

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph


def test_every_tensor_has_positive_weights_with_mean_one(any_tiny_graph: Graph) -> None:
    """One weight per channel; the floor for channels that nothing reads lifts the mean by a thousandth at most."""
    importance = channel_importance(any_tiny_graph)
    assert set(importance) == set(any_tiny_graph.shapes)
    for name, weights in importance.items():
        assert weights.shape == (any_tiny_graph.shapes[name][-1],)
        assert weights.min() > 0
        assert 1.0 <= weights.mean() + 1e-12 <= 1.002


@given(seed=st.integers(0, 2**32 - 1), channel=st.integers(0, 5))
@settings(deadline=None, max_examples=25)
def test_a_channel_that_is_read_with_larger_weights_matters_more(seed: int, channel: int) -> None:
    """The energy of the weights that read a channel is its importance, up to a common factor."""
    sketch = Sketch(8, seed=seed)
    sketch.conv("next", sketch.conv("conv", "input", 6), 4, 3)
    kernel = sketch.nodes[-1].kernel
    assert kernel is not None
    kernel[:, :, channel] *= 10.0
    importance = channel_importance(sketch.graph("next"))["conv"]
    energy = (kernel.astype(np.float64) ** 2).sum(axis=(0, 1, 3))
    np.testing.assert_allclose(importance, np.maximum(energy / energy.mean(), 1e-3))
    assert importance.argmax() == channel


def test_importance_passes_through_depthwise_convolutions_activations_and_gates() -> None:
    """What reads behind them is what matters before them."""
    sketch = Sketch(8)
    tensor = sketch.swish("first", sketch.conv("conv", "input", 6))
    tensor = sketch.swish("second", sketch.depthwise("depthwise", tensor))
    gate = sketch.same("logistic", "gate", sketch.conv("squeezed", sketch.mean("squeeze", tensor), 6))
    sketch.conv("last", sketch.same("mul", "excite", tensor, gate), 4)
    nodes = [
        replace(node, kernel=np.ones_like(node.kernel)) if node.name == "depthwise" else node
        for node in sketch.nodes
    ]
    sketch.nodes = nodes
    importance = channel_importance(sketch.graph("last"))
    last = sketch.nodes[-1].kernel
    assert last is not None
    energy = (last.astype(np.float64) ** 2).sum(axis=(0, 1, 3))
    expected = np.maximum(energy / energy.mean(), 1e-3)
    for name in ("conv", "first/swish", "depthwise", "second/swish", "excite"):
        np.testing.assert_allclose(importance[name], expected, rtol=1e-6, err_msg=name)


def test_readers_add_up() -> None:
    """A tensor that two convolutions read counts for both."""
    sketch = Sketch(8)
    tensor = sketch.conv("conv", "input", 6)
    sketch.same("add", "sum", sketch.conv("left", tensor, 4), sketch.conv("right", tensor, 4))
    graph = sketch.graph("sum")
    energy = sum(
        (node.kernel.astype(np.float64) ** 2).sum(axis=(0, 1, 3))
        for node in graph.nodes[1:3]
        if node.kernel is not None
    )
    np.testing.assert_allclose(channel_importance(graph)["conv"], energy / np.mean(energy))


@pytest.mark.parametrize("name", ["sum", "conv"])
def test_where_nothing_is_known_all_channels_count_alike(name: str) -> None:
    """The output, and what only a sum reads, has no weights downstream."""
    sketch = Sketch(8)
    tensor = sketch.conv("conv", "input", 6)
    sketch.same("add", "sum", tensor, tensor)
    assert channel_importance(sketch.graph("sum"))[name].tolist() == [1.0] * 6
