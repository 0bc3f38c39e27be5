"""Rules about operators and shapes: what runs, in which order, on which sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_effnet.inspect.kinds import (
    EDGETPU_CUSTOM_OP,
    EDGETPU_VERSION_CAPS,
    INTEGER8,
    LEAST_RANK,
    SHAPE_OPERATORS,
    WEIGHTED,
    WIDE_INTEGERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.inspect.findings import Finding, Severity, View
    from edge_effnet.inspect.records import Operator

_STATIC = "build the model with batch_size=1 and convert again"


def empty_graph(view: View) -> Iterator[Finding]:
    """A graph computes something and gives it to the caller."""
    if not view.graph.operators:
        yield view.about("error", "the graph has no operators", "convert the model again")
    elif not view.graph.inputs or not view.graph.outputs:
        yield view.about("error", "the graph has no input or no output", "convert the model again")


def malformed_operator(view: View) -> Iterator[Finding]:
    """An operator has the operands that its kernel cannot do without."""
    for operator in view.graph.operators:
        reason = _malformation(view, operator)
        if reason:
            yield view.about("error", reason, "convert the model again", operator=operator)


def _malformation(view: View, operator: Operator) -> str:
    if operator.builtin and not operator.outputs:
        return "it has no output"
    needed, rank = LEAST_RANK.get(operator.builtin, (0, 0))
    given = [view.graph.operand(operator, position) for position in range(needed)]
    if None in given:
        return f"it has {sum(tensor is not None for tensor in given)} of the {needed} inputs that it needs"
    if not rank:
        return ""
    place = WEIGHTED.get(operator.builtin)
    tensor = view.graph.operand(operator, place.weights if place else 0)
    found = 0 if tensor is None else len(tensor.shape)
    if found == rank or (place is None and found > rank):
        return ""
    return f"its {'weights have' if place else 'input has'} {found} dimensions, it needs {rank}"


def execution_order(view: View) -> Iterator[Finding]:
    """Every tensor is written once, and before it is read; this also refuses cycles."""
    graph = view.graph
    ready = set(graph.inputs) | {t.index for t in graph.tensors if t.is_constant or t.is_variable}
    fix = "the file is damaged or badly edited: convert the model again"
    for operator in graph.operators:
        for index in dict.fromkeys(operator.inputs):
            if index >= 0 and index not in ready:
                reason = "it reads a tensor that nothing has written yet"
                yield view.about("error", reason, fix, operator=operator, tensor=graph.tensors[index])
        for index in operator.outputs:
            if index in ready and not graph.tensors[index].is_variable:
                reason = "it writes a tensor that is an input, a constant or written already"
                yield view.about("error", reason, fix, operator=operator, tensor=graph.tensors[index])
            ready.add(index)
    for index in graph.outputs:
        if index not in ready:
            yield view.about(
                "error", "the graph's output is written by nothing", fix, tensor=graph.tensors[index]
            )


def several_subgraphs(view: View) -> Iterator[Finding]:
    """Delegates and the Edge TPU compiler take one graph."""
    count = len(view.model.subgraphs)
    if count > 1:
        yield view.about(
            "error",
            f"the file holds {count} graphs (control flow or several entry points)",
            "export one graph",
        )


def dynamic_shape(view: View) -> Iterator[Finding]:
    """All sizes are known at compile time."""
    for tensor in view.graph.tensors:
        if tensor.is_dynamic:
            signature = list(tensor.shape_signature or tensor.shape)
            yield view.about("error", f"its shape is open: {signature}", _STATIC, tensor=tensor)


def batch_size(view: View) -> Iterator[Finding]:
    """One image at a time."""
    for tensor in view.graph.input_tensors:
        if tensor.shape and tensor.shape[0] > 1:
            yield view.about(
                "error", f"the input's batch is {tensor.shape[0]}, not 1", _STATIC, tensor=tensor
            )


def shape_arithmetic(view: View) -> Iterator[Finding]:
    """No operator computes shapes at run time; 8-bit data may be packed and sliced."""
    for operator in view.graph.operators:
        if operator.builtin in SHAPE_OPERATORS and _gives_integers(view, operator):
            yield view.about(
                "error",
                "it computes a shape at run time: what an open batch size leaves",
                _STATIC,
                operator=operator,
            )


def _gives_integers(view: View, operator: Operator) -> bool:
    return any(tensor.type in WIDE_INTEGERS for tensor in view.graph.results(operator))


def foreign_operator(view: View) -> Iterator[Finding]:
    """Every kernel is in the runtime, or in the Edge TPU, which computes in integers only."""
    for operator in view.graph.operators:
        severity: Severity = "error"
        if operator.kind == "flex":
            reason, fix = "TensorFlow's own kernel (Flex) in float", "replace the layer by builtin operators"
        elif operator.name == EDGETPU_CUSTOM_OP:
            severity = "warning"
            reason, fix = (
                "compiled for the Edge TPU, which has integers only: its operators cannot be audited one by one",
                "inspect the file before compilation",
            )
        elif operator.kind == "custom":
            reason, fix = (
                "a custom operator: no runtime has its kernel",
                "replace the layer by builtin operators",
            )
        else:
            continue
        yield view.about(severity, reason, fix, operator=operator)


def conversion_operator(view: View) -> Iterator[Finding]:
    """Tensors are not requantised on the way; at the border it is the price of the declared interface."""
    for operator in view.graph.operators:
        if operator.builtin not in {"QUANTIZE", "DEQUANTIZE"}:
            continue
        types = [t.type for t in (*view.graph.operands(operator)[:1], *view.graph.results(operator)[:1])]
        kinds = "→".join(types)
        if _at_declared_border(view, operator):
            reason = f"{kinds} at the border, as the interface asks"
            yield view.about("info", reason, "an int8 interface saves this operator", operator=operator)
        elif set(types) <= INTEGER8:
            reason = f"{kinds} inside the graph: its neighbours have different scales"
            yield view.about(
                "error", reason, "give both sides one range (convert --int8 does)", operator=operator
            )
        else:
            reason = f"{kinds} inside the graph: a part of it is not 8-bit"
            yield view.about("error", reason, "convert with --int8: nothing may fall back", operator=operator)


def _at_declared_border(view: View, operator: Operator) -> bool:
    """Whether the operator turns a graph input into int8, or int8 into a graph output, of the declared type."""
    graph = view.graph
    outside = {"auto": {"UINT8", "FLOAT32"}, "uint8": {"UINT8"}, "float32": {"FLOAT32"}, "int8": set()}[
        view.interface
    ]
    incoming = any(i in graph.inputs and graph.tensors[i].type in outside for i in operator.inputs)
    outgoing = any(i in graph.outputs and graph.tensors[i].type in outside for i in operator.outputs)
    inner = graph.results(operator) if incoming else graph.operands(operator)
    return (incoming or outgoing) and all(tensor.type in INTEGER8 for tensor in inner)


def operator_version(view: View) -> Iterator[Finding]:
    """Runtimes of 2021 and the Edge TPU compiler 16 know the kernel's version."""
    for operator in view.graph.operators:
        cap = EDGETPU_VERSION_CAPS.get(operator.builtin)
        if cap is not None and operator.version > cap:
            reason = f"version {operator.version}; TFLite 2.5 and the Edge TPU compiler 16 read up to {cap}"
            yield view.about(
                "warning",
                reason,
                "convert with edge-effnet, which writes the lowest version",
                operator=operator,
            )


def softmax_output(view: View) -> Iterator[Finding]:
    """The graph ends at logits: steps of 1/256 tie the best classes of every fourth to fifth image."""
    for tensor in view.graph.output_tensors:
        operator = view.graph.producers.get(tensor.index)
        origin = _before_conversion(view, operator)
        if origin is not None and origin.builtin == "SOFTMAX":
            reason = "8-bit softmax output: steps of 1/256 tie the top class on about 20 % of images"
            yield view.about(
                "warning", reason, "end the graph at the logits; take softmax in the reader", operator=origin
            )


def _before_conversion(view: View, operator: Operator | None) -> Operator | None:
    """Return the operator whose 8-bit result leaves the graph, looking through one conversion of the interface."""
    if operator is not None and operator.builtin in {"QUANTIZE", "DEQUANTIZE"} and operator.inputs:
        operator = view.graph.producers.get(operator.inputs[0])
    results = () if operator is None else view.graph.results(operator)
    return operator if results and results[0].type in INTEGER8 else None


def unused_part(view: View) -> Iterator[Finding]:
    """Nothing is carried along that nothing reads."""
    graph = view.graph
    used = set(graph.producers) | set(graph.consumers) | set(graph.inputs) | set(graph.outputs)
    for tensor in graph.tensors:
        if tensor.index not in used:
            yield view.about(
                "info", f"nothing uses this tensor ({tensor.size_bytes:,} bytes)", "harmless", tensor=tensor
            )
    owned = {
        t.buffer for subgraph in view.model.subgraphs for t in subgraph.tensors
    } | view.model.metadata_buffers
    orphans = [
        size for index, size in enumerate(view.model.buffer_sizes_bytes) if size and index not in owned
    ]
    if orphans:
        yield view.about(
            "info", f"{len(orphans)} buffers of {sum(orphans):,} bytes belong to no tensor", "harmless"
        )
