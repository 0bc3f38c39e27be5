"""Rules about number types: 8 bits everywhere, 32 bits for biases, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_effnet.inspect.kinds import (
    INDEX_OUTPUT,
    INTEGER8,
    SHAPE_OPERATORS,
    WIDE_INTEGERS,
    weighted_operands,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.inspect.findings import Finding, View
    from edge_effnet.inspect.records import Tensor

_FLOATS = frozenset({"FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16", "FLOAT8_E4M3FN", "FLOAT8_E5M2"})
_DECLARABLE = frozenset({"INT8", "UINT8", "FLOAT32"})
_CONVERT = "convert with --int8"


def interface_type(view: View) -> Iterator[Finding]:
    """Inputs and outputs have the declared type; float32 has to be declared."""
    allowed = {"auto": INTEGER8, "int8": {"INT8"}, "uint8": {"UINT8"}, "float32": {"FLOAT32"}}[view.interface]
    graph = view.graph
    for side, tensors in (("input", graph.input_tensors), ("output", graph.output_tensors)):
        for tensor in tensors:
            if tensor.type not in allowed and not _is_index(view, tensor):
                reason = f"the {side} is {tensor.type}, not {' or '.join(sorted(allowed))}"
                fix = f"{_CONVERT} --io int8, or declare what is meant: inspect --io {tensor.type.lower()}"
                yield view.about(
                    "error",
                    reason,
                    fix if tensor.type in _DECLARABLE else f"{_CONVERT} --io int8",
                    tensor=tensor,
                )


_DECLARABLE = frozenset({"INT8", "UINT8", "FLOAT32"})


def float_tensor(view: View) -> Iterator[Finding]:
    """No operator reads or writes floating point, but for the conversion at a float border."""
    border = {*view.graph.inputs, *view.graph.outputs}  # interface_type judges these
    for tensor in view.used_tensors():
        if tensor.type in _FLOATS and tensor.index not in border:
            kind = "constant" if tensor.is_constant else "activation"
            yield view.about(
                "error", f"{tensor.type} {kind}", f"{_CONVERT}: nothing may fall back to float", tensor=tensor
            )


def wide_activation(view: View) -> Iterator[Finding]:
    """Activations have 8 bits: 16-bit ones are outside the w8a8 gate, and 32-bit ones are no network."""
    border = {*view.graph.inputs, *view.graph.outputs}
    for tensor in view.used_tensors():
        if tensor.type not in WIDE_INTEGERS or tensor.is_constant or tensor.index in border:
            continue
        writer = view.graph.producers.get(tensor.index)
        if writer is None or writer.builtin not in SHAPE_OPERATORS | INDEX_OUTPUT:
            yield view.about(
                "error",
                f"{tensor.type} activation: outside 8-bit weights and activations",
                _CONVERT,
                tensor=tensor,
            )


def foreign_type(view: View) -> Iterator[Finding]:
    """Other types have no place in an integer network."""
    border = {*view.graph.inputs, *view.graph.outputs}
    for tensor in view.used_tensors():
        if tensor.type not in _FLOATS | WIDE_INTEGERS | INTEGER8 and tensor.index not in border:
            yield view.about(
                "error", f"{tensor.type} is not 8-bit integer arithmetic", _CONVERT, tensor=tensor
            )


def uint8_weights(view: View) -> Iterator[Finding]:
    """Weights with a zero point are the scheme of 2018: exact to audit, slower to run."""
    old = [operands for operands in weighted_operands(view.graph) if operands.weights.type == "UINT8"]
    if old:
        reason = f"{len(old)} operators have uint8 weights, one scale each (the scheme before int8)"
        yield view.about("info", reason, f"{_CONVERT} from the float model", operator=old[0].operator)


def _is_index(view: View, tensor: Tensor) -> bool:
    writer = view.graph.producers.get(tensor.index)
    return writer is not None and writer.builtin in INDEX_OUTPUT
