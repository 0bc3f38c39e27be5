"""What the machine can do at most, measured: multiply-accumulates per second, and bytes per second.

The peak is the best of a few large pointwise convolutions, each a .tflite of one operator, run through the same engine
with the same threads as the model: what that engine's fastest kernel reaches here, not what a datasheet promises. The
bandwidth is that of copying buffers, far larger than the caches and again small enough for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.runtimes.connection import RemoteModel

    Precision = Literal["int8", "float32"]

__all__ = ["CACHED_BYTES", "LARGE_BYTES", "SHAPES", "Peak", "measure_peak", "pointwise_model"]

SHAPES: Final = ((56, 128, 128), (28, 256, 256), (14, 512, 512), (14, 1024, 512))
"""Side, input and output channels of the convolutions: the shapes of a network's expansions, and larger."""

LARGE_BYTES: Final = 64 << 20
"""Of a buffer that no cache holds, where source and target together are twice that."""

CACHED_BYTES: Final = 128 << 10
"""Of a buffer that a core's second cache holds, source and target."""

_SHAPE_S: Final = 0.1
_COPIES: Final = {LARGE_BYTES: (1, 7), CACHED_BYTES: (200, 15)}
"""Size -> (copies in a measurement, measurements)."""

_TYPES: Final = {"int8": (tfl.TensorType.INT8, np.int8), "float32": (tfl.TensorType.FLOAT32, np.float32)}


@dataclass(frozen=True)
class Peak:
    """What the machine can do at most.

    Attributes:
        int8_gmacs_per_s: Multiply-accumulates on 8-bit integers, 1e9 per second; None where the engine has none.
        float32_gmacs_per_s: On floats; None where the model needs none.
        gbytes_per_s: Read and written in copying large buffers, 1e9 per second.
        cached_gbytes_per_s: The same inside the caches.
        method: What was run, with every figure.
    """

    int8_gmacs_per_s: float | None
    float32_gmacs_per_s: float | None
    gbytes_per_s: float
    cached_gbytes_per_s: float
    method: dict[str, Any]


def measure_peak(model: RemoteModel, engine: str, threads: int, precisions: tuple[Precision, ...]) -> Peak:
    """Measure what an engine and the memory reach at most on the worker's machine.

    Args:
        model: Any model in a worker that knows ``model_speed`` and ``copy_speed``.
        engine: Runs the convolutions; the model's.
        threads: Of every convolution and every copy.
        precisions: ``int8``, ``float32``.

    Raises:
        EnvironmentFault: The worker has gone.
    """
    rows = {name: [_rate(model, engine, threads, name, shape) for shape in SHAPES] for name in precisions}
    copies = [_copy_rate(model, threads, size) for size in _COPIES]
    best = {
        name: max((row["gmacs_per_s"] for row in found if row["gmacs_per_s"]), default=None)
        for name, found in rows.items()
    }
    return Peak(
        best.get("int8"),
        best.get("float32"),
        copies[0]["gbytes_per_s"],
        copies[1]["gbytes_per_s"],
        {"engine": engine, "threads": threads, "pointwise": rows, "copies": copies},
    )


def _rate(
    model: RemoteModel, engine: str, threads: int, precision: Precision, shape: tuple[int, int, int]
) -> dict[str, Any]:
    """Return the rate of one convolution, its best run; null with the reason where the engine refuses it."""
    side, source, target = shape
    macs = side * side * source * target
    row = {"side": side, "channels": [source, target], "macs": macs}
    request: dict[str, Any] = {
        "id": model.name,
        "engine": engine,
        "threads": threads,
        "seconds": _SHAPE_S,
        "runs": 3,
    }
    try:
        reply, _ = model.connection.ask("model_speed", pointwise_model(*shape, precision), **request)
    except DataError as error:
        return {**row, "runs": 0, "gmacs_per_s": None, "reason": error.message}
    return {**row, "runs": len(reply["ns"]), "gmacs_per_s": macs / min(reply["ns"]), "reason": None}


def _copy_rate(model: RemoteModel, threads: int, size: int) -> dict[str, Any]:
    copies, runs = _COPIES[size]
    reply, _ = model.connection.ask("copy_speed", threads=threads, size_bytes=size, copies=copies, runs=runs)
    return {"buffer_bytes": size, "runs": runs, "gbytes_per_s": reply["moved_bytes"] / min(reply["ns"])}


def pointwise_model(side: int, channels: int, outputs: int, precision: Precision = "int8") -> bytes:
    """Return a .tflite of one pointwise convolution with random weights."""
    random = np.random.default_rng(0)
    code, dtype = _TYPES[precision]
    weights = (
        random.integers(-127, 128, (outputs, 1, 1, channels), np.int8)
        if precision == "int8"
        else random.standard_normal((outputs, 1, 1, channels), np.float32)
    )
    bias_code, bias = (tfl.TensorType.INT32, np.int32) if precision == "int8" else (code, dtype)
    scales = None if precision == "float32" else np.full(outputs, 0.01, np.float32)
    one = None if scales is None else np.full(1, 0.1, np.float32)
    model = tfl.ModelT()
    model.version, model.description = 3, "a pointwise convolution"
    model.buffers = [tfl.BufferT(), _buffer(weights), _buffer(np.zeros(outputs, bias))]
    graph = tfl.SubGraphT()
    graph.tensors = [
        _tensor("input", (1, side, side, channels), code, one),
        _tensor("weights", weights.shape, code, scales, buffer=1),
        _tensor("bias", (outputs,), bias_code, None if scales is None else 0.1 * scales, buffer=2),
        _tensor("output", (1, side, side, outputs), code, one),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [3], [_convolution()]
    model.subgraphs, model.operatorCodes = [graph], [_code()]
    builder = flatbuffers.Builder(1 << 10)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _buffer(values: npt.NDArray[Any]) -> Any:
    buffer = tfl.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def _tensor(
    name: str, shape: tuple[int, ...], code: int, scales: npt.NDArray[np.float32] | None, *, buffer: int = 0
) -> Any:
    tensor = tfl.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), code, buffer
    if scales is not None:
        tensor.quantization = tfl.QuantizationParametersT()
        tensor.quantization.scale = scales.tolist()
        tensor.quantization.zeroPoint = [0] * len(scales)
    return tensor


def _convolution() -> Any:
    options = tfl.Conv2DOptionsT()
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    options.padding = tfl.Padding.VALID
    operator = tfl.OperatorT()
    operator.inputs, operator.outputs = [0, 1, 2], [3]
    operator.builtinOptionsType, operator.builtinOptions = tfl.BuiltinOptions.Conv2DOptions, options
    return operator


def _code() -> Any:
    code = tfl.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = tfl.BuiltinOperator.CONV_2D
    code.version = 3
    return code
