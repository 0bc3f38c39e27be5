"""What each row of a profile is: its name, kind, block and part, its multiply-accumulates and its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.bench.profile_join import join_events
from edge_effnet.inspect.cost import cost_from_model
from edge_effnet.inspect.kinds import INTEGER8
from edge_effnet.inspect.records import NUMPY_TYPES
from edge_effnet.variants.place import layer_of, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_effnet.bench.profile_join import Event, Joined
    from edge_effnet.inspect import Model, Operator, Subgraph, Tensor
    from edge_effnet.inspect.cost import Layer

__all__ = ["PARTS", "Row", "rows_from_events"]

PARTS: Final = ("stem", "expand", "depthwise", "swish", "se", "project", "add", "head", "other")
"""Parts of a network, in the order of a block."""

_CONVOLUTIONS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_POOLS: Final = ("MEAN", "AVERAGE_POOL_2D", "MAX_POOL_2D")
_THROUGH: Final = ("LOGISTIC", "MUL", "HARD_SWISH", "RELU", "RELU6", "PAD", "QUANTIZE")
"""Operators to look through for the convolution before or behind."""


@dataclass(frozen=True)
class Row:
    """One row of a profile: an event, an operator, or both.

    Attributes:
        event: Place of its event; None for an operator without one.
        name: The tensor that it writes; the kernel's name for one that XNNPACK added.
        kind: What it does, such as ``pointwise expand`` or ``depthwise 5x5``.
        block: ``stem``, ``block2a`` … or ``head``; None where the names do not tell.
        part: One of `PARTS`.
        op: Operators of the file, ``LOGISTIC+MUL``; empty for a kernel that XNNPACK added.
        op_indices: Their places in the file.
        kernel: The profiler's name; None without an event.
        macs: Multiply-accumulates.
        size_bytes: Bytes of activations and constants, each read or written once.
        int8: Whether the multiply-accumulates are on 8-bit integers.
        reason: Why event and operator are not one to one.
    """

    event: int | None
    name: str
    kind: str
    block: str | None
    part: str
    op: str
    op_indices: tuple[int, ...]
    kernel: str | None
    macs: int
    size_bytes: int
    int8: bool
    reason: str | None


def rows_from_events(model: Model, events: Sequence[Event]) -> tuple[Row, ...]:
    """Join the events of one inference with a model and describe every row, in the order in which they ran."""
    layers = {layer.op_index: layer for layer in cost_from_model(model).layers}
    return tuple(_row(model.main, layers, events, joined) for joined in join_events(model.main, events))


def _row(graph: Subgraph, layers: Mapping[int, Layer], events: Sequence[Event], joined: Joined) -> Row:
    kernel = None if joined.event is None else events[joined.event].tag
    described = joined.operators or ((joined.serves,) if joined.serves else ())
    block, part, kind = _place(graph, described) if described else (None, "other", "other")
    own = [layers[operator.index] for operator in joined.operators]
    written = graph.results(joined.operators[-1]) if joined.operators else ()
    return Row(
        event=joined.event,
        name=written[0].name if written else kernel or "?",
        kind=kind if joined.operators else "added by the runtime",
        block=block,
        part=part,
        op="+".join(operator.name for operator in joined.operators),
        op_indices=tuple(operator.index for operator in joined.operators),
        kernel=kernel,
        macs=sum(layer.macs for layer in own),
        size_bytes=moved_bytes(graph, joined.operators),
        int8=any(_on_int8(graph, operator) for operator in joined.operators if layers[operator.index].macs),
        reason=joined.reason,
    )


def _on_int8(graph: Subgraph, operator: Operator) -> bool:
    """Return whether multiply-accumulates are on 8-bit integers: also where floats are quantised on the fly."""
    weights = graph.operand(operator, 1)
    return weights is not None and weights.type in INTEGER8


def moved_bytes(graph: Subgraph, group: Sequence[Operator]) -> int:
    """Return the bytes that operators read and write together, what one hands to the next left out."""
    indices = {operator.index for operator in group}
    made = {tensor for operator in group for tensor in operator.outputs}
    read = {tensor for operator in group for tensor in operator.inputs if tensor >= 0} - made
    handed_on = {
        tensor
        for tensor in made
        if tensor not in graph.outputs
        and tensor in graph.consumers
        and all(reader.index in indices for reader in graph.consumers[tensor])
    }
    return sum(_size(graph.tensors[tensor]) for tensor in read | (made - handed_on))


def _size(tensor: Tensor) -> int:
    dtype = NUMPY_TYPES.get(tensor.type)
    return tensor.size_bytes or (0 if dtype is None else tensor.elements * dtype.itemsize)


def _place(graph: Subgraph, group: Sequence[Operator]) -> tuple[str | None, str, str]:
    """Return (block, part, kind) from the name of what is written, and from the graph where the name tells nothing."""
    written = graph.results(group[-1])
    block, found = place_of(layer_of(written[0].name)) if written else ("", "other")
    part = {"residual": "add"}.get(found, found)
    if not block:
        part = _part_from_graph(graph, group)
    if part != "se" and (group[-1].builtin == "HARD_SWISH" or _is_swish(graph, group)):
        part = "swish"
    return block or None, part, _kind(graph, group, part)


def _is_swish(graph: Subgraph, group: Sequence[Operator]) -> bool:
    """Return whether operators are x * sigmoid(x), or one half of it."""
    last = group[-1]
    if last.builtin == "MUL":
        makers = [graph.producers.get(tensor) for tensor in last.inputs]
        gates = [maker for maker in makers if maker is not None and maker.builtin == "LOGISTIC"]
        return any(set(gate.inputs) < set(last.inputs) for gate in gates)
    if last.builtin != "LOGISTIC":
        return False
    readers = [reader for tensor in last.outputs for reader in graph.consumers.get(tensor, ())]
    return bool(readers) and all(set(last.inputs) < set(reader.inputs) for reader in readers)


_PARTS: Final = {
    "ADD": "add",
    "DEPTHWISE_CONV_2D": "depthwise",
    **dict.fromkeys(("FULLY_CONNECTED", "SOFTMAX", *_POOLS), "head"),
}
"""Operator -> part, where the names say nothing."""


def _part_from_graph(graph: Subgraph, group: Sequence[Operator]) -> str:
    """Return the part of an operator by what is before and behind it, for files whose names say nothing."""
    operator = group[0]
    if operator.builtin != "CONV_2D":
        return _PARTS.get(operator.builtin, "other")
    before, behind = _neighbour(graph, operator, back=True), _neighbour(graph, operator, back=False)
    around = (
        (before is None, "stem"),
        (before is not None and before.builtin == "DEPTHWISE_CONV_2D", "project"),
        (behind is None or _PARTS.get(behind.builtin) == "head", "head"),
        (behind is not None and behind.builtin == "DEPTHWISE_CONV_2D", "expand"),
    )
    return next((part for holds, part in around if holds), "other")


def _neighbour(graph: Subgraph, operator: Operator, *, back: bool) -> Operator | None:
    """Return the first operator before or behind, activations and the like left out."""
    found: Operator | None = operator
    for _ in graph.operators:
        assert found is not None  # noqa: S101 - the loop ends where it is
        if back:
            found = graph.producers.get(found.inputs[0]) if found.inputs else None
        else:
            found = next(
                (reader for tensor in found.outputs for reader in graph.consumers.get(tensor, ())), None
            )
        if found is None or found.builtin not in _THROUGH:
            break
    return found


def _kind(graph: Subgraph, group: Sequence[Operator], part: str) -> str:
    """Return what a row does, in a few words."""
    operator = group[-1]
    if part == "swish":
        return "hard swish" if operator.builtin == "HARD_SWISH" else "swish"
    if part == "se":
        return {"MEAN": "se mean", "MUL": "se multiply"}.get(
            "" if _is_swish(graph, group) else operator.builtin, "se gate"
        )
    convolution = next((each for each in group if each.builtin in _CONVOLUTIONS), None)
    if convolution is not None:
        return _convolution_kind(graph, convolution, part)
    if part == "head" and operator.builtin in ("FULLY_CONNECTED", *_POOLS):
        return "head dense" if operator.builtin == "FULLY_CONNECTED" else "head pool"
    return "dense" if operator.builtin == "FULLY_CONNECTED" else operator.name.lower().replace("_", " ")


def _convolution_kind(graph: Subgraph, operator: Operator, part: str) -> str:
    weights = graph.operand(operator, 1)
    height, width = weights.shape[1:3] if weights is not None and len(weights.shape) == 4 else (0, 0)
    size = f"{height}x{width}"
    if operator.builtin == "DEPTHWISE_CONV_2D":
        return f"depthwise {size}"
    if part in ("stem", "head"):
        return f"{part} conv"
    if size != "1x1":
        return f"fused conv {size}" if part in ("expand", "project") else f"conv {size}"
    return f"pointwise {part}" if part in ("expand", "project") else "pointwise"
