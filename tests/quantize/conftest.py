"""A small network, quantised once for many tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tiny_graphs import Feed, every_kind, pictures, small_mbconv

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph


@pytest.fixture(scope="session")
def tiny_graph() -> Graph:
    """Two inverted bottlenecks at 16 px."""
    return small_mbconv()


@pytest.fixture(scope="session", params=["mbconv", "every_kind"])
def any_tiny_graph(request: pytest.FixtureRequest) -> Graph:
    """Each of the small networks in turn."""
    return {"mbconv": small_mbconv, "every_kind": every_kind}[request.param]()


@pytest.fixture(scope="session")
def feed() -> Feed:
    """Twenty-four pictures of 16 px."""
    return Feed(pictures(24))


@pytest.fixture(scope="session")
def tiny_quantized(tiny_graph: Graph, feed: Feed) -> QuantizedGraph:
    """The small network after the default recipe."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    from edge_effnet.progress import Silent
    from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction

    return quantize_by_reconstruction(tiny_graph, feed, Settings(), Silent())
