"""Sampling: the same places every time, and patches that make the layer's own output."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_graphs import Sketch

from edge_effnet.quantize.sampling import sample_patches, sample_rows


@given(images=st.integers(1, 6), side=st.integers(1, 5), channels=st.integers(1, 4), rows=st.integers(1, 200))
@settings(deadline=None)
def test_rows_are_those_of_the_tensor_and_about_as_many_as_asked(
    images: int, side: int, channels: int, rows: int
) -> None:
    """Each image gives the same number of rows, none twice, and all of them when more are asked for."""
    size = images * side * side
    values = np.arange(size * channels, dtype=np.float32).reshape(images, side, side, channels)
    found = sample_rows(values, rows)
    assert found.shape[1] == channels
    assert min(rows, size) <= len(found) <= min(rows + images, size)
    places = found[:, 0] / channels
    assert len(set(places.tolist())) == len(found)
    assert (
        np.bincount((places // (side * side)).astype(int), minlength=images) == len(found) // images
    ).all()
    for row in found:
        np.testing.assert_array_equal(row, row[0] + np.arange(channels))


def test_the_same_rows_are_drawn_every_time() -> None:
    """No global random state: the draw depends on the shape and on nothing else."""
    values = np.random.default_rng(0).normal(size=(4, 9, 9, 3)).astype(np.float32)
    first = sample_rows(values, 50)
    np.random.default_rng(1).normal(size=7)
    np.testing.assert_array_equal(sample_rows(values, 50), first)


@pytest.mark.parametrize(
    ("kind", "kernel", "stride", "padding"),
    [
        ("conv", 1, 1, "same"),
        ("conv", 1, 2, "same"),
        ("conv", 3, 1, "same"),
        ("conv", 3, 2, "same"),
        ("conv", 3, 2, "valid"),
        ("conv", 5, 2, "same"),
        ("dense", 1, 1, "same"),
    ],
)
@pytest.mark.parametrize("side", [7, 8])
def test_a_patch_times_the_kernel_is_the_output_at_that_place(
    kind: str, kernel: int, stride: int, padding: str, side: int
) -> None:
    """What a layer reads at a place makes what it gives there: padding, stride and order included."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    from edge_effnet.quantize.execute import run_node

    sketch = Sketch(side)
    if kind == "conv":
        sketch.conv("node", "input", 4, kernel, stride, padding=padding)
    else:
        sketch.dense("node", "input", 4)
    node = sketch.nodes[-1]
    assert node.kernel is not None
    given_values = np.random.default_rng(0).normal(size=(3, side, side, 3)).astype(np.float32)
    wanted = run_node(node, [given_values])
    inputs, outputs = sample_patches(node, given_values, wanted, 20)
    assert len(inputs) == len(outputs)
    made = inputs @ node.kernel.reshape(-1, 4) + node.bias
    np.testing.assert_allclose(made, outputs, atol=1e-5)
