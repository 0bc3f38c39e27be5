"""Batch norm re-estimated: the float network's mean and variance come back, integer kernels and grids stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from tiny_graphs import Feed, pictures

from edge_effnet.progress import Silent
from edge_effnet.qat.reestimate import reestimate
from edge_effnet.quantize.execute import float_function, input_values, quantized_function
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph


def calibrated(graph: Graph) -> QuantizedGraph:
    """Return the network after the default recipe."""
    return quantize_by_reconstruction(graph, Feed(pictures(24)), Settings(), Silent())


def worn(quantized: QuantizedGraph) -> QuantizedGraph:
    """Return a copy whose layers drift: biases off, channels a little too strong."""
    draws = np.random.default_rng(4)
    weights = {
        name: replace(
            each,
            scales=(each.scales * draws.uniform(0.8, 1.2, each.scales.shape)).astype(np.float32)
            if np.unique(each.scales).size > 1
            else each.scales,
            bias=(each.bias * 1.3 + 200).astype(np.int32),
        )
        for name, each in quantized.weights.items()
    }
    return replace(quantized, weights=weights)


def noise(quantized: QuantizedGraph, graph: Graph) -> float:
    """Return the mean square error of the logits on pictures that were not used."""
    values: Any = input_values(graph, pictures(32, seed=8))
    wanted, given = float_function(graph)(values), quantized_function(quantized)(values)
    return float(np.mean((np.asarray(wanted[graph.output_name]) - np.asarray(given[graph.output_name])) ** 2))


def test_a_drift_of_the_layers_is_taken_back(graph: Graph) -> None:
    """Most of the error that it makes goes, and what is deployed as integers keeps its kernels and grids."""
    good = calibrated(graph)
    bad = worn(good)
    mended = reestimate(bad, graph, pictures(24, seed=7))
    least = noise(good, graph)
    assert noise(mended, graph) - least < 0.2 * (noise(bad, graph) - least)
    assert mended.grids == bad.grids
    assert all(np.array_equal(mended.weights[name].kernel, bad.weights[name].kernel) for name in bad.weights)


def test_what_has_not_drifted_is_hardly_changed(graph: Graph) -> None:
    """On the calibrated network itself the noise stays of its size."""
    good = calibrated(graph)
    assert noise(reestimate(good, graph, pictures(24, seed=7)), graph) < 2.0 * noise(good, graph)
