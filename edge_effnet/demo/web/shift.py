"""int8 at a model's borders -> uint8: one QUANTIZE at each, which adds 128 to every code and rounds nothing.

References:
    tensorflow/lite/kernels/internal/reference/requantize.h: equal scales and zero points that differ by 128 flip the top
    bit only.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from edge_effnet.errors import DataError
from edge_effnet.model_bytes import bytes_from_model

__all__ = ["with_uint8_borders"]

_DAMAGE: Final = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    AssertionError,
)
"""What the generated reader and writer raise over parts of a file that `inspect` has no need to look at."""

_SHIFT: Final = 128
_QUANTIZE_VERSION: Final = 2
"""The first that takes int8 and uint8."""

_MAX_ARCHIVE_BYTES: Final = 32 << 20
"""Unpacked, all files together; a contract with golden vectors has 0.3 MB."""


def with_uint8_borders(content: bytes, *, source: str) -> bytes:
    """Return a model whose int8 input and outputs are uint8, with the same metadata and the archive behind it.

    Args:
        content: A .tflite file that `edge_effnet.inspect` could read.
        source: How errors name it.

    Raises:
        DataError: An int8 border has no scale, or the file is laid out in a way that cannot be written again.
    """
    try:
        model = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(content, 0))
        _shift_borders(model, source)
        written = bytes_from_model(model, size_bytes=len(content))
    except _DAMAGE as error:
        raise DataError(
            f"damaged model: it cannot be written anew ({type(error).__name__})",
            got=source,
            hint="copy or convert the file again",
        ) from error
    return _with_archive(written, content)


def _shift_borders(model: Any, source: str) -> None:
    if any(buffer.offset > 1 for buffer in model.buffers):
        raise DataError(
            "the model's weights lie outside its graph, and it cannot be written anew", got=source
        )
    graph = model.subgraphs[0]
    code = _quantize_code(model)
    entries = {index: _shifted(graph, index, source) for index in _int8(graph, graph.inputs)}
    exits = {index: _shifted(graph, index, source) for index in _int8(graph, graph.outputs)}
    graph.operators = [
        *(_quantize(code, outer, inner) for inner, outer in entries.items()),
        *(graph.operators or []),
        *(_quantize(code, inner, outer) for inner, outer in exits.items()),
    ]
    graph.inputs = [entries.get(index, index) for index in graph.inputs]
    graph.outputs = [exits.get(index, index) for index in graph.outputs]
    _rename(model, "inputs", entries)
    _rename(model, "outputs", exits)


def _int8(graph: Any, indices: Any) -> list[int]:
    return sorted({int(index) for index in indices if graph.tensors[index].type == tfl.TensorType.INT8})


def _quantize_code(model: Any) -> int:
    """Return the index of QUANTIZE among the operator codes, adding it."""
    code = tfl.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = tfl.BuiltinOperator.QUANTIZE
    code.version = _QUANTIZE_VERSION
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _shifted(graph: Any, index: int, source: str) -> int:
    """Add the uint8 twin of a tensor and return its index."""
    given = graph.tensors[index]
    found = given.quantization
    if found is None or found.scale is None or len(found.scale) != 1 or not 0 < found.scale[0] < math.inf:
        raise DataError(
            "an int8 tensor at the model's border has not one usable scale",
            got=f"{source}: {_text(given.name)}",
        )
    points = found.zeroPoint
    quantization = tfl.QuantizationParametersT()
    quantization.scale = np.array(found.scale, np.float32)
    quantization.zeroPoint = np.array(
        [(int(points[0]) if points is not None and len(points) else 0) + _SHIFT]
    )
    twin = tfl.TensorT()
    twin.name, twin.type, twin.buffer = f"{_text(given.name)}_uint8", tfl.TensorType.UINT8, 0
    twin.shape, twin.shapeSignature, twin.hasRank = given.shape, given.shapeSignature, given.hasRank
    twin.quantization = quantization
    graph.tensors.append(twin)
    return len(graph.tensors) - 1


def _text(name: bytes | str | None) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name or ""


def _quantize(code: int, given: int, made: int) -> Any:
    operator = tfl.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = [given], [made]
    operator.builtinOptionsType = tfl.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = tfl.QuantizeOptionsT()
    return operator


def _rename(model: Any, side: str, moved: dict[int, int]) -> None:
    """Let the signatures of the main graph name the new border."""
    for signature in model.signatureDefs or []:
        if signature.subgraphIndex == 0:
            for entry in getattr(signature, side) or []:
                entry.tensorIndex = moved.get(entry.tensorIndex, entry.tensorIndex)


def _with_archive(model: bytes, original: bytes) -> bytes:
    """Append the files of the archive behind the original, if there is one that can be read."""
    buffer = io.BytesIO(model)
    try:
        with zipfile.ZipFile(io.BytesIO(original)) as given, zipfile.ZipFile(buffer, "a") as archive:
            if sum(entry.file_size for entry in given.infolist()) > _MAX_ARCHIVE_BYTES:
                return model
            for entry in given.infolist():
                copy = zipfile.ZipInfo(entry.filename, entry.date_time)
                with given.open(entry) as stream:  # to the size that is claimed, however much is packed
                    content = stream.read(entry.file_size + 1)
                archive.writestr(copy, content, compress_type=zipfile.ZIP_DEFLATED)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return model  # what follows the flatbuffer is no archive: the contract is in the metadata too
    return buffer.getvalue()
