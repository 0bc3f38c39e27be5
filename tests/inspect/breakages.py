"""One way, or several, to break each rule of the integer gate in the clean network, and what must be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import breaking as b

if TYPE_CHECKING:
    from collections.abc import Callable

    from build_model import Sketch


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


NAN, INFINITE = float("nan"), float("inf")

BREAKAGES = (
    Breakage("empty_graph", "error", "no operators", b.no_operators, says="no operators"),
    Breakage("empty_graph", "error", "no outputs", b.no_outputs, says="no input or no output"),
    Breakage(
        "malformed_operator", "error", "operand", b.operand_missing, "LOGISTIC", says="0 of the 1 inputs"
    ),
    Breakage(
        "malformed_operator",
        "error",
        "rank",
        b.tensor_with("dense/w", shape=[5, 4, 1]),
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
        "execution_order", "error", "late writer", b.late_writer, "LOGISTIC", "conv", "nothing has written"
    ),
    Breakage("execution_order", "error", "cycle", b.cycle, "MUL", "swish", "nothing has written"),
    Breakage(
        "execution_order", "error", "two writers", b.two_writers, "LOGISTIC", "sigmoid", "written already"
    ),
    Breakage("execution_order", "error", "output", b.output_unwritten, "", "nowhere", "written by nothing"),
    Breakage("several_subgraphs", "error", "two", b.second_graph, says="2 graphs"),
    Breakage(
        "dynamic_shape",
        "error",
        "signature",
        b.tensor_with("input", shapeSignature=[-1, 8, 8, 3]),
        "CONV_2D",
        "input",
        "[-1, 8, 8, 3]",
    ),
    Breakage(
        "dynamic_shape",
        "error",
        "shape",
        b.tensor_with("swish", shape=[1, -1, 4, 4]),
        "MUL",
        "swish",
        "[1, -1, 4, 4]",
    ),
    Breakage(
        "batch_size",
        "error",
        "two",
        b.tensor_with("input", shape=[2, 8, 8, 3]),
        "CONV_2D",
        "input",
        "batch is 2",
    ),
    Breakage("shape_arithmetic", "error", "SHAPE", b.shape_operator, "SHAPE", says="at run time"),
    Breakage(
        "foreign_operator", "error", "Flex", b.replace_sigmoid("FlexSigmoid"), "FlexSigmoid", says="Flex"
    ),
    Breakage(
        "foreign_operator", "error", "custom", b.replace_sigmoid("mine"), "mine", says="custom operator"
    ),
    Breakage(
        "foreign_operator",
        "warning",
        "Edge TPU",
        b.replace_sigmoid("edgetpu-custom-op"),
        "edgetpu-custom-op",
        says="compiled",
    ),
    Breakage("conversion_operator", "error", "inside", b.requantise, "QUANTIZE", says="INT8→INT8 inside"),
    Breakage(
        "conversion_operator",
        "error",
        "at the input",
        b.requantise_input,
        "QUANTIZE",
        says="INT8→INT8 inside",
    ),
    Breakage("operator_version", "warning", "conv", b.version_of("CONV_2D", 6), "CONV_2D", says="version 6"),
    Breakage(
        "operator_version",
        "warning",
        "dense",
        b.version_of("FULLY_CONNECTED", 12),
        "FULLY_CONNECTED",
        says="up to 9",
    ),
    Breakage("softmax_output", "warning", "last", b.softmax, "SOFTMAX", says="1/256"),
    Breakage("unused_part", "info", "tensor", b.unused_tensor, "", "left over", "3 bytes"),
    Breakage("unused_part", "info", "buffer", b.orphan, says="1 buffers of 70 bytes"),
    Breakage(
        "interface_type",
        "error",
        "float",
        b.retyped("input", "FLOAT32"),
        "CONV_2D",
        "input",
        "input is FLOAT32",
    ),
    Breakage(
        "interface_type",
        "error",
        "int16",
        b.retyped("logits", "INT16"),
        "FULLY_CONNECTED",
        "logits",
        "output is INT16",
    ),
    Breakage(
        "float_tensor",
        "error",
        "activation",
        b.retyped("swish", "FLOAT32"),
        "MUL",
        "swish",
        "FLOAT32 activation",
    ),
    Breakage(
        "float_tensor", "error", "half", b.retyped("swish", "FLOAT16"), "MUL", "swish", "FLOAT16 activation"
    ),
    Breakage("float_tensor", "error", "constant", b.float_constant, "MUL", "factor", "FLOAT32 constant"),
    Breakage("wide_activation", "error", "int16", b.retyped("swish", "INT16"), "MUL", "swish", "INT16"),
    Breakage("wide_activation", "error", "int32", b.retyped("swish", "INT32"), "MUL", "swish", "INT32"),
    Breakage("foreign_type", "error", "bool", b.retyped("swish", "BOOL"), "MUL", "swish", "BOOL"),
    Breakage(
        "foreign_type", "error", "int4 weights", b.retyped("conv/w", "INT4"), "CONV_2D", "conv/w", "INT4"
    ),
    Breakage(
        "uint8_weights", "info", "conv", b.old_weights, "CONV_2D", says="1 operators have uint8 weights"
    ),
    Breakage(
        "missing_scale",
        "error",
        "activation",
        b.tensor_with("conv", quantization=None),
        "CONV_2D",
        "conv",
        "without a scale",
    ),
    Breakage(
        "invalid_scale", "error", "nan", b.quantised_with("conv", scale=[NAN]), "CONV_2D", "conv", "nan"
    ),
    Breakage(
        "invalid_scale",
        "error",
        "infinite",
        b.quantised_with("conv", scale=[INFINITE]),
        "CONV_2D",
        "conv",
        "inf",
    ),
    Breakage(
        "invalid_scale", "error", "zero", b.quantised_with("conv", scale=[0.0]), "CONV_2D", "conv", "0.0"
    ),
    Breakage(
        "invalid_scale",
        "error",
        "negative",
        b.quantised_with("conv", scale=[-0.5]),
        "CONV_2D",
        "conv",
        "-0.5",
    ),
    Breakage(
        "scale_count",
        "error",
        "axis",
        b.quantised_with("conv/w", quantizedDimension=3),
        "CONV_2D",
        "conv/w",
        "along dimension 3",
    ),
    Breakage(
        "scale_count",
        "error",
        "activation",
        b.quantised_with("conv", scale=[0.1] * 4, zeroPoint=[0] * 4),
        "CONV_2D",
        "conv",
        "4 scales",
    ),
    Breakage(
        "zero_point_range",
        "error",
        "above",
        b.quantised_with("conv", zeroPoint=[200]),
        "CONV_2D",
        "conv",
        "200",
    ),
    Breakage(
        "zero_point_range",
        "error",
        "below",
        b.quantised_with("conv", zeroPoint=[-129]),
        "CONV_2D",
        "conv",
        "-129",
    ),
    Breakage(
        "weight_zero_point",
        "error",
        "one",
        b.quantised_with("conv/w", zeroPoint=[0, 1, 0, 0]),
        "CONV_2D",
        "conv/w",
        "1 zero points",
    ),
    Breakage("tiny_weight_scale", "error", "dead channel", b.dead_channel, "CONV_2D", "conv/w", "1 of 4"),
    Breakage(
        "bias_form",
        "error",
        "scale",
        b.quantised_with("conv/b", scale=[0.1] * 4),
        "CONV_2D",
        "conv/b",
        "is not input scale * weight",
    ),
    Breakage(
        "bias_form",
        "error",
        "zero point",
        b.quantised_with("dense/b", zeroPoint=[5]),
        "FULLY_CONNECTED",
        "dense/b",
        "not 0",
    ),
    Breakage(
        "bias_form",
        "error",
        "no scale",
        b.tensor_with("dense/b", quantization=None),
        "FULLY_CONNECTED",
        "dense/b",
        "no scale",
    ),
    Breakage(
        "bias_form",
        "error",
        "one scale",
        b.quantised_with("conv/b", scale=[0.1], zeroPoint=[0]),
        "CONV_2D",
        "conv/b",
        "1 bias",
    ),
    Breakage("bias_form", "error", "short", b.short_bias, "CONV_2D", "conv/b", "3 biases for 4"),
    Breakage("bias_form", "error", "int64", b.wide_bias, "CONV_2D", "conv/b", "INT64"),
    Breakage(
        "bias_overflow",
        "error",
        "largest",
        b.bias_values(2**31 - 1, 0, 0, 0),
        "CONV_2D",
        "conv/b",
        "2,147,483,647",
    ),
    Breakage(
        "bias_overflow",
        "error",
        "lowest",
        b.bias_values(0, 0, -(2**31), 0),
        "CONV_2D",
        "conv/b",
        "2,147,483,648",
    ),
    Breakage(
        "bias_overflow",
        "error",
        "near",
        b.bias_values(0, 0, 2**31 - 27 * 255 * 128, 0),
        "CONV_2D",
        "conv/b",
        "overflow",
    ),
    Breakage(
        "fixed_output_scale",
        "error",
        "scale",
        b.quantised_with("sigmoid", scale=[0.004]),
        "LOGISTIC",
        "sigmoid",
        "output scale 0.004",
    ),
    Breakage(
        "fixed_output_scale",
        "error",
        "zero point",
        b.quantised_with("sigmoid", zeroPoint=[0]),
        "LOGISTIC",
        "sigmoid",
        "zero point 0",
    ),
    Breakage("carried_scale", "error", "reshape", b.moved, "RESHAPE", "flat", "0.06"),
    Breakage("per_tensor_convolution", "warning", "conv", b.one_scale, "CONV_2D", "conv/w", "4 channels"),
    Breakage(
        "per_channel_dense",
        "warning",
        "dense",
        b.many_dense_scales,
        "FULLY_CONNECTED",
        "dense/w",
        "5 weight scales",
    ),
)
"""Rule, severity, what is broken, how; then operator and tensor of the first finding, and words of its reason."""
