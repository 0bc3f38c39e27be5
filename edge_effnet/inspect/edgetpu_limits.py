"""Limits of single operators on the Edge TPU: each a function that returns what is wrong, or None.

References:
    As in `edge_effnet.inspect.edgetpu_ops`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.inspect.records import Operator, Subgraph, Tensor

    Limit: TypeAlias = Callable[[Subgraph, Operator, int], str | None]

__all__ = [
    "axis_is_no_batch",
    "constant_join_is_padding",
    "default_weights",
    "dilation_allowed",
    "flat_output",
    "flat_slope",
    "no_fused_activation",
    "pads_no_batch",
    "plain_mean",
    "plain_slice",
    "reduced_axes",
    "reduces_no_batch",
    "short_softmax",
    "split_no_batch",
    "squeezes_leading",
]

_MOST_CLASSES: Final = 16_000
_DEPTH_STEP: Final = 4
_WIDE_RUNTIME: Final = 13
"""Runtime from which on reductions, padding and dilation are taken along more dimensions."""


def no_fused_activation(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Pooling and joining take no clamp with them."""
    del graph, runtime
    name = operator.options.activation
    return None if name in {None, "NONE"} else f"fused activation {name}"


def constant_join_is_padding(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """A constant may be joined only to one other input, and only zeros."""
    del runtime
    inputs = graph.operands(operator)
    constants = [tensor for tensor in inputs if tensor.size_bytes]
    if not constants:
        return None
    zero = all(np.all(tensor.raw.view(np.uint8) == _zero_byte(tensor)) for tensor in constants)
    if len(inputs) == 2 and zero:
        return None
    return "a constant input that is not plain zero padding of one other input"


def _zero_byte(tensor: Tensor) -> int:
    return (tensor.zero_point or 0) & 0xFF


def dilation_allowed(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Dilation is the same both ways; runtimes before 13 have none for depthwise layers."""
    del graph
    vertical, horizontal = operator.options.dilation or (1, 1)
    if vertical != horizontal:
        return f"dilation {vertical}x{horizontal} differs by direction"
    if operator.builtin == "DEPTHWISE_CONV_2D" and vertical > 1 and runtime < _WIDE_RUNTIME:
        return f"dilation {vertical} of a depthwise layer needs runtime {_WIDE_RUNTIME}"
    return None


def default_weights(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Weights lie in their plain order."""
    del graph, runtime
    name = operator.options.weights_format
    return None if name in {None, "DEFAULT"} else f"weights in the format {name}"


def flat_output(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """A dense layer's result is one row."""
    del runtime
    shapes = [list(tensor.shape) for tensor in graph.results(operator) if math.prod(tensor.shape[:-1]) != 1]
    return f"output {shapes[0]} has more than one row" if shapes else None


def flat_slope(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """The slopes of PRELU differ by channel only."""
    del runtime
    slope = graph.operand(operator, 1)
    if slope is None or math.prod(slope.shape[:-1]) == 1:
        return None
    return f"slopes {list(slope.shape)} differ by place, not only by channel"


def short_softmax(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """SOFTMAX takes one row of at most 16,000."""
    del runtime
    source = graph.operand(operator, 0)
    if source is None:
        return None
    if math.prod(source.shape[:-1]) != 1:
        return f"input {list(source.shape)} has more than one row"
    return (
        f"{source.elements:,} inputs, at most {_MOST_CLASSES:,}" if source.elements > _MOST_CLASSES else None
    )


def reduced_axes(graph: Subgraph, operator: Operator) -> tuple[int, ...]:
    """Return the dimensions that a reduction runs over, counted from 0; none where they are not constants."""
    source, axes = graph.operand(operator, 0), graph.operand(operator, 1)
    values = None if axes is None else axes.data()
    if source is None or values is None or not source.shape:
        return ()
    return tuple(int(axis) % len(source.shape) for axis in np.ravel(values))


def reduces_no_batch(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Nothing is reduced over the batch."""
    del runtime
    return "it reduces over the batch" if 0 in reduced_axes(graph, operator) else None


def plain_mean(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """MEAN over height and width; since runtime 13 over channels too, if their number is a multiple of 4."""
    source, axes = graph.operand(operator, 0), reduced_axes(graph, operator)
    if source is None or not axes:
        return None
    last = len(source.shape) - 1
    if 0 in axes:
        return "it reduces over the batch"
    if last not in axes:
        return None
    if runtime < _WIDE_RUNTIME:
        return f"a mean over channels needs runtime {_WIDE_RUNTIME}"
    channels = source.shape[last]
    return (
        f"a mean over {channels} channels, no multiple of {_DEPTH_STEP}" if channels % _DEPTH_STEP else None
    )


def axis_is_no_batch(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Nothing is packed along the batch."""
    del graph, runtime
    return "it packs along the batch" if operator.options.axis == 0 else None


def pads_no_batch(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """The batch is not padded; before runtime 13 only height and width are."""
    widths = graph.operand(operator, 1)
    values = None if widths is None else widths.data()
    if values is None or not values.size:
        return None
    rows = np.reshape(values, (-1, 2))
    if np.any(rows[0]):
        return "it pads the batch"
    return (
        f"padding of channels needs runtime {_WIDE_RUNTIME}"
        if runtime < _WIDE_RUNTIME and np.any(rows[-1])
        else None
    )


def split_no_batch(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Nothing is split along the batch."""
    del runtime
    axis, source = graph.operand(operator, 0), graph.operand(operator, 1)
    values = None if axis is None else axis.data()
    if values is None or not values.size or source is None or not source.shape:
        return None
    return "it splits along the batch" if int(np.ravel(values)[0]) % len(source.shape) == 0 else None


def squeezes_leading(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """Before runtime 13 only leading dimensions are dropped, so that nothing moves."""
    source, results = graph.operand(operator, 0), graph.results(operator)
    if runtime >= _WIDE_RUNTIME or source is None or not results:
        return None
    kept = source.shape[len(source.shape) - len(results[0].shape) :]
    return None if kept == results[0].shape else f"dropping inner dimensions needs runtime {_WIDE_RUNTIME}"


def plain_slice(graph: Subgraph, operator: Operator, runtime: int) -> str | None:
    """A strided slice has steps of 1 and no masks that make dimensions."""
    del runtime
    steps = graph.operand(operator, 3)
    values = None if steps is None else steps.data()
    if values is not None and np.any(values != 1):
        return f"steps {np.ravel(values).tolist()}, not all 1"
    masks = operator.options.ellipsis_mask, operator.options.new_axis_mask
    return "it uses an ellipsis or adds a dimension" if any(masks) else None
