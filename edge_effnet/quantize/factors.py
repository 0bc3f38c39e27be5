"""Where the channels of a tensor may be scaled down: only if everything that reads them can scale them up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph, Node

__all__ = ["CARRIERS", "follower", "is_absorbed", "swish_behind"]

CARRIERS: Final = frozenset({"mul", "mean", "pad", "max_pool", "average_pool"})
"""Operators whose output is scaled, channel by channel, as their input is."""


def swish_behind(graph: Graph, tensor: str) -> str | None:
    """Return the name of ``tensor * sigmoid(tensor)`` where that is all that becomes of a tensor, else None."""
    readers = {node.kind: node for node in graph.consumers(tensor)}
    if len(graph.consumers(tensor)) != 2 or readers.keys() != {"logistic", "mul"}:
        return None
    gate, product = readers["logistic"], readers["mul"]
    alone = [node.name for node in graph.consumers(gate.name)] == [product.name]
    return product.name if alone and set(product.inputs) == {tensor, gate.name} else None


def follower(graph: Graph, tensor: str) -> str:
    """Return what a tensor goes into: ``swish``, ``hard_swish`` or ``identity``."""
    if swish_behind(graph, tensor) is not None:
        return "swish"
    return "hard_swish" if {node.kind for node in graph.consumers(tensor)} == {"hard_swish"} else "identity"


def is_absorbed(graph: Graph, tensor: str) -> bool:
    """Say whether factors on the channels of a tensor end in weights on every way from it.

    A sum or a concatenation with something unscaled would be wrong, and so would the network's output.
    """
    readers = graph.consumers(tensor)
    return tensor != graph.output_name and all(_absorbs(graph, reader, tensor) for reader in readers)


def _absorbs(graph: Graph, reader: Node, tensor: str) -> bool:
    if reader.kernel is not None:
        return bool(reader.kernel.shape[-2] == graph.shapes[tensor][-1])
    return reader.kind in CARRIERS and is_absorbed(graph, reader.name)
