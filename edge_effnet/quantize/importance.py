"""How much an error in each channel of each tensor matters: the energy of the weights that it meets downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node

    Weights = npt.NDArray[np.float64]

__all__ = ["channel_importance"]

_PASS = frozenset({"mul", "hard_swish", "max_pool", "average_pool", "pad", "relu"})
_FLOOR = 1e-3


def _through(graph: Graph, node: Node, known: dict[str, Weights | None]) -> Weights | None:
    """Importance that an operator lends to its input's channels; None where it says nothing."""
    downstream = known[node.name]
    if node.kernel is not None:
        energy = node.kernel.astype(np.float64) ** 2
        if node.kind == "conv":
            return np.asarray(energy.sum(axis=(0, 1, 3)))
        if node.kind == "dense":
            return np.asarray(energy.sum(axis=1))
        own = energy.sum(axis=(0, 1, 3))
        return np.asarray(own if downstream is None else own * downstream)
    if node.kind == "mean":  # a squeeze averages its errors away; the head's pooling feeds the logits
        return downstream if any(reader.kind == "dense" for reader in graph.consumers(node.name)) else None
    return downstream if node.kind in _PASS else None


def channel_importance(graph: Graph) -> dict[str, Weights]:
    """Return ``(channels,)`` weights with mean 1 for every tensor; all ones where nothing is known.

    Pushed back from consumer to producer through depthwise convolutions, activations and gates; a pointwise convolution,
    which mixes channels, starts anew with the energy of its own weights.
    """
    known: dict[str, Weights | None] = {}
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    for name in (*(node.name for node in reversed(graph.nodes)), graph.input_name):
        channels = graph.shapes[name][-1]
        parts = [_through(graph, reader, known) for reader in readers.get(name, [])]
        usable = [part for part in parts if part is not None and part.shape == (channels,)]
        known[name] = np.sum(usable, axis=0) if usable else None
    return {name: _normalised(weights, graph.shapes[name][-1]) for name, weights in known.items()}


def _normalised(weights: Weights | None, channels: int) -> Weights:
    if weights is None or not weights.mean() > 0:
        return np.ones(channels)
    return np.asarray(np.maximum(weights / weights.mean(), _FLOOR))
