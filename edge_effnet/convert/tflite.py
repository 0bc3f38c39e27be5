"""From the frozen graph to the bytes of a .tflite file: static batch 1, one operator per node, nothing else added.

Writing the flatbuffer directly is what makes the result exact: no QUANTIZE between layers, no SHAPE or PACK of a dynamic
batch, no Flex, the same bytes every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.convert.codecs import DynamicCodec, FloatCodec, HalfCodec, IntegerCodec
from edge_effnet.convert.flatbuffer import ModelWriter
from edge_effnet.convert.mixed import MixedCodec
from edge_effnet.convert.options import OPERATORS, operator_of
from edge_effnet.quantize.scheme import QMIN

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from edge_effnet.convert.codecs import Codec
    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.quantize.scheme import Grid, QuantizedGraph

__all__ = ["FLOAT_CODECS", "tflite_from_graph", "tflite_from_quantized"]

FLOAT_CODECS: dict[str, type[FloatCodec]] = {
    "float32": FloatCodec,
    "fp16": HalfCodec,
    "w8-dynamic": DynamicCodec,
}
"""Precision with float activations -> its codec."""


def _constants(writer: ModelWriter, graph: Graph, node: Node) -> list[int]:
    """Write the small integer operands that some operators read."""
    if node.kind == "mean":
        return [writer.shared_constant("axes", np.array([1, 2], np.int32))]
    if node.kind == "pad":
        assert not isinstance(node.padding, str)  # noqa: S101 - a padding says how much of it
        paddings = np.array([(0, 0), *node.padding, (0, 0)], np.int32)
        return [writer.constant(f"{node.name}/paddings", paddings)]
    if node.kind == "reshape":
        return [writer.constant(f"{node.name}/shape", np.array(graph.shapes[node.name], np.int32))]
    return []


def _add(writer: ModelWriter, kind: str, inputs: list[int], output: int, *, version: int = 1) -> int:
    """Add an operator that no node stands for."""
    row = OPERATORS[kind]
    writer.operator(row.code, version, inputs, [output], row.options_type, row.options(None))  # type: ignore[arg-type]
    return output


def _write_nodes(
    writer: ModelWriter, graph: Graph, codec: Codec, first: int, wanted: Sequence[str]
) -> list[int]:
    """Write every node; return the indices of the wanted tensors."""
    index = {graph.input_name: first}
    for node in graph.nodes:
        inputs = [codec.operand(writer, name, index[name], node.name) for name in node.inputs]
        inputs += _constants(writer, graph, node)
        if node.kernel is not None:
            inputs += codec.weights(writer, node)
        index[node.name] = codec.activation(writer, node.name, graph.shapes[node.name])
        row = OPERATORS[operator_of(node)]
        writer.operator(
            row.code,
            codec.version(node, row),
            inputs,
            [index[node.name]],
            row.options_type,
            row.options(node),
        )
    return [codec.operand(writer, name, index[name], "") for name in wanted]


def _offset_pixels(writer: ModelWriter, graph: Graph) -> tuple[int, int]:
    """Add a float input of raw pixels and take the graph's offset off; return the input and the result."""
    shape = graph.shapes[graph.input_name]
    pixels = writer.tensor("pixels", shape, np.float32)
    offset = writer.constant(
        "pixel_offset", np.array(graph.normalisation.mean, np.float32).reshape(1, 1, 1, 3)
    )
    return pixels, _add(writer, "sub", [pixels, offset], writer.tensor("offset_pixels", shape, np.float32))


def tflite_from_graph(graph: Graph, precision: str, *, metadata: dict[str, bytes] | None = None) -> bytes:
    """Write a graph with float activations; its input takes raw pixels 0..255 as float32.

    Args:
        graph: The graph, with std folded in (see `edge_effnet.models.fold.fold_std`).
        precision: A key of `FLOAT_CODECS`.
        metadata: Named blobs to carry along.
    """
    writer = ModelWriter(description=f"edge-effnet {graph.name} {precision}")
    pixels, first = _offset_pixels(writer, graph)
    outputs = _write_nodes(writer, graph, FLOAT_CODECS[precision](), first, [graph.output_name])
    return writer.finish([pixels], outputs, metadata or {})


def tflite_from_quantized(
    quantized: QuantizedGraph,
    *,
    io: str = "int8",
    metadata: dict[str, bytes] | None = None,
    kept: Collection[str] = (),
    also: Sequence[str] = (),
) -> bytes:
    """Write a quantised graph as a .tflite, full-integer unless operators are kept in float.

    Args:
        quantized: The graph with its grids and integers.
        io: Type of input and output. ``int8`` adds nothing; ``uint8`` (pixels as they are) adds a QUANTIZE at each end,
            which only shifts by 128; ``float32`` adds a QUANTIZE, which rounds to pixels, and an integer subtraction
            before, and a DEQUANTIZE after.
        metadata: Named blobs to carry along.
        kept: Operators that compute in float, between a DEQUANTIZE where a value enters them and a QUANTIZE where one
            leaves them. The file is then not full integer, and its description says so.
        also: Tensors that are given out behind the logits, in the type of ``io``.

    Returns:
        The file's bytes; equal inputs give equal bytes.
    """
    graph = quantized.graph
    codec: Codec = MixedCodec(quantized, kept) if kept else IntegerCodec(quantized)
    mark = f", {len(kept)} operators in float32" if kept else ""
    writer = ModelWriter(description=f"edge-effnet {graph.name} w8a8{mark}")
    outer, inner = _write_entry(writer, quantized, codec, io)
    names = [graph.output_name, *also]
    inside = _write_nodes(writer, graph, codec, inner, names)
    outputs = [
        _write_exit(writer, quantized, name, index, io) for name, index in zip(names, inside, strict=True)
    ]
    return writer.finish([outer], outputs, metadata or {})


def _uint8_tensor(writer: ModelWriter, name: str, shape: tuple[int, ...], grid: Grid) -> int:
    return writer.tensor(name, shape, np.uint8, np.array([grid.scale], np.float32), grid.zero_point + 128)


def _write_entry(writer: ModelWriter, quantized: QuantizedGraph, codec: Codec, io: str) -> tuple[int, int]:
    """Write the input; return its index, and that of the int8 tensor that the network reads."""
    graph = quantized.graph
    shape, grid = graph.shapes[graph.input_name], quantized.grids[graph.input_name]
    if io == "int8":
        index = codec.activation(writer, graph.input_name, shape)
        return index, index
    if io == "uint8":
        pixels = _uint8_tensor(writer, "pixels", shape, grid)
        inner = codec.activation(writer, graph.input_name, shape)
        return pixels, _add(writer, "quantize", [pixels], inner, version=2)
    pixels = writer.tensor("pixels", shape, np.float32)
    one = np.array([1.0], np.float32)
    codes = _add(writer, "quantize", [pixels], writer.tensor("pixel_codes", shape, np.int8, one, QMIN))
    # Scales of 1 throughout, so that the integer subtraction moves the zero point and keeps every code.
    offset = np.full((1, 1, 1, 1), grid.zero_point, np.int8)
    constant = writer.constant("pixel_offset", offset, one, QMIN)
    inner = codec.activation(writer, graph.input_name, shape)
    return pixels, _add(writer, "sub", [codes, constant], inner, version=2)


def _write_exit(writer: ModelWriter, quantized: QuantizedGraph, name: str, output: int, io: str) -> int:
    """Write what gives a tensor out; return its index."""
    outside = "logits" if name == quantized.graph.output_name else name
    shape, grid = quantized.graph.shapes[name], quantized.grids[name]
    if io == "int8":
        return output
    if io == "uint8":
        codes = _uint8_tensor(writer, f"{outside}_uint8", shape, grid)
        return _add(writer, "quantize", [output], codes, version=2)
    reals = writer.tensor(f"{outside}_float32", shape, np.float32)
    return _add(writer, "dequantize", [output], reals, version=2)
