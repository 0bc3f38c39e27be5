"""A small writer of TensorFlow Lite flatbuffers: tensors, constants, operators, metadata; aligned and deterministic."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl

from edge_effnet.convert.options import OPERATORS
from edge_effnet.model_bytes import aligned, bytes_from_model

__all__ = ["ModelWriter"]

_SCHEMA_VERSION = 3
_TYPES: dict[type[np.generic], int] = {
    np.float32: tfl.TensorType.FLOAT32,
    np.float16: tfl.TensorType.FLOAT16,
    np.int32: tfl.TensorType.INT32,
    np.int8: tfl.TensorType.INT8,
    np.uint8: tfl.TensorType.UINT8,
}


class ModelWriter:
    """Collects one subgraph and writes it."""

    def __init__(self, description: str) -> None:
        self._model = tfl.ModelT()
        self._model.version = _SCHEMA_VERSION
        self._model.description = description
        self._model.operatorCodes = []
        self._model.buffers = [aligned(None)]
        self._graph = tfl.SubGraphT()
        self._graph.name = "main"
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]
        self._codes: dict[tuple[int, int], int] = {}
        self._shared: dict[str, int] = {}

    def _buffer(self, data: npt.NDArray[Any]) -> int:
        self._model.buffers.append(aligned(data))
        return len(self._model.buffers) - 1

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: type[np.generic],
        scales: npt.NDArray[np.float32] | None = None,
        zero_point: int = 0,
        *,
        axis: int = 0,
        buffer: int = 0,
    ) -> int:
        """Add a tensor and return its index; several ``scales`` mean one per index along ``axis``."""
        tensor = tfl.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = (
            name,
            np.array(shape, np.int32),
            _TYPES[dtype],
            buffer,
        )
        tensor.hasRank = True
        if scales is not None:
            quantization = tfl.QuantizationParametersT()
            quantization.scale = scales
            quantization.zeroPoint = np.full(len(scales), zero_point, np.int64)
            quantization.quantizedDimension = axis if len(scales) > 1 else 0
            tensor.quantization = quantization
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(
        self,
        name: str,
        data: npt.NDArray[Any],
        scales: npt.NDArray[np.float32] | None = None,
        zero_point: int = 0,
        *,
        axis: int = 0,
    ) -> int:
        """Add a constant tensor and return its index."""
        dtype, buffer = data.dtype.type, self._buffer(data)
        return self.tensor(name, data.shape, dtype, scales, zero_point, axis=axis, buffer=buffer)

    def shared_constant(self, name: str, data: npt.NDArray[Any]) -> int:
        """Add a constant once, however many operators read it."""
        if name not in self._shared:
            self._shared[name] = self.constant(name, data)
        return self._shared[name]

    def widened(self, name: str, data: npt.NDArray[np.float16]) -> int:
        """Add a float16 constant and the operator that widens it to float32; return the wide tensor's index."""
        row = OPERATORS["dequantize"]
        wide = self.tensor(f"{name}/float32", data.shape, np.float32)
        self.operator(
            row.code,
            row.float_version,
            [self.constant(name, data)],
            [wide],
            row.options_type,
            tfl.DequantizeOptionsT(),
        )
        return wide

    def operator(
        self, code: int, version: int, inputs: list[int], outputs: list[int], options_type: int, options: Any
    ) -> None:
        """Add an operator."""
        operator = tfl.OperatorT()
        operator.opcodeIndex = self._code(code, version)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        self._graph.operators.append(operator)

    def _code(self, code: int, version: int) -> int:
        if (code, version) not in self._codes:
            entry = tfl.OperatorCodeT()
            entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), version
            self._model.operatorCodes.append(entry)
            self._codes[code, version] = len(self._model.operatorCodes) - 1
        return self._codes[code, version]

    def finish(self, inputs: list[int], outputs: list[int], metadata: dict[str, bytes]) -> bytes:
        """Write the file's bytes."""
        self._graph.inputs, self._graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        self._model.metadata = []
        for name, blob in metadata.items():
            entry = tfl.MetadataT()
            entry.name, entry.buffer = name, self._buffer(np.frombuffer(blob, np.uint8))
            self._model.metadata.append(entry)
        return bytes_from_model(self._model)
