"""What keeps a model from the Edge TPU, or makes it slow there: whole-model conditions and known killers, a function each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_effnet.inspect.edgetpu_layers import (
    CACHE_BUDGET_RANGE_BYTES,
    DEPTHWISE_ERROR,
    LARGE_MEAN_PLACES,
    NARROW_BYTES_PER_TILE,
    EdgeLayer,
)
from edge_effnet.inspect.edgetpu_limits import reduced_axes
from edge_effnet.inspect.edgetpu_ops import SECOND_SUBGRAPH, Status
from edge_effnet.inspect.findings import Finding, View
from edge_effnet.inspect.kinds import EDGETPU_VERSION_CAPS, INTEGER8, weighted_operands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from edge_effnet.inspect.records import Model

__all__ = ["RULES", "findings_of"]

_UNREADABLE: Final = frozenset({"GELU"})
"""Operators whose number the compiler's reader (TFLite 2.5) does not know; also `BUILTIN_n`, which this package's does not."""

_KILO: Final = 1024


@dataclass(frozen=True, eq=False)
class _Case:
    """What a rule looks at."""

    view: View
    statuses: Sequence[Status]
    layers: Sequence[EdgeLayer]

    @property
    def model(self) -> Model:
        return self.view.model


def findings_of(model: Model, statuses: Sequence[Status], layers: Sequence[EdgeLayer]) -> tuple[Finding, ...]:
    """Return every finding, errors first, then in the order of the operators."""
    case = _Case(View(model, "auto"), statuses, layers)
    found = [replace(finding, rule=rule.__name__) for rule in RULES for finding in rule(case)]
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(
        sorted(found, key=lambda one: (order[one.severity], -1 if one.op_index is None else one.op_index))
    )


def nothing_to_map(case: _Case) -> Iterator[Finding]:
    """A model without one operator for the Edge TPU."""
    if not any(status.mapped for status in case.statuses):
        yield case.view.about(
            "error", "not one operator would run on the Edge TPU", "see the other findings; convert --int8"
        )


def not_quantised(case: _Case) -> Iterator[Finding]:
    """The compiler says "Model not quantized" when the layers with weights are float."""
    rows = list(weighted_operands(case.view.graph))
    if rows and not any({row.input.type, row.weights.type} <= INTEGER8 for row in rows):
        yield case.view.about(
            "error", "Model not quantized: no layer with weights is in 8 bits", "convert --int8"
        )


def open_shape(case: _Case) -> Iterator[Finding]:
    """A size that is not known when compiling, even if only `shape_signature` says so."""
    found = [tensor for tensor in case.view.used_tensors() if tensor.is_dynamic]
    if found:
        shape = list(found[0].shape_signature or found[0].shape)
        yield case.view.about(
            "error",
            f"{len(found)} tensors have an open dimension, the first {shape}: the compiler refuses dynamic-sized tensors",
            "convert again with a fixed batch of 1 (`edge-effnet convert` does)",
            tensor=found[0],
        )


def several_images(case: _Case) -> Iterator[Finding]:
    """Only batch 1 fits the three dimensions that the Edge TPU has."""
    for tensor in case.view.graph.input_tensors:
        batch = math.prod(abs(size) for size in tensor.shape[:-3])
        if batch != 1:
            yield case.view.about(
                "error",
                f"input {list(tensor.shape)} has batch {batch}",
                "convert with batch 1",
                tensor=tensor,
            )


def unreadable_operator(case: _Case) -> Iterator[Finding]:
    """Operators that the compiler's reader has never heard of, and those of TensorFlow itself."""
    for operator in case.view.graph.operators:
        unknown = operator.builtin in _UNREADABLE or operator.builtin.startswith("BUILTIN_")
        if unknown or operator.kind == "flex":
            yield case.view.about(
                "error",
                f"{operator.name} is unknown to compiler 16: Model could not be parsed",
                "convert the model without it",
                operator=operator,
            )


def operator_version(case: _Case) -> Iterator[Finding]:
    """Versions of operators younger than TFLite 2.5, which the compiler reads with."""
    for operator in case.view.graph.operators:
        cap = EDGETPU_VERSION_CAPS.get(operator.builtin)
        if cap is not None and operator.version > cap:
            yield case.view.about(
                "error",
                f"{operator.name} version {operator.version}, the compiler reads up to {cap}: Model could not be parsed",
                "convert again with `edge-effnet convert --int8`, which keeps to old versions",
                operator=operator,
            )


def left_on_cpu(case: _Case) -> Iterator[Finding]:
    """Operators that the compiler leaves, each with its words."""
    for operator, status in zip(case.view.graph.operators, case.statuses, strict=True):
        if not status.mapped:
            results = case.view.graph.results(operator)
            severity = "info" if status.status == SECOND_SUBGRAPH else "warning"
            yield case.view.about(
                severity,  # type: ignore[arg-type]  # one of the three
                f"stays on the CPU: {status.status} ({status.reason})",
                status.fix,
                operator=operator,
                tensor=results[0] if results else None,
            )


def per_channel_dense(case: _Case) -> Iterator[Finding]:
    """The reader of TFLite 2.5 has no dense kernel with a scale per channel."""
    for row in weighted_operands(case.view.graph):
        found = row.weights.quantisation
        if row.operator.builtin == "FULLY_CONNECTED" and found is not None and found.per_channel:
            yield case.view.about(
                "warning",
                f"dense weights with {found.scales.size} scales: compiler 16 was written before these; what it does is unknown",
                "edge-effnet convert gives dense layers one scale, and --target edgetpu a 1x1 convolution",
                operator=row.operator,
                tensor=row.weights,
            )


def large_mean(case: _Case) -> Iterator[Finding]:
    """MEAN over a large map has aborted the compiler."""
    graph = case.view.graph
    for operator, status in zip(graph.operators, case.statuses, strict=True):
        source = graph.operand(operator, 0)
        if operator.builtin != "MEAN" or source is None or not status.mapped:
            continue
        places = math.prod(source.shape[axis] for axis in reduced_axes(graph, operator))
        if places >= LARGE_MEAN_PLACES:
            yield case.view.about(
                "warning",
                f"a mean over {list(source.shape)}: 256x256x32 is known to abort the compiler (Internal compiler error)",
                "average pooling instead of MEAN: convert --target edgetpu; or a lower --resolution",
                operator=operator,
                tensor=source,
            )


def large_activations(case: _Case) -> Iterator[Finding]:
    """Activations beyond the chip's memory are spilled, or the compiler gives up."""
    large = [layer for layer in case.layers if layer.mapped and layer.tile_bytes > NARROW_BYTES_PER_TILE]
    if large:
        worst = max(large, key=lambda layer: layer.tile_bytes)
        operator = case.view.graph.operators[worst.index]
        yield case.view.about(
            "warning",
            f"{worst.tile_bytes:,} bytes of activations are alive in a tile here, it has {NARROW_BYTES_PER_TILE:,}"
            f" ({len(large)} operators above it): slow spilling, or"
            ' "Compilation failed due to large activation tensors in model"',
            "a lower --resolution, or a smaller variant",
            operator=operator,
            tensor=case.view.graph.tensors[operator.outputs[0]],
        )


def unproven_gate(case: _Case) -> Iterator[Finding]:
    """Squeeze-and-excite is made of listed operators, but nobody has published a log that shows it mapped."""
    graph = case.view.graph
    gates = []
    for operator, status in zip(graph.operators, case.statuses, strict=True):
        shapes = {tensor.shape[-3:-1] for tensor in graph.operands(operator)}
        if status.mapped and operator.builtin == "MUL" and len(shapes) > 1:
            gates.append(operator)
    if gates:
        yield case.view.about(
            "info",
            f"{len(gates)} squeeze-and-excite gates: their operators are all on the compiler's list,"
            " but no public log shows such a network mapped",
            "compile to be sure; without them: convert --no-squeeze-excite, and train that",
            operator=gates[0],
        )


def streamed_parameters(case: _Case) -> Iterator[Finding]:
    """What does not fit the cache travels at every inference."""
    streamed = sum(layer.streamed_bytes for layer in case.layers if layer.mapped)
    total = sum(layer.parameter_bytes for layer in case.layers if layer.mapped)
    if streamed:
        yield case.view.about(
            "info",
            f"about {streamed / _KILO:,.0f} of {total / _KILO:,.0f} KiB of parameters do not fit the cache"
            " and travel at every inference",
            "a smaller variant; edge-effnet edgetpu estimate says what it costs",
        )
    elif total > CACHE_BUDGET_RANGE_BYTES[0]:
        yield case.view.about(
            "info",
            f"{total / _KILO:,.0f} KiB of parameters are near the end of the cache, which has been between"
            f" {CACHE_BUDGET_RANGE_BYTES[0] / _KILO:,.0f} and {CACHE_BUDGET_RANGE_BYTES[1] / _KILO:,.0f} KiB",
            "some may be streamed after all: compile to be sure",
        )


def approximate_depthwise(case: _Case) -> Iterator[Finding]:
    """The layout of depthwise weights is not published."""
    sizes = [
        layer.parameter_bytes
        for layer in case.layers
        if layer.mapped and layer.is_approximate and layer.weighted
    ]
    if sizes:
        yield case.view.about(
            "info",
            f"{sum(sizes) / _KILO:,.0f} KiB of {len(sizes)} depthwise layers are approximate, +-{100 * DEPTHWISE_ERROR:.0f} %:"
            " the compiler's layout of them is not known",
            "compile to be sure",
        )


RULES: tuple[Callable[[_Case], Iterable[Finding]], ...] = (
    not_quantised,
    nothing_to_map,
    open_shape,
    several_images,
    unreadable_operator,
    operator_version,
    left_on_cpu,
    per_channel_dense,
    large_mean,
    large_activations,
    unproven_gate,
    streamed_parameters,
    approximate_depthwise,
)
"""Every rule; its name is the ``rule`` of its findings."""
