"""One way, or several, to break each rule of the integer gate in the clean network, and what must be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from build_model import CONV_WEIGHTS, INPUT_SCALE, Sketch

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Breakage:
    """A change to the clean network and the first finding that it must give."""

    rule: str
    severity: str
    what: str
    apply: Callable[[Sketch], Any]
    op: str = ""
    tensor: str = ""
    says: str = ""


def _quantisation(tensor: str, **fields: Any) -> Callable[[Sketch], None]:
    def apply(sketch: Sketch) -> None:
        for field, value in fields.items():
            setattr(sketch.tensor(tensor).quantization, field, value)

    return apply


def _tensor(tensor: str, **fields: Any) -> Callable[[Sketch], None]:
    def apply(sketch: Sketch) -> None:
        for field, value in fields.items():
            setattr(sketch.tensor(tensor), field, value)

    return apply


def _type(tensor: str, type_: str) -> Callable[[Sketch], None]:
    return _tensor(tensor, type=getattr(schema.TensorType, type_), quantization=None)


def _no_operators(sketch: Sketch) -> None:
    sketch.graph.operators = []
    sketch.graph.tensors = sketch.graph.tensors[:1]
    sketch.graph.outputs = sketch.graph.inputs
    sketch.model.buffers = sketch.model.buffers[:1]


def _no_outputs(sketch: Sketch) -> None:
    sketch.graph.outputs = []


def _operand_missing(sketch: Sketch) -> None:
    sketch.operator("LOGISTIC").inputs = []


def _late_writer(sketch: Sketch) -> None:
    operators = sketch.graph.operators
    operators[0], operators[1] = operators[1], operators[0]


def _cycle(sketch: Sketch) -> None:
    sketch.replace_input("MUL", 1, "swish")


def _two_writers(sketch: Sketch) -> None:
    sketch.add_operator("LOGISTIC", ["conv"], ["sigmoid"], version=2)


def _output_unwritten(sketch: Sketch) -> None:
    sketch.graph.outputs.append(sketch.add_tensor("nowhere", [1], scale=0.1))


def _second_graph(sketch: Sketch) -> None:
    sketch.model.subgraphs.append(schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[]))


def _shape_operator(sketch: Sketch) -> None:
    sketch.add_tensor("size", [4], "INT32")
    sketch.add_operator(
        "SHAPE", ["depthwise"], ["size"], options=schema.ShapeOptionsT(outType=schema.TensorType.INT32)
    )


def _replace_sigmoid(name: str) -> Callable[[Sketch], None]:
    def apply(sketch: Sketch) -> None:
        operator = sketch.graph.operators[1]
        sketch.model.operatorCodes[operator.opcodeIndex] = schema.OperatorCodeT(
            deprecatedBuiltinCode=32,
            builtinCode=schema.BuiltinOperator.CUSTOM,
            customCode=name.encode(),
            version=1,
        )

    return apply


def _requantise(sketch: Sketch) -> None:
    sketch.add_tensor("swish again", [1, 4, 4, 4], scale=0.05, zero=-119)
    sketch.add_operator("QUANTIZE", ["swish"], ["swish again"])
    sketch.graph.operators.insert(3, sketch.graph.operators.pop())
    sketch.replace_input("DEPTHWISE_CONV_2D", 0, "swish again")


def _requantise_input(sketch: Sketch) -> None:
    sketch.add_tensor("image", [1, 8, 8, 3], scale=0.5, zero=-128)
    sketch.add_operator("QUANTIZE", ["image"], ["input"])
    sketch.graph.operators.insert(0, sketch.graph.operators.pop())
    sketch.graph.inputs = [sketch.index("image")]


def _version(name: str, version: int) -> Callable[[Sketch], None]:
    return lambda sketch: sketch.set_version(name, version)


def _softmax(sketch: Sketch) -> None:
    sketch.add_tensor("scores", [1, 5], scale=1 / 256, zero=-128)
    sketch.add_operator(
        "SOFTMAX", ["logits"], ["scores"], version=2, options=schema.SoftmaxOptionsT(beta=1.0)
    )
    sketch.graph.outputs = [sketch.index("scores")]


def _unused_tensor(sketch: Sketch) -> None:
    sketch.add_tensor("left over", [3], data=[1, 2, 3])


def _orphan(sketch: Sketch) -> None:
    sketch.model.buffers.append(schema.BufferT(data=np.zeros(70, np.uint8)))


def _float_constant(sketch: Sketch) -> None:
    sketch.add_tensor("factor", [], "FLOAT32", data=0.5)
    sketch.replace_input("MUL", 1, "factor")


def _old_weights(sketch: Sketch) -> None:
    _quantisation("conv/w", scale=[0.02], zeroPoint=[128])(sketch)
    sketch.tensor("conv/w").type = schema.TensorType.UINT8
    _quantisation("conv/b", scale=[0.02 * INPUT_SCALE], zeroPoint=[0])(sketch)


def _dead_channel(sketch: Sketch) -> None:
    scales = [1e-11, *CONV_WEIGHTS[1:]]
    _quantisation("conv/w", scale=scales)(sketch)
    _quantisation("conv/b", scale=[INPUT_SCALE * scale for scale in scales])(sketch)


def _bias_values(*values: int) -> Callable[[Sketch], None]:
    return lambda sketch: sketch.set_data("conv/b", np.int32(values))


def _short_bias(sketch: Sketch) -> None:
    sketch.set_data("conv/b", np.int32([1, 2, 3]))
    sketch.tensor("conv/b").shape = [3]


def _wide_bias(sketch: Sketch) -> None:
    sketch.set_data("conv/b", np.int64([1, 2, 3, 4]))
    sketch.tensor("conv/b").type = schema.TensorType.INT64


def _moved(sketch: Sketch) -> None:
    _quantisation("flat", scale=[0.06])(sketch)
    _quantisation("dense/b", scale=[0.06 * 0.02])(sketch)


def _one_scale(sketch: Sketch) -> None:
    _quantisation("conv/w", scale=[0.02], zeroPoint=[0])(sketch)
    _quantisation("conv/b", scale=[0.02 * INPUT_SCALE], zeroPoint=[0])(sketch)


def _many_dense_scales(sketch: Sketch) -> None:
    _quantisation("dense/w", scale=[0.02] * 5, zeroPoint=[0] * 5)(sketch)
    _quantisation("dense/b", scale=[0.02 * 0.03] * 5, zeroPoint=[0] * 5)(sketch)


NAN, INFINITE = float("nan"), float("inf")

BREAKAGES = (
    Breakage("empty_graph", "error", "no operators", _no_operators, says="no operators"),
    Breakage("empty_graph", "error", "no outputs", _no_outputs, says="no input or no output"),
    Breakage(
        "malformed_operator", "error", "operand", _operand_missing, "LOGISTIC", says="0 of the 1 inputs"
    ),
    Breakage(
        "malformed_operator",
        "error",
        "rank",
        _tensor("dense/w", shape=[5, 4, 1]),
        "FULLY_CONNECTED",
        says="3 dimensions",
    ),
    Breakage(
        "malformed_operator",
        "error",
        "no result",
        lambda s: s.add_operator("RELU", ["conv"], []),
        "RELU",
        says="no output",
    ),
    Breakage(
        "execution_order", "error", "late writer", _late_writer, "LOGISTIC", "conv", "nothing has written"
    ),
    Breakage("execution_order", "error", "cycle", _cycle, "MUL", "swish", "nothing has written"),
    Breakage(
        "execution_order", "error", "two writers", _two_writers, "LOGISTIC", "sigmoid", "written already"
    ),
    Breakage("execution_order", "error", "output", _output_unwritten, "", "nowhere", "written by nothing"),
    Breakage("several_subgraphs", "error", "two", _second_graph, says="2 graphs"),
    Breakage(
        "dynamic_shape",
        "error",
        "signature",
        _tensor("input", shapeSignature=[-1, 8, 8, 3]),
        "CONV_2D",
        "input",
        "[-1, 8, 8, 3]",
    ),
    Breakage(
        "dynamic_shape",
        "error",
        "shape",
        _tensor("swish", shape=[1, -1, 4, 4]),
        "MUL",
        "swish",
        "[1, -1, 4, 4]",
    ),
    Breakage(
        "batch_size", "error", "two", _tensor("input", shape=[2, 8, 8, 3]), "CONV_2D", "input", "batch is 2"
    ),
    Breakage("shape_arithmetic", "error", "SHAPE", _shape_operator, "SHAPE", says="at run time"),
    Breakage(
        "foreign_operator", "error", "Flex", _replace_sigmoid("FlexSigmoid"), "FlexSigmoid", says="Flex"
    ),
    Breakage("foreign_operator", "error", "custom", _replace_sigmoid("mine"), "mine", says="custom operator"),
    Breakage(
        "foreign_operator",
        "error",
        "Edge TPU",
        _replace_sigmoid("edgetpu-custom-op"),
        "edgetpu-custom-op",
        says="compiled",
    ),
    Breakage("conversion_operator", "error", "inside", _requantise, "QUANTIZE", says="INT8→INT8 inside"),
    Breakage(
        "conversion_operator", "error", "at the input", _requantise_input, "QUANTIZE", says="INT8→INT8 inside"
    ),
    Breakage("operator_version", "warning", "conv", _version("CONV_2D", 6), "CONV_2D", says="version 6"),
    Breakage(
        "operator_version",
        "warning",
        "dense",
        _version("FULLY_CONNECTED", 12),
        "FULLY_CONNECTED",
        says="up to 9",
    ),
    Breakage("softmax_output", "warning", "last", _softmax, "SOFTMAX", says="1/256"),
    Breakage("unused_part", "info", "tensor", _unused_tensor, "", "left over", "3 bytes"),
    Breakage("unused_part", "info", "buffer", _orphan, says="1 buffers of 70 bytes"),
    Breakage(
        "interface_type", "error", "float", _type("input", "FLOAT32"), "CONV_2D", "input", "input is FLOAT32"
    ),
    Breakage(
        "interface_type",
        "error",
        "int16",
        _type("logits", "INT16"),
        "FULLY_CONNECTED",
        "logits",
        "output is INT16",
    ),
    Breakage(
        "float_tensor", "error", "activation", _type("swish", "FLOAT32"), "MUL", "swish", "FLOAT32 activation"
    ),
    Breakage(
        "float_tensor", "error", "half", _type("swish", "FLOAT16"), "MUL", "swish", "FLOAT16 activation"
    ),
    Breakage("float_tensor", "error", "constant", _float_constant, "MUL", "factor", "FLOAT32 constant"),
    Breakage("wide_activation", "error", "int16", _type("swish", "INT16"), "MUL", "swish", "INT16"),
    Breakage("wide_activation", "error", "int32", _type("swish", "INT32"), "MUL", "swish", "INT32"),
    Breakage("foreign_type", "error", "bool", _type("swish", "BOOL"), "MUL", "swish", "BOOL"),
    Breakage("foreign_type", "error", "int4 weights", _type("conv/w", "INT4"), "CONV_2D", "conv/w", "INT4"),
    Breakage("uint8_weights", "info", "conv", _old_weights, "CONV_2D", says="1 operators have uint8 weights"),
    Breakage(
        "missing_scale",
        "error",
        "activation",
        _tensor("conv", quantization=None),
        "CONV_2D",
        "conv",
        "without a scale",
    ),
    Breakage("invalid_scale", "error", "nan", _quantisation("conv", scale=[NAN]), "CONV_2D", "conv", "nan"),
    Breakage(
        "invalid_scale",
        "error",
        "infinite",
        _quantisation("conv", scale=[INFINITE]),
        "CONV_2D",
        "conv",
        "inf",
    ),
    Breakage("invalid_scale", "error", "zero", _quantisation("conv", scale=[0.0]), "CONV_2D", "conv", "0.0"),
    Breakage(
        "invalid_scale", "error", "negative", _quantisation("conv", scale=[-0.5]), "CONV_2D", "conv", "-0.5"
    ),
    Breakage(
        "scale_count",
        "error",
        "axis",
        _quantisation("conv/w", quantizedDimension=3),
        "CONV_2D",
        "conv/w",
        "along dimension 3",
    ),
    Breakage(
        "scale_count",
        "error",
        "activation",
        _quantisation("conv", scale=[0.1] * 4, zeroPoint=[0] * 4),
        "CONV_2D",
        "conv",
        "4 scales",
    ),
    Breakage(
        "zero_point_range", "error", "above", _quantisation("conv", zeroPoint=[200]), "CONV_2D", "conv", "200"
    ),
    Breakage(
        "zero_point_range",
        "error",
        "below",
        _quantisation("conv", zeroPoint=[-129]),
        "CONV_2D",
        "conv",
        "-129",
    ),
    Breakage(
        "weight_zero_point",
        "error",
        "one",
        _quantisation("conv/w", zeroPoint=[0, 1, 0, 0]),
        "CONV_2D",
        "conv/w",
        "1 zero points",
    ),
    Breakage("tiny_weight_scale", "error", "dead channel", _dead_channel, "CONV_2D", "conv/w", "1 of 4"),
    Breakage(
        "bias_form",
        "error",
        "scale",
        _quantisation("conv/b", scale=[0.1] * 4),
        "CONV_2D",
        "conv/b",
        "is not input scale * weight",
    ),
    Breakage(
        "bias_form",
        "error",
        "zero point",
        _quantisation("dense/b", zeroPoint=[5]),
        "FULLY_CONNECTED",
        "dense/b",
        "not 0",
    ),
    Breakage(
        "bias_form",
        "error",
        "no scale",
        _tensor("dense/b", quantization=None),
        "FULLY_CONNECTED",
        "dense/b",
        "no scale",
    ),
    Breakage(
        "bias_form",
        "error",
        "one scale",
        _quantisation("conv/b", scale=[0.1], zeroPoint=[0]),
        "CONV_2D",
        "conv/b",
        "1 bias",
    ),
    Breakage("bias_form", "error", "short", _short_bias, "CONV_2D", "conv/b", "3 biases for 4"),
    Breakage("bias_form", "error", "int64", _wide_bias, "CONV_2D", "conv/b", "INT64"),
    Breakage(
        "bias_overflow",
        "error",
        "largest",
        _bias_values(2**31 - 1, 0, 0, 0),
        "CONV_2D",
        "conv/b",
        "2,147,483,647",
    ),
    Breakage(
        "bias_overflow",
        "error",
        "lowest",
        _bias_values(0, 0, -(2**31), 0),
        "CONV_2D",
        "conv/b",
        "2,147,483,648",
    ),
    Breakage(
        "bias_overflow",
        "error",
        "near",
        _bias_values(0, 0, 2**31 - 27 * 255 * 128, 0),
        "CONV_2D",
        "conv/b",
        "overflow",
    ),
    Breakage(
        "fixed_output_scale",
        "error",
        "scale",
        _quantisation("sigmoid", scale=[0.004]),
        "LOGISTIC",
        "sigmoid",
        "output scale 0.004",
    ),
    Breakage(
        "fixed_output_scale",
        "error",
        "zero point",
        _quantisation("sigmoid", zeroPoint=[0]),
        "LOGISTIC",
        "sigmoid",
        "zero point 0",
    ),
    Breakage("carried_scale", "error", "reshape", _moved, "RESHAPE", "flat", "0.06"),
    Breakage("per_tensor_convolution", "warning", "conv", _one_scale, "CONV_2D", "conv/w", "4 channels"),
    Breakage(
        "per_channel_dense",
        "warning",
        "dense",
        _many_dense_scales,
        "FULLY_CONNECTED",
        "dense/w",
        "5 weight scales",
    ),
)
"""Rule, severity, what is broken, how; then operator and tensor of the first finding, and words of its reason."""
