"""What the audit needs to know about kinds of operators: where weights sit, what a kernel demands, which versions are old."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edge_effnet.inspect.records import Operator, Subgraph, Tensor

__all__ = [
    "CARRIES_SCALE", "EDGETPU_CUSTOM_OP", "EDGETPU_VERSION_CAPS", "FIXED_OUTPUT", "INDEX_OUTPUT", "INTEGER8", "LEAST_RANK",
    "SHAPE_OPERATORS", "WEIGHTED", "WIDE_INTEGERS", "Operands", "Weighted", "weighted_operands",
]  # fmt: skip

INTEGER8 = frozenset({"INT8", "UINT8"})
"""What full-integer arithmetic is made of."""

WIDE_INTEGERS = frozenset({"INT16", "INT32", "INT64"})
"""Right for constants (biases, shapes, axes), wrong for activations."""

EDGETPU_CUSTOM_OP = "edgetpu-custom-op"
"""Custom code of what the Edge TPU compiler leaves in place of the operators that it took."""

SHAPE_OPERATORS = frozenset(
    {"SHAPE", "RANK", "PACK", "STRIDED_SLICE", "FILL", "RANGE", "REDUCE_PROD", "BROADCAST_ARGS"}
)
"""Arithmetic on shapes: what is left when the batch size is open. Data in 8 bits may pass through some of them."""

INDEX_OUTPUT = frozenset({"ARG_MAX", "ARG_MIN"})
"""Operators whose result is an index, so that a wide integer is what they ought to give."""

CARRIES_SCALE = frozenset({
    "AVERAGE_POOL_2D", "DEPTH_TO_SPACE", "EXPAND_DIMS", "MAX_POOL_2D", "PAD", "RESHAPE", "SLICE", "SPACE_TO_DEPTH",
    "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE",
})  # fmt: skip
"""Operators that copy or average the codes of their first input: both sides must mean the same. Most runtimes compute on
without a word when they do not. Joining is judged for all inputs, see `carried_scale`."""

FIXED_OUTPUT: Mapping[str, Mapping[str, tuple[float, int]]] = MappingProxyType(
    {
        "LOGISTIC": {"INT8": (1 / 256, -128), "UINT8": (1 / 256, 0)},
        "SOFTMAX": {"INT8": (1 / 256, -128), "UINT8": (1 / 256, 0)},
    }
)
"""Output (scale, zero point) that the 8-bit kernels have built in.

References:
    tensorflow.org/lite/performance/quantization_spec, LOGISTIC and SOFTMAX.
"""

LEAST_RANK: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "CONV_2D": (2, 4), "DEPTHWISE_CONV_2D": (2, 4), "TRANSPOSE_CONV": (3, 4), "FULLY_CONNECTED": (2, 2), "ADD": (2, 0),
        "MUL": (2, 0), "SUB": (2, 0), "MEAN": (2, 0), "LOGISTIC": (1, 0), "SOFTMAX": (1, 1), "AVERAGE_POOL_2D": (1, 4),
        "MAX_POOL_2D": (1, 4), "CONCATENATION": (1, 0), "PAD": (2, 0), "RESHAPE": (1, 0), "BATCH_MATMUL": (2, 2),
    }
)  # fmt: skip
"""Operator -> (inputs that it cannot do without, dimensions that its weights or its input must have)."""

EDGETPU_VERSION_CAPS: Mapping[str, int] = MappingProxyType(
    {
        "ADD": 3, "AVERAGE_POOL_2D": 3, "CONCATENATION": 3, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "EXP": 1, "EXPAND_DIMS": 1,
        "FULLY_CONNECTED": 9, "HARD_SWISH": 1, "L2_NORMALIZATION": 2, "LOGISTIC": 3, "MAXIMUM": 4, "MAX_POOL_2D": 3,
        "MEAN": 3, "MINIMUM": 4, "MUL": 4, "PACK": 3, "PAD": 3, "PRELU": 1, "QUANTIZE": 2, "REDUCE_MAX": 3, "REDUCE_MIN": 3,
        "RELU": 3, "RELU6": 3, "RESHAPE": 1, "RESIZE_BILINEAR": 4, "RESIZE_NEAREST_NEIGHBOR": 4, "RSQRT": 2, "SLICE": 5,
        "SOFTMAX": 3, "SPLIT": 4, "SQUARED_DIFFERENCE": 2, "SQUEEZE": 2, "STRIDED_SLICE": 5, "SUB": 5, "SUM": 2, "TANH": 3,
        "TRANSPOSE": 5, "TRANSPOSE_CONV": 3, "UNIDIRECTIONAL_SEQUENCE_LSTM": 3,
    }
)  # fmt: skip
"""Highest version that TFLite 2.5 has, the version that the Edge TPU compiler 16 (runtime 14) is built on.

References:
    tensorflow/lite/tools/versioning/runtime_version.cc at 2.5.0; libedgetpu workspace.bzl at release Grouper. The
    compiler's own refusals agree: CONV_2D 6, TRANSPOSE_CONV 4 and EXP 2 (google-coral/edgetpu issues 631, 845;
    libedgetpu issue 71).
"""


@dataclass(frozen=True)
class Weighted:
    """Where an operator with weights has its operands.

    Attributes:
        input: Position of the activation.
        weights: Position of the weights.
        bias: Position of the bias.
        axis: Dimension of the weights that has one index per output channel.
    """

    input: int
    weights: int
    bias: int
    axis: int


WEIGHTED: Mapping[str, Weighted] = MappingProxyType(
    {
        "CONV_2D": Weighted(input=0, weights=1, bias=2, axis=0),
        "DEPTHWISE_CONV_2D": Weighted(input=0, weights=1, bias=2, axis=3),
        "FULLY_CONNECTED": Weighted(input=0, weights=1, bias=2, axis=0),
        "TRANSPOSE_CONV": Weighted(input=2, weights=1, bias=3, axis=0),
    }
)
"""Operators with weights. Layouts: (out, h, w, in), depthwise (1, h, w, out), dense (out, in)."""


@dataclass(frozen=True, eq=False)
class Operands:
    """An operator with weights and its operands.

    Attributes:
        operator: The operator.
        input: Its activation.
        weights: Its weights, of the rank that the operator asks for.
        bias: Its bias, None when it has none.
        output: Its result.
        axis: The output channels' dimension of the weights.
    """

    operator: Operator
    input: Tensor
    weights: Tensor
    bias: Tensor | None
    output: Tensor
    axis: int

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.weights.shape[self.axis]


def weighted_operands(graph: Subgraph) -> Iterator[Operands]:
    """Yield the well-formed operators with weights; the malformed ones have a finding of their own."""
    for operator in graph.operators:
        place = WEIGHTED.get(operator.builtin)
        if place is None or not operator.outputs:
            continue
        source, weights = graph.operand(operator, place.input), graph.operand(operator, place.weights)
        if source is None or weights is None or len(weights.shape) != LEAST_RANK[operator.builtin][1]:
            continue
        bias, output = graph.operand(operator, place.bias), graph.tensors[operator.outputs[0]]
        yield Operands(operator, source, weights, bias, output, place.axis)
