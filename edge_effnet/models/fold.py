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


def padding_pixel(normalisation: Normalisation, kernel: npt.NDArray[np.float32] | None = None) -> int:
    """Return the one pixel value, common to R, G and B, that stands for "nothing" at the border.

    Args:
        normalisation: The three means are what a border should hold.
        kernel: ``(height, width, 3, out)`` of the first convolution. With it the value is the one for which its outer
            taps, the ones that reach over the border, see least difference (least squares); else the mean of the means.
    """
    mean, std = (np.asarray(side, np.float64) for side in (normalisation.mean, normalisation.std))
    if kernel is None:
        return round(float(mean.mean()))
    ring = np.ones(kernel.shape[:2], bool)
    ring[1:-1, 1:-1] = False
    taps = kernel[ring].astype(np.float64) / std[:, None]
    response, wanted = taps.sum(axis=1), (taps * mean[:, None]).sum(axis=1)
    energy = float((response**2).sum())
    best = float((response * wanted).sum()) / energy if energy > 0 else float(mean.mean())
    return round(float(np.clip(best, mean.min(), mean.max())))


def fold_normalisation(graph: Graph) -> Graph:
    """Return the same network on ``pixel - padding_pixel``, with mean and std inside the first convolution.

    Exact inside the picture. At the border SAME padding stands for one common pixel value instead of each channel's own
    mean; where the three means are one integer (Lite, EdgeTPU, V2-S/M/L) that is exact too.

    Raises:
        ConversionError: The first operator is not a convolution (or a padding before one).
    """
    first = next((node for node in graph.nodes if node.kind == "conv"), None)
    pixel = float(padding_pixel(graph.normalisation, None if first is None else first.kernel))
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
