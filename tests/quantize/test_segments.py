"""Segments: the graph in pieces with one tensor alive between them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_graphs import Sketch, every_kind, small_mbconv

from edge_effnet.quantize.segments import cut_into_segments, last_uses

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph


def _check(graph: Graph) -> int:
    """Hold the segments of a graph against their definition; return their number."""
    segments = cut_into_segments(graph)
    assert tuple(node for segment in segments for node in segment.nodes) == graph.nodes
    assert segments[0].source == graph.input_name
    assert segments[-1].result == graph.output_name
    for before, after in itertools.pairwise(segments):
        assert after.source == before.result
    for segment in segments:
        inside = {node.name for node in segment.nodes}
        assert segment.result == segment.nodes[-1].name
        for node in segment.nodes:
            assert inside | {segment.source} >= set(node.inputs)
        later = graph.nodes[graph.nodes.index(segment.nodes[-1]) + 1 :]
        assert not (inside - {segment.result}) & {name for node in later for name in node.inputs}
        sizes = [np.prod(graph.shapes[node.name]) * 4 for node in segment.nodes]
        assert segment.peak_bytes >= max(sizes)
        assert segment.name
    return len(segments)


@pytest.mark.parametrize(("make", "count"), [(small_mbconv, 4), (every_kind, 3)])
def test_segments_partition_the_nodes_and_chain(make: Callable[[], Graph], count: int) -> None:
    """Every operator is in one segment, and each segment reads only what the one before it left."""
    assert _check(make()) == count


@pytest.mark.parametrize(("model_id", "count"), [("b0", 18), ("mobilenet_v2", 11)])
def test_networks_are_cut_at_every_block(
    model_id: str, count: int, built_model: Callable[[str, int], BuiltModel]
) -> None:
    """B0 has a stem, 16 blocks and a head; a network without block names is cut after its sums."""
    from edge_effnet.models.freeze import freeze

    built = built_model(model_id, 64)
    assert _check(freeze(built.keras, built.normalisation, name=model_id)) == count


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_random_graphs_are_cut_where_one_tensor_is_alive(seed: int) -> None:
    """Whatever reads what, sources and results chain."""
    random = np.random.default_rng(seed)
    sketch = Sketch(8, seed=seed)
    names = [sketch.conv("n0", "input", 4)]
    for number in range(1, 12):
        sketch.block = f"block{number // 3}"
        first = names[-1]
        second = names[int(random.integers(max(0, len(names) - 3), len(names)))]
        kinds = {"conv": (first,), "add": (first, second), "concat": (first, second)}
        kind = list(kinds)[int(random.integers(2))]
        made = (
            sketch.conv(f"n{number}", first, 4)
            if kind == "conv"
            else sketch.same("add", f"n{number}", first, second)
        )
        names.append(made)
    _check(sketch.graph(names[-1]))


def test_the_output_is_never_dropped() -> None:
    """The last use of the output lies behind the last operator, even where another operator reads it too."""
    sketch = Sketch(8)
    first = sketch.conv("first", "input", 4)
    sketch.conv("second", first, 4)
    graph = sketch.graph("first")
    assert last_uses(graph) == {"input": 0, "first": 2}
