"""Activations on the Edge TPU: what is alive while an operator runs, in bytes and in the memory of one tile.

References:
    google-coral/libedgetpu, executable/executable.fbs, OutputLayout: maps are cut by height and width over 4 x 4 tiles.
    That a tile keeps the border that the next kernel reads was found here, on three compiled MobileNets v1: with it
    the bytes of 0.5 at 160 px and 0.75 at 192 px come out exactly; 0.25 at 128 px uses 29 % more than that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from edge_effnet.inspect.kinds import WEIGHTED
from edge_effnet.inspect.records import NUMPY_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_effnet.inspect.records import Operator, Subgraph, Tensor

__all__ = ["live_bytes", "tensor_bytes", "tile_bytes"]

_SIDE: Final = 4
"""Tiles along the height, and along the width."""

_CHANNEL_STEP: Final = 4
"""Channels are padded to the four that a cell multiplies at a time."""


def tensor_bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor; one per element for a type that numpy does not have."""
    dtype = NUMPY_TYPES.get(tensor.type)
    return tensor.elements * (1 if dtype is None else dtype.itemsize)


def live_bytes(graph: Subgraph, size: Callable[[Tensor], int] = tensor_bytes) -> Mapping[int, int]:
    """Return operator index -> bytes of the activations that are alive while it runs.

    Args:
        graph: The graph.
        size: What one activation takes.
    """
    end = len(graph.operators)
    places = {operator.index: place for place, operator in enumerate(graph.operators)}
    change = [0] * (end + 2)
    for tensor in graph.tensors:
        maker, readers = graph.producers.get(tensor.index), graph.consumers.get(tensor.index, ())
        if tensor.is_constant or (maker is None and tensor.index not in graph.inputs):
            continue
        born = 0 if maker is None else places[maker.index]
        last = max((places[reader.index] for reader in readers), default=born)
        taken = size(tensor)
        change[born] += taken
        change[(end if tensor.index in graph.outputs else max(last, born)) + 1] -= taken
    alive, found = 0, {}
    for operator in graph.operators:
        alive += change[places[operator.index]]
        found[operator.index] = alive
    return found


def tile_bytes(graph: Subgraph) -> Mapping[int, int]:
    """Return operator index -> bytes of live activations in the fullest tile, with the borders that kernels read."""
    return live_bytes(graph, lambda tensor: _in_one_tile(graph, tensor))


def _in_one_tile(graph: Subgraph, tensor: Tensor) -> int:
    if len(tensor.shape) < 3:
        return math.ceil(tensor_bytes(tensor) / _SIDE**2)
    *_, height, width, channels = (abs(size) for size in tensor.shape)
    rows, columns = math.ceil(height / _SIDE), math.ceil(width / _SIDE)
    for reader in graph.consumers.get(tensor.index, ()):
        needed = _needed(graph, reader, tensor)
        rows, columns = max(rows, needed[0]), max(columns, needed[1])
    padded = math.ceil(channels / _CHANNEL_STEP) * _CHANNEL_STEP
    return rows * columns * padded


def _needed(graph: Subgraph, reader: Operator, tensor: Tensor) -> tuple[int, int]:
    """Return how many rows and columns of a map one tile reads to make its own part of the result."""
    results, window = graph.results(reader), reader.options.window
    place = WEIGHTED.get(reader.builtin)
    weights = None if place is None else graph.operand(reader, place.weights)
    if weights is tensor or not results or len(results[0].shape) < 3:
        return 0, 0
    if window is None and weights is not None and len(weights.shape) == 4:
        window = weights.shape[1], weights.shape[2]
    if window is None:
        return 0, 0
    strides, dilation = reader.options.strides or (1, 1), reader.options.dilation or (1, 1)
    parts = (math.ceil(abs(size) / _SIDE) for size in results[0].shape[-3:-1])
    rows, columns = (
        (part - 1) * stride + (taps - 1) * spacing + 1
        for part, stride, taps, spacing in zip(parts, strides, window, dilation, strict=True)
    )
    return rows, columns
