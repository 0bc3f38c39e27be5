"""Fold the input normalisation into the first convolution, so that the deployed network takes raw pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.errors import ConversionError
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node

__all__ = ["fold_normalisation", "fold_std", "padding_pixel"]


def padding_pixel(normalisation: Normalisation) -> int:
    """Return the one pixel value that stands for "nothing" at the border: the mean pixel, common to R, G and B."""
    return round(float(np.mean(normalisation.mean)))


def fold_normalisation(graph: Graph) -> Graph:
    """Return the same network on ``pixel - padding_pixel``, with mean and std inside the first convolution.

    Exact inside the picture. At the border SAME padding stands for one common pixel value instead of each channel's own
    mean; where the three means are one integer (Lite, EdgeTPU, V2-S/M/L) that is exact too.

    Raises:
        ConversionError: The first operator is not a convolution (or a padding before one).
    """
    pixel = float(padding_pixel(graph.normalisation))
    return _fold(graph, (pixel, pixel, pixel))


def fold_std(graph: Graph) -> Graph:
    """Return the same network on ``pixel - mean``, with only std inside the first convolution: exact everywhere.

    Raises:
        ConversionError: The first operator is not a convolution (or a padding before one).
    """
    return _fold(graph, graph.normalisation.mean)


def _fold(graph: Graph, offset: tuple[float, float, float]) -> Graph:
    mean = np.asarray(graph.normalisation.mean, np.float64) - np.asarray(offset, np.float64)
    std = np.asarray(graph.normalisation.std, np.float64)
    reads = {graph.input_name}
    nodes: list[Node] = []
    folded = 0
    for node in graph.nodes:
        if reads.isdisjoint(node.inputs):
            nodes.append(node)
        elif node.kind == "pad":
            reads.add(node.name)
            nodes.append(node)
        elif node.kind == "conv" and node.kernel is not None:
            nodes.append(_folded(node, mean, std))
            folded += 1
        else:
            raise ConversionError(
                "the network does not begin with a convolution", got=f"{node.kind} {node.name}"
            )
    if not folded:
        raise ConversionError("the network has no first convolution")
    return replace(graph, nodes=tuple(nodes), normalisation=Normalisation(offset, (1.0, 1.0, 1.0)))


def _folded(node: Node, mean: npt.NDArray[np.float64], std: npt.NDArray[np.float64]) -> Node:
    assert node.kernel is not None  # noqa: S101 - the caller has looked
    kernel = node.kernel.astype(np.float64) / std.reshape(1, 1, 3, 1)
    bias = (0.0 if node.bias is None else node.bias.astype(np.float64)) - (
        kernel * mean.reshape(1, 1, 3, 1)
    ).sum(axis=(0, 1, 2))
    return replace(node, kernel=kernel.astype(np.float32), bias=bias.astype(np.float32))
