"""What the Edge TPU compiler takes, operator by operator: one row each, and what it says where it does not.

References:
    Coral, "TensorFlow models on the Edge TPU", table of supported operations; Axis, ARTPEC-7 supported operations (the
    same compiler); google-coral/edgetpu, CHANGES.md; google-coral/edgetpu issues 183 (MEAN), 272 and 353 (HARD_SWISH).
    The statuses are those of public compiler logs, word for word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from edge_effnet.inspect.edgetpu_limits import (
    axis_is_no_batch,
    constant_join_is_padding,
    default_weights,
    dilation_allowed,
    flat_output,
    flat_slope,
    no_fused_activation,
    pads_no_batch,
    plain_mean,
    plain_slice,
    reduces_no_batch,
    short_softmax,
    split_no_batch,
    squeezes_leading,
)
from edge_effnet.inspect.kinds import INTEGER8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_effnet.inspect.edgetpu_limits import Limit
    from edge_effnet.inspect.records import Operator, Subgraph, Tensor

__all__ = ["LATEST_RUNTIME", "MAPPED", "OPERATORS", "SECOND_SUBGRAPH", "Status", "status_of"]

LATEST_RUNTIME: Final = 14
"""The runtime that compiler 16 compiles for unless it is told otherwise."""

MAPPED: Final = "Mapped to Edge TPU"
SECOND_SUBGRAPH: Final = "More than one subgraph is not supported"
_LIMITED: Final = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
_DATA_TYPE: Final = "Operation is working on an unsupported data type"
_UNSUPPORTED: Final = "Operation not supported"
_RANK: Final = "Tensor has unsupported rank (up to 3 innermost dimensions mapped)"
_NOT_CONSTANT: Final = "Filter, bias, or other param is not constant at compile-time"


@dataclass(frozen=True)
class Row:
    """One operator that the compiler knows.

    Attributes:
        min_runtime: First Edge TPU runtime that has it.
        limits: What else must hold.
        parameters: Positions of inputs that must be constants.
    """

    min_runtime: int = 10
    limits: tuple[Limit, ...] = ()
    parameters: tuple[int, ...] = ()


OPERATORS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "ADD": Row(),
        "AVERAGE_POOL_2D": Row(limits=(no_fused_activation,)),
        "CONCATENATION": Row(limits=(no_fused_activation, constant_join_is_padding)),
        "CONV_2D": Row(limits=(dilation_allowed,), parameters=(1, 2)),
        "DEPTHWISE_CONV_2D": Row(limits=(dilation_allowed,), parameters=(1, 2)),
        "EXPAND_DIMS": Row(13, parameters=(1,)),
        "FULLY_CONNECTED": Row(limits=(default_weights, flat_output), parameters=(1, 2)),
        "L2_NORMALIZATION": Row(),
        "LOGISTIC": Row(),
        "LSTM": Row(14),
        "MAXIMUM": Row(),
        "MAX_POOL_2D": Row(limits=(no_fused_activation,)),
        "MEAN": Row(limits=(plain_mean,), parameters=(1,)),
        "MINIMUM": Row(),
        "MUL": Row(),
        "PACK": Row(13, (axis_is_no_batch,)),
        "PAD": Row(limits=(pads_no_batch,), parameters=(1,)),
        "PRELU": Row(13, (flat_slope,), (1,)),
        "QUANTIZE": Row(13),
        "REDUCE_MAX": Row(14, (reduces_no_batch,), (1,)),
        "REDUCE_MIN": Row(14, (reduces_no_batch,), (1,)),
        "RELU": Row(),
        "RELU6": Row(),
        "RELU_N1_TO_1": Row(),
        "RESHAPE": Row(parameters=(1,)),
        "RESIZE_BILINEAR": Row(parameters=(1,)),
        "RESIZE_NEAREST_NEIGHBOR": Row(parameters=(1,)),
        "RSQRT": Row(14),
        "SLICE": Row(parameters=(1, 2)),
        "SOFTMAX": Row(limits=(short_softmax,)),
        "SPACE_TO_DEPTH": Row(),
        "SPLIT": Row(limits=(split_no_batch,), parameters=(0,)),
        "SQUARED_DIFFERENCE": Row(14),
        "SQUEEZE": Row(limits=(squeezes_leading,)),
        "STRIDED_SLICE": Row(limits=(plain_slice,), parameters=(1, 2, 3)),
        "SUB": Row(),
        "SUM": Row(13, (reduces_no_batch,), (1,)),
        "TANH": Row(),
        "TRANSPOSE": Row(14, parameters=(1,)),
        "TRANSPOSE_CONV": Row(13, parameters=(0, 1, 3)),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": Row(14),
    }
)
"""The compiler's list: 40 operators, one of which TFLite has under two names."""

_WEIGHTED: Final = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})

_FIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HARD_SWISH": "convert --activation relu6, and train that",
        "LEAKY_RELU": "use RELU or RELU6",
        "GELU": "use RELU, RELU6 or swish (LOGISTIC and MUL)",
        "DEQUANTIZE": "keep 8-bit inputs and outputs: convert --int8",
        "QUANTIZE": "keep 8-bit inputs and outputs of one type: convert --int8",
    }
)


@dataclass(frozen=True)
class Status:
    """What the compiler is predicted to say of one operator.

    Attributes:
        status: As its log says it.
        reason: Why, with the numbers.
        fix: What to do about it.
    """

    status: str
    reason: str = ""
    fix: str = ""

    @property
    def mapped(self) -> bool:
        """Whether the Edge TPU can run it, seen alone."""
        return self.status == MAPPED


def status_of(graph: Subgraph, operator: Operator, runtime: int = LATEST_RUNTIME) -> Status:
    """Judge one operator by itself, wherever it stands in the graph.

    Args:
        graph: Where it is.
        operator: The operator.
        runtime: Edge TPU runtime to compile for, 10 to 14.
    """
    row = OPERATORS.get(operator.builtin)
    if row is None:
        fix = _FIXES.get(operator.builtin, "convert the model without it (see `convert --target edgetpu`)")
        return Status(_UNSUPPORTED, f"{operator.name} is not among the operators of the compiler", fix)
    for judge in (_too_new, _wrong_type, _wrong_rank, _not_constant, _limited):
        found = judge(graph, operator, row, runtime)
        if found is not None:
            return found
    return Status(MAPPED)


def _too_new(graph: Subgraph, operator: Operator, row: Row, runtime: int) -> Status | None:
    del graph
    if runtime >= row.min_runtime:
        return None
    reason = f"{operator.name} needs runtime {row.min_runtime}, asked for {runtime}"
    return Status(_UNSUPPORTED, reason, f"--min-runtime {row.min_runtime}, or replace the operator")


def _activations(graph: Subgraph, operator: Operator, row: Row) -> list[Tensor]:
    """Return the tensors that carry data: results, and inputs that are no parameters."""
    places = (place for place in range(len(operator.inputs)) if place not in row.parameters)
    data = (graph.operand(operator, place) for place in places)
    return [tensor for tensor in data if tensor is not None] + list(graph.results(operator))


def _wrong_type(graph: Subgraph, operator: Operator, row: Row, runtime: int) -> Status | None:
    del runtime
    tensors = _activations(graph, operator, row)
    weights = graph.operand(operator, 1) if operator.builtin in _WEIGHTED else None
    wrong = [t for t in (*tensors, *([weights] if weights else [])) if t.type not in INTEGER8]
    if not wrong:
        return None
    reason = f"{wrong[0].name or 'a tensor'} is {wrong[0].type.lower()}; only int8 and uint8 are computed"
    return Status(_DATA_TYPE, reason, _FIXES.get(operator.builtin, "make it full integer: convert --int8"))


def _wrong_rank(graph: Subgraph, operator: Operator, row: Row, runtime: int) -> Status | None:
    del runtime
    for tensor in _activations(graph, operator, row):
        if math.prod(tensor.shape[:-3]) != 1:
            reason = f"{tensor.name or 'a tensor'} is {list(tensor.shape)}: all but the last 3 dimensions must be 1"
            return Status(_RANK, reason, "batch 1, at most 3 dimensions of data")
    return None


def _not_constant(graph: Subgraph, operator: Operator, row: Row, runtime: int) -> Status | None:
    del runtime
    for place in row.parameters:
        tensor = graph.operand(operator, place)
        if tensor is not None and not tensor.is_constant:
            return Status(
                _NOT_CONSTANT, f"input {place} ({tensor.name}) is computed", "make it a constant in the model"
            )
    return None


def _limited(graph: Subgraph, operator: Operator, row: Row, runtime: int) -> Status | None:
    for limit in row.limits:
        reason = limit(graph, operator, runtime)
        if reason is not None:
            return Status(_LIMITED, reason, "change the layer, or keep this part behind everything else")
    return None
