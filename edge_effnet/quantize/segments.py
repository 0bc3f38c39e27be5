"""Cut a graph where only one tensor is alive, so that quantisation can walk it piece by piece in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph, Node

__all__ = ["Segment", "cut_into_segments", "last_uses"]

_FLOAT_BYTES = 4
_JOINS = frozenset({"add", "concat", "max_pool", "average_pool"})


@dataclass(frozen=True)
class Segment:
    """Operators between two cuts: they read ``source`` and leave ``result``.

    Attributes:
        nodes: The operators, in order.
        source: The only tensor that they read from before.
        result: The only tensor that anything after them reads.
        peak_bytes: Largest sum of live float tensors inside, for one image.
    """

    nodes: tuple[Node, ...]
    source: str
    result: str
    peak_bytes: int

    @property
    def name(self) -> str:
        """The block that the segment ends in."""
        return self.nodes[-1].block or self.nodes[-1].name


def last_uses(graph: Graph) -> dict[str, int]:
    """Return, for every tensor, the index of the last operator that reads it (the output lives for ever)."""
    last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last[graph.output_name] = len(graph.nodes)
    return last


def _ends_here(graph: Graph, index: int) -> bool:
    """A cut falls between named blocks; in a network without names, after joins and pools."""
    node, following = graph.nodes[index], graph.nodes[index + 1]
    return node.block != following.block if node.block else node.kind in _JOINS


def cut_into_segments(graph: Graph) -> tuple[Segment, ...]:
    """Cut a graph into segments, in order; every operator is in one of them."""
    last = last_uses(graph)
    live = {graph.input_name}
    segments: list[Segment] = []
    nodes: list[Node] = []
    source, peak = graph.input_name, 0
    for index, node in enumerate(graph.nodes):
        nodes.append(node)
        live.add(node.name)
        peak = max(peak, sum(math.prod(graph.shapes[name]) for name in live) * _FLOAT_BYTES)
        live -= {name for name in node.inputs if last[name] <= index}
        final = index == len(graph.nodes) - 1
        if final or (live == {node.name} and _ends_here(graph, index)):
            segments.append(Segment(tuple(nodes), source, node.name, peak))
            nodes, source, peak = [], node.name, 0
    return tuple(segments)
