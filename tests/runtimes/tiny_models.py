"""Small .tflite files made in memory: one dense layer over all pixels, one tensor in, one out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
}
_ZERO_POINTS = {"int8": -128, "uint8": 0}


@dataclass
class TinyModel:
    """A dense layer ``(1, size, size, 3) -> (1, classes)``.

    Attributes:
        weights: ``(classes, size * size * 3)`` integers in -127..127; real weight = 1/64 of it.
        size_px: Side of the input.
        io: ``int8``, ``uint8`` or ``float32``; the input's real value is the pixel, 0..255.
        output_scale: Step of the quantised output.
        metadata: Name -> content.
        operator: Builtin code of the one operator.
        custom: Its custom code.
        version: Its version.
        inputs: How many inputs the graph declares.
        features: Give the pixels out as a feature map too, with ``map_weights (classes, 3)`` for maps of a class.
    """

    weights: np.ndarray
    size_px: int = 4
    io: str = "int8"
    output_scale: float = 8.0
    metadata: dict[str, bytes] = field(default_factory=dict)
    operator: int = schema.BuiltinOperator.FULLY_CONNECTED
    custom: str | None = None
    version: int = 4
    inputs: int = 1
    features: bool = False

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Return what real arithmetic gives for ``(size, size, 3) uint8`` pixels."""
        return (self.weights / 64.0) @ pixels.reshape(-1).astype(np.float64)

    def to_bytes(self) -> bytes:
        """Return the file."""
        buffers = [schema.BufferT()]
        model = schema.ModelT()
        model.version, model.description = 3, "tiny"
        model.subgraphs = [self._graph(buffers)]
        model.operatorCodes = [self._code()]
        model.metadata = [_metadata(buffers, name, content) for name, content in self.metadata.items()]
        model.buffers = buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _code(self) -> Any:
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = self.operator, min(self.operator, 127)
        code.customCode, code.version = self.custom, self.version
        return code

    def _graph(self, buffers: list[Any]) -> Any:
        square = [1, self.size_px, self.size_px, 3]
        weight_type = self.io if self.io == "float32" else "int8" if self.io == "int8" else "uint8"
        graph = schema.SubGraphT()
        graph.name = "main"
        graph.tensors = [
            self._tensor("pixels", square, self.io, 1.0),
            self._tensor("weights", list(self.weights.shape), weight_type, 1 / 64),
            self._tensor("logits", [1, len(self.weights)], self.io, self.output_scale),
        ]
        if self.io != "float32":
            graph.tensors[1].quantization.zeroPoint = [0 if self.io == "int8" else 128]
            graph.tensors[2].quantization.zeroPoint = [0 if self.io == "int8" else 128]
        graph.tensors[1].buffer = len(buffers)
        buffers.append(_buffer(self._stored_weights(weight_type)))
        graph.tensors += [self._tensor(f"extra{k}", square, self.io, 1.0) for k in range(self.inputs - 1)]
        graph.inputs = [0, *range(3, 2 + self.inputs)]
        graph.outputs = [2]
        if self.features:
            graph.outputs = [2, 0]
            maps = self._tensor("map_weights", [len(self.weights), 3], "int8", 1 / 64)
            maps.quantization.zeroPoint, maps.buffer = [0], len(buffers)
            buffers.append(_buffer(self.weights[:, :3].astype(np.int8).tobytes()))
            graph.tensors.append(maps)
        graph.operators = [self._operator()]
        return graph

    def _operator(self) -> Any:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, -1], [2]
        if self.operator == schema.BuiltinOperator.FULLY_CONNECTED:
            operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
            operator.builtinOptions = schema.FullyConnectedOptionsT()
        return operator

    def _stored_weights(self, dtype: str) -> bytes:
        if dtype == "float32":
            return (self.weights / 64.0).astype(np.float32).tobytes()
        return (self.weights + (128 if dtype == "uint8" else 0)).astype(dtype).tobytes()

    @staticmethod
    def _tensor(name: str, shape: list[int], dtype: str, scale: float) -> Any:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, _TYPES[dtype], 0
        if dtype != "float32":
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [_ZERO_POINTS[dtype]]
        return tensor


def _buffer(content: bytes) -> Any:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    return buffer


def _metadata(buffers: list[Any], name: str, content: bytes) -> Any:
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(buffers)
    buffers.append(_buffer(content))
    return entry


def colour_classifier(
    classes: Sequence[tuple[int, int, int]] = ((1, -1, -1), (-1, 1, -1), (-1, -1, 1)),
    *,
    io: str = "int8",
    size_px: int = 4,
    contract: dict[str, Any] | None = None,
    gain: int = 40,
    features: bool = False,
) -> TinyModel:
    """Return a model whose class is the colour that prevails: by default 0 red, 1 green, 2 blue.

    Args:
        classes: Weights of red, green and blue for each class, -1..1.
        io: Input and output type.
        size_px: Side of the input.
        contract: Written into the model as ``edge_effnet_contract``.
        gain: Size of a weight, 1..127.
        features: Give the pixels out as a feature map too.
    """
    weights = np.tile(np.array(classes) * gain, (1, size_px * size_px))
    metadata = {} if contract is None else {"edge_effnet_contract": json.dumps(contract).encode()}
    scale = float(np.abs(weights).sum(1).max() / 64 * 255 / 127)
    return TinyModel(weights, size_px, io, scale, metadata, features=features)
