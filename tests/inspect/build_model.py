"""Builds small .tflite files in memory, so that a test can break exactly one thing in a good one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

NUMPY_OF = {
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FLOAT32": np.float32,
}


class Sketch:
    """A model under construction; tensors are named, and everything stays open to change until `pack`."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name=b"main")
        self.model = schema.ModelT(
            version=3,
            description=b"sketch",
            subgraphs=[self.graph],
            buffers=[schema.BufferT()],
            operatorCodes=[],
            metadata=[],
            signatureDefs=[],
        )

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        type_: str = "INT8",
        *,
        scale: float | Sequence[float] | None = None,
        zero: int = 0,
        axis: int = 0,
        data: npt.ArrayLike | None = None,
    ) -> int:
        """Add a tensor (a constant when it has ``data``) and return its index."""
        scales = [] if scale is None else np.atleast_1d(np.asarray(scale, np.float32)).tolist()
        quantisation = schema.QuantizationParametersT(
            scale=scales, zeroPoint=[zero] * len(scales), quantizedDimension=axis
        )
        buffer = 0
        if data is not None:
            raw = np.asarray(data, NUMPY_OF[type_]).tobytes()
            self.model.buffers.append(schema.BufferT(data=np.frombuffer(raw, np.uint8)))
            buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(
            schema.TensorT(
                name=name.encode(),
                shape=list(shape),
                type=getattr(schema.TensorType, type_),
                buffer=buffer,
                quantization=quantisation if scales else None,
            )
        )
        return len(self.graph.tensors) - 1

    def add_operator(
        self,
        name: str,
        inputs: Sequence[int | str],
        outputs: Sequence[int | str],
        *,
        version: int = 1,
        options: Any = None,
    ) -> Any:
        """Add an operator; tensors go by index or by name. An unknown name becomes a custom operator."""
        self.model.operatorCodes.append(_code(name, version))
        operator = schema.OperatorT(
            opcodeIndex=len(self.model.operatorCodes) - 1,
            inputs=[self.index(tensor) for tensor in inputs],
            outputs=[self.index(tensor) for tensor in outputs],
        )
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.graph.operators.append(operator)
        return operator

    def index(self, tensor: int | str) -> int:
        """Return a tensor's index by its name."""
        if isinstance(tensor, int):
            return tensor
        return [found.name.decode() for found in self.graph.tensors].index(tensor)

    def tensor(self, name: str) -> Any:
        """Return a tensor by its name, to change it."""
        return self.graph.tensors[self.index(name)]

    def operator(self, name: str) -> Any:
        """Return the first operator of a kind, to change it."""
        wanted = getattr(schema.BuiltinOperator, name)
        codes = self.model.operatorCodes
        return next(op for op in self.graph.operators if codes[op.opcodeIndex].builtinCode == wanted)

    def set_version(self, name: str, version: int) -> None:
        """Change the version that the first operator of a kind asks for."""
        self.model.operatorCodes[self.operator(name).opcodeIndex].version = version

    def set_data(self, name: str, data: npt.NDArray[Any]) -> None:
        """Change a constant's values."""
        self.model.buffers[self.tensor(name).buffer].data = np.frombuffer(data.tobytes(), np.uint8)

    def add_metadata(self, name: str, blob: bytes) -> None:
        """Add a named blob."""
        self.model.buffers.append(schema.BufferT(data=np.frombuffer(blob, np.uint8)))
        self.model.metadata.append(schema.MetadataT(name=name.encode(), buffer=len(self.model.buffers) - 1))

    def replace_input(self, operator: str, position: int, tensor: int | str) -> None:
        """Let an operator read another tensor."""
        self.operator(operator).inputs[position] = self.index(tensor)

    def pack(self) -> bytes:
        """Return the file."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _code(name: str, version: int) -> Any:
    number = getattr(schema.BuiltinOperator, name, None)
    if number is None:
        custom = schema.BuiltinOperator.CUSTOM
        return schema.OperatorCodeT(
            deprecatedBuiltinCode=custom, builtinCode=custom, customCode=name.encode(), version=version
        )
    return schema.OperatorCodeT(deprecatedBuiltinCode=min(number, 127), builtinCode=number, version=version)


CHANNELS, CLASSES = 4, 5
INPUT_SCALE, CONV_SCALE, LOGITS_SCALE = 1 / 128, 0.05, 0.1
CONV_WEIGHTS = [0.01, 0.02, 0.03, 0.04]
DEPTHWISE_WEIGHTS = [0.011, 0.012, 0.013, 0.014]


def clean() -> Sketch:
    """Return a network in the shape of an EfficientNet, 8 px, 5 classes, in which nothing is wrong.

    input -> conv -> sigmoid and product -> depthwise -> mean -> dense -> logits
    """
    sketch, random = Sketch(), np.random.default_rng(7)

    def weights(*shape: int) -> npt.NDArray[np.int8]:
        return random.integers(-127, 128, shape, np.int8)

    def bias(name: str, scales: Sequence[float], source: float, count: int) -> int:
        return sketch.add_tensor(
            name, [count], "INT32", scale=np.float32(source) * np.float32(scales), data=np.arange(count)
        )

    sketch.add_tensor("input", [1, 8, 8, 3], scale=INPUT_SCALE)
    sketch.add_tensor("conv/w", [CHANNELS, 3, 3, 3], scale=CONV_WEIGHTS, data=weights(CHANNELS, 3, 3, 3))
    bias("conv/b", CONV_WEIGHTS, INPUT_SCALE, CHANNELS)
    sketch.add_tensor("conv", [1, 4, 4, CHANNELS], scale=CONV_SCALE, zero=3)
    sketch.add_tensor("sigmoid", [1, 4, 4, CHANNELS], scale=1 / 256, zero=-128)
    sketch.add_tensor("swish", [1, 4, 4, CHANNELS], scale=CONV_SCALE, zero=-120)
    sketch.add_tensor(
        "depthwise/w", [1, 3, 3, CHANNELS], scale=DEPTHWISE_WEIGHTS, axis=3, data=weights(1, 3, 3, CHANNELS)
    )
    bias("depthwise/b", DEPTHWISE_WEIGHTS, CONV_SCALE, CHANNELS)
    sketch.add_tensor("depthwise", [1, 4, 4, CHANNELS], scale=0.07, zero=1)
    sketch.add_tensor("mean/axes", [2], "INT32", data=[1, 2])
    sketch.add_tensor("mean", [1, 1, 1, CHANNELS], scale=0.03, zero=2)
    sketch.add_tensor("flat/shape", [2], "INT32", data=[1, CHANNELS])
    sketch.add_tensor("flat", [1, CHANNELS], scale=0.03, zero=2)
    sketch.add_tensor("dense/w", [CLASSES, CHANNELS], scale=0.02, data=weights(CLASSES, CHANNELS))
    bias("dense/b", [0.02], 0.03, CLASSES)
    sketch.add_tensor("logits", [1, CLASSES], scale=LOGITS_SCALE, zero=-4)

    sketch.add_operator("CONV_2D", ["input", "conv/w", "conv/b"], ["conv"], version=3, options=conv_options())
    sketch.add_operator("LOGISTIC", ["conv"], ["sigmoid"], version=2)
    sketch.add_operator("MUL", ["conv", "sigmoid"], ["swish"], version=2, options=schema.MulOptionsT())
    sketch.add_operator(
        "DEPTHWISE_CONV_2D",
        ["swish", "depthwise/w", "depthwise/b"],
        ["depthwise"],
        version=3,
        options=depthwise_options(),
    )
    sketch.add_operator(
        "MEAN", ["depthwise", "mean/axes"], ["mean"], version=2, options=schema.ReducerOptionsT(keepDims=True)
    )
    sketch.add_operator("RESHAPE", ["mean", "flat/shape"], ["flat"], options=schema.ReshapeOptionsT())
    sketch.add_operator(
        "FULLY_CONNECTED",
        ["flat", "dense/w", "dense/b"],
        ["logits"],
        version=4,
        options=schema.FullyConnectedOptionsT(),
    )
    sketch.graph.inputs, sketch.graph.outputs = [sketch.index("input")], [sketch.index("logits")]
    return sketch


def conv_options() -> Any:
    """Return the settings of a convolution: SAME, stride 2, ReLU6."""
    return schema.Conv2DOptionsT(
        padding=schema.Padding.SAME,
        strideH=2,
        strideW=2,
        fusedActivationFunction=schema.ActivationFunctionType.RELU6,
    )


def depthwise_options() -> Any:
    """Return the settings of a depthwise convolution: SAME, stride 1."""
    return schema.DepthwiseConv2DOptionsT(
        padding=schema.Padding.SAME, strideH=1, strideW=1, depthMultiplier=1
    )
