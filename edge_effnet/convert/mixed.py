"""Some operators in float and the others in int8, and the gate that such a file passes: exactly the named ones are float.

It leaves full integer, so nothing here is a default: `edge_effnet.tune` does it where it is allowed to, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.convert.codecs import FloatCodec, IntegerCodec
from edge_effnet.convert.options import OPERATORS
from edge_effnet.errors import GateError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit

if TYPE_CHECKING:
    from collections.abc import Collection

    from edge_effnet.convert.codecs import Codec
    from edge_effnet.convert.flatbuffer import ModelWriter
    from edge_effnet.convert.options import Row
    from edge_effnet.inspect import Model, Operator
    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["MIXED_PRECISION", "MixedCodec", "mixed_record", "require_mixed"]

MIXED_PRECISION: Final = "w8a8+float32"
"""What the contract of such a file says instead of ``w8a8``."""

WHY_NOT_A16W8: Final = "the XNNPACK delegate takes no int16 activations, and LiteRT's plain int16 kernels are slower than float ones"
_BRIDGES: Final = {"quantize": "int8", "dequantize": "float32"}
"""Conversion -> what is added to the name of the tensor that it makes."""


class MixedCodec:
    """int8, but for some operators, which compute in float32.

    Args:
        quantized: The graph; a kept operator takes the float weights in it.
        kept: Names of those operators.
    """

    def __init__(self, quantized: QuantizedGraph, kept: Collection[str]) -> None:
        self._quantized, self._kept = quantized, frozenset(kept)
        self._codecs: tuple[Codec, Codec] = (IntegerCodec(quantized), FloatCodec())
        self._bridges: dict[tuple[str, str], int] = {}

    def activation(self, writer: ModelWriter, name: str, shape: tuple[int, ...]) -> int:
        """Add a tensor of the type that the operator of this name computes in."""
        return self._codecs[name in self._kept].activation(writer, name, shape)

    def weights(self, writer: ModelWriter, node: Node) -> list[int]:
        """Add weights of the type that the operator computes in."""
        return self._codecs[node.name in self._kept].weights(writer, node)

    def version(self, node: Node, row: Row) -> int:
        """Return the version of the kernel."""
        return self._codecs[node.name in self._kept].version(node, row)

    def operand(self, writer: ModelWriter, name: str, index: int, reader: str) -> int:
        """Return the activation in the reader's type, converted once however many read it; the output is int8."""
        if (name in self._kept) == (reader in self._kept):
            return index
        kind = "dequantize" if reader in self._kept else "quantize"
        if (name, kind) not in self._bridges:
            self._bridges[name, kind] = self._convert(writer, kind, name, index)
        return self._bridges[name, kind]

    def _convert(self, writer: ModelWriter, kind: str, name: str, index: int) -> int:
        shape, bridge = self._quantized.graph.shapes[name], f"{name}/{_BRIDGES[kind]}"
        if kind == "dequantize":
            output = writer.tensor(bridge, shape, np.float32)
        else:
            grid = self._quantized.grids[name]
            output = writer.tensor(
                bridge, shape, np.int8, np.array([grid.scale], np.float32), grid.zero_point
            )
        row = OPERATORS[kind]
        version = row.int8_version if kind == "dequantize" else row.float_version
        writer.operator(row.code, version, [index], [output], row.options_type, row.options(None))  # type: ignore[arg-type]
        return output


def mixed_record(blocks: Collection[str], kept: Collection[str]) -> dict[str, Any]:
    """Return what the contract of a mixed file says beside the usual: that it is not full integer, where, and how."""
    return {
        "precision": MIXED_PRECISION,
        "full_integer": False,
        "mixed": {
            "precision": "float32",
            "blocks": list(blocks),
            "operators": len(kept),
            "why_not_a16w8": WHY_NOT_A16W8,
        },
    }


def require_mixed(content: bytes, io: str, kept: Collection[str]) -> None:
    """Refuse a file in which not exactly the named operators compute in float.

    Args:
        content: The .tflite file.
        io: Type of its input and output.
        kept: Names of the operators, which are those of their results.

    Raises:
        GateError: An operator is float and should not be, or the reverse; or the int8 part has an error of its own.
    """
    model, wanted = read_model_bytes(content), frozenset(kept)
    found = {name for operator in model.main.operators if (name := _float_result(model, operator))}
    if found != wanted:
        raise GateError(
            "other operators than the named ones are float",
            got=", ".join(sorted(found ^ wanted)),
            allowed=f"{len(wanted)} named operators",
        )
    excused = {operator.index for operator in model.main.operators if _is_excused(model, operator, wanted)}
    findings = audit(model, io=io).findings  # type: ignore[arg-type]  # checked by the request
    errors = [item for item in findings if item.severity == "error" and item.op_index not in excused]
    if errors:
        raise GateError(
            f"the int8 part is not full integer: {len(errors)} findings, the first: {errors[0].reason}",
            got=errors[0].tensor or errors[0].op,
            hint=errors[0].fix,
        )


def _float_result(model: Model, operator: Operator) -> str | None:
    """Return the name of an operator that computes in float; a conversion computes nothing."""
    result = model.main.results(operator)[0]
    converts = operator.builtin in {"QUANTIZE", "DEQUANTIZE"}
    return result.name if result.type == "FLOAT32" and not converts else None


def _is_excused(model: Model, operator: Operator, wanted: frozenset[str]) -> bool:
    """Say whether an operator is a kept one, or a conversion between a kept one and its neighbours."""
    if operator.builtin not in {"QUANTIZE", "DEQUANTIZE"}:
        return model.main.results(operator)[0].name in wanted
    readers = model.main.consumers.get(operator.outputs[0], ())
    if operator.builtin == "DEQUANTIZE":
        return bool(readers) and all(model.main.results(reader)[0].name in wanted for reader in readers)
    return model.main.operands(operator)[0].name in wanted
