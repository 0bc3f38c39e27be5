"""Which operators of the file an event of the profiler stands for.

The interpreter's events name their operator by its place. XNNPACK's name a kernel of its own and count from zero in each
part of the graph that it took, and it merges: ``x * sigmoid(x)`` in int8 is one look-up in a table. So the events are
aligned with the operators that it took, in order, at the least cost: a kernel that can be the operator costs nothing,
anything that has to be explained costs something. What finds no partner stays, with the reason.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_effnet.inspect import Operator, Subgraph

__all__ = ["Event", "Joined", "join_events"]

_INTERPRETER, _DELEGATE = 2, 8
_AUXILIARY_COST: Final = 1
_UNKNOWN_COST: Final = 2
_ODD_COST: Final = 4
_STATES: Final = 200_000
"""Bound on the search; a network of 1,000 operators that fits takes 1,000."""

_UNARY: Final = frozenset(
    {"LOGISTIC", "TANH", "HARD_SWISH", "ELU", "GELU", "EXP", "ABS", "NEG", "SQUARE", "SQRT", "RSQRT"}
)

_KERNELS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), operators)
    for pattern, operators in (
        (r"^Convolution .*DWConv", {"DEPTHWISE_CONV_2D"}),
        (r"^Convolution ", {"CONV_2D", "DEPTHWISE_CONV_2D"}),
        (r"^Deconvolution ", {"TRANSPOSE_CONV"}),
        (r"^Fully Connected", {"FULLY_CONNECTED", "CONV_2D"}),
        (r"^Batch Matrix Multiply", {"BATCH_MATMUL", "FULLY_CONNECTED"}),
        (r"^Multiply", {"MUL"}),
        (r"^Add", {"ADD"}),
        (r"^Subtract", {"SUB"}),
        (r"^Divide", {"DIV"}),
        (r"^Maximum", {"MAXIMUM"}),
        (r"^Minimum", {"MINIMUM"}),
        (r"^(Mean|Sum|Global Average Pooling)", {"MEAN", "SUM", "AVERAGE_POOL_2D"}),
        (r"^Average Pooling", {"AVERAGE_POOL_2D"}),
        (r"^Max Pooling", {"MAX_POOL_2D"}),
        (r"^Sigmoid", {"LOGISTIC"}),
        (r"^Hard ?Swish", {"HARD_SWISH"}),
        (r"^(Invalid Unary|Lookup|LUT|Elementwise|Unary)", _UNARY),
        (r"^Soft ?max", {"SOFTMAX"}),
        (r"^Clamp", {"RELU", "RELU6", "RELU_N1_TO_1"}),
        (r"^Constant Pad", {"PAD", "PADV2"}),
        (r"^(Static Reshape|Copy)", {"RESHAPE", "SQUEEZE", "EXPAND_DIMS"}),
        (r"^(Static )?Transpose", {"TRANSPOSE"}),
        (r"^Convert", {"QUANTIZE", "DEQUANTIZE", "CAST"}),
        (r"^Concatenate", {"CONCATENATION"}),
        (r"Resize Bilinear", {"RESIZE_BILINEAR"}),
    )
)
"""Beginning of a kernel's name in XNNPACK -> the operators that it may be."""

_TABLE: Final = re.compile(r"^(Invalid Unary|Lookup|LUT|Elementwise|Unary)", re.IGNORECASE)
"""A table look-up; LiteRT 2.3.0 has no name for it and says ``Invalid Unary Op``."""

_PREPARES: Final = re.compile(
    r"^(Static Reshape|Copy|Convert|(Static )?Transpose|Constant Pad)", re.IGNORECASE
)
"""Kernels that XNNPACK adds before an operator of its own accord."""

_MERGED: Final = frozenset(
    {"RELU", "RELU6", "RELU_N1_TO_1", "PAD", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE"}
)
"""Operators that a kernel beside them often does along with its own work, or that are no work."""


class Event(NamedTuple):
    """An operator's event of the profiler.

    Attributes:
        type: 2 the interpreter's, 8 a delegate's.
        place: Place in the graph, or among the delegate's kernels.
        tag: The interpreter's name of the operator, or the delegate's of its kernel.
    """

    type: int
    place: int
    tag: str


@dataclass(frozen=True)
class Joined:
    """One row of the profile.

    Attributes:
        event: Place of its event; None for operators that have none.
        operators: The operators that it stands for, in order; empty where there is none.
        serves: The operator that an added kernel prepares; None for any other.
        reason: Why event and operators are not one to one; None where they are, or where a swish is one table.
    """

    event: int | None
    operators: tuple[Operator, ...]
    serves: Operator | None = None
    reason: str | None = None


def join_events(graph: Subgraph, events: Sequence[Event]) -> tuple[Joined, ...]:
    """Join the events of one inference with the operators of a graph.

    Args:
        graph: The graph that ran.
        events: In the order in which they ran.

    Returns:
        A row for every event and every operator, each exactly once, in the order in which they ran.
    """
    named = _named(graph, events)
    taken = {operator.index for operator in named.values()}
    kernels = [place for place, event in enumerate(events) if event.type == _DELEGATE]
    rest = [operator for operator in graph.operators if operator.index not in taken]
    rows = [((place, 0), Joined(place, (operator,))) for place, operator in named.items()]
    rows += [
        ((place, 0), Joined(place, (), reason="the runtime's own work, no operator of the file"))
        for place, event in enumerate(events)
        if event.type != _DELEGATE and place not in named
    ]
    rows += _aligned(graph, rest, [(place, events[place].tag) for place in kernels], named)
    return tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))


def _named(graph: Subgraph, events: Sequence[Event]) -> dict[int, Operator]:
    """Return place of an interpreter's event -> operator; a second event of one operator is of another graph."""
    found: dict[int, Operator] = {}
    taken: set[int] = set()
    for place, event in enumerate(events):
        if event.type != _INTERPRETER or event.place >= len(graph.operators) or event.place in taken:
            continue
        if event.tag == graph.operators[event.place].name:
            found[place] = graph.operators[event.place]
            taken.add(event.place)
    return found


def _aligned(
    graph: Subgraph, operators: list[Operator], kernels: list[tuple[int, str]], named: dict[int, Operator]
) -> Iterator[tuple[tuple[int, int], Joined]]:
    """Yield a row for every operator and kernel, with its place: that of its event, or behind the event before it."""
    operator = kernel = 0
    before = -1
    for taken, used, reason in _cheapest(graph, operators, [tag for _, tag in kernels]):
        group = tuple(operators[operator : operator + taken])
        if used:
            before = kernels[kernel][0]
            serves = operators[operator] if not taken and operator < len(operators) else None
            yield (before, 0), Joined(before, group, serves, reason)
        else:
            earlier = [place for place, other in named.items() if other.index < group[0].index]
            yield (max((before, *earlier)), 1 + operator), Joined(None, group, reason=reason)
        operator, kernel = operator + taken, kernel + used


def _cheapest(graph: Subgraph, operators: Sequence[Operator], tags: Sequence[str]) -> list[_Step]:
    """Return the cheapest way through both lists; where the search grows too large, nothing is joined."""
    goal = (len(operators), len(tags))
    costs: dict[tuple[int, int], int] = {(0, 0): 0}
    came: dict[tuple[int, int], tuple[tuple[int, int], _Step]] = {}
    waiting = [(0, 0, (0, 0))]
    while waiting and len(costs) < _STATES:
        cost, _, state = heapq.heappop(waiting)
        if state == goal:
            return _way_back(came, state)
        if cost > costs[state]:
            continue
        for step, price in _steps(graph, operators[state[0] : state[0] + 2], tags[state[1] : state[1] + 1]):
            reached, total = (state[0] + step.operators, state[1] + step.kernels), cost + price
            if total < costs.get(reached, total + 1):
                costs[reached] = total
                came[reached] = state, step
                heapq.heappush(waiting, (total, -sum(reached), reached))
    why = "the profiler's kernels do not resemble the file's operators"
    return [_Step(0, 1, why)] * len(tags) + [_Step(1, 0, why)] * len(operators)


class _Step(NamedTuple):
    """How many operators and kernels a row takes, and why when it is not one of each."""

    operators: int
    kernels: int
    reason: str | None


def _way_back(
    came: dict[tuple[int, int], tuple[tuple[int, int], _Step]], state: tuple[int, int]
) -> list[_Step]:
    steps = []
    while state in came:
        state, step = came[state]
        steps.append(step)
    return steps[::-1]


def _steps(
    graph: Subgraph, operators: Sequence[Operator], tags: Sequence[str]
) -> Iterator[tuple[_Step, int]]:
    """Yield what the next row may be, and its cost."""
    operator, tag = next(iter(operators), None), next(iter(tags), None)
    if operator is not None and tag is not None:
        if _TABLE.match(tag) and _is_swish(operators):
            yield _Step(2, 1, None), 0
        if _can_be(graph, operator, tag):
            yield _Step(1, 1, None), 0
        elif not any(pattern.search(tag) for pattern, _ in _KERNELS):
            yield (
                _Step(1, 1, "joined by its place: no operator is known for a kernel of this name"),
                _UNKNOWN_COST,
            )
    if tag is not None:
        if operator is not None and _PREPARES.match(tag):
            yield _Step(0, 1, f"added by XNNPACK for operator {operator.index}"), _AUXILIARY_COST
        else:
            yield _Step(0, 1, "a kernel of XNNPACK that no operator of the file explains"), _ODD_COST
    if operator is not None:
        if all(tensor.is_constant for tensor in graph.operands(operator)):
            yield _Step(1, 0, "works on constants alone: done once, when the model is loaded"), 0
        elif operator.name in _MERGED:
            yield _Step(1, 0, "done by a kernel beside it: no event of its own"), _AUXILIARY_COST
        else:
            yield _Step(1, 0, "the profiler has no event for it"), _ODD_COST


def _is_swish(operators: Sequence[Operator]) -> bool:
    """Return whether two operators are ``x * sigmoid(x)``."""
    if [operator.builtin for operator in operators] != ["LOGISTIC", "MUL"]:
        return False
    gate, product = operators
    return set(product.inputs) == {*gate.inputs, *gate.outputs}


def _can_be(graph: Subgraph, operator: Operator, tag: str) -> bool:
    """Return whether a kernel can be an operator: by its name, and a dense kernel is a convolution of 1x1 alone."""
    if _letters(tag.partition(" (")[0]) == _letters(operator.builtin):
        return True
    names = next((names for pattern, names in _KERNELS if pattern.search(tag)), frozenset[str]())
    if operator.builtin == "CONV_2D" and tag.startswith("Fully Connected"):
        weights = graph.operand(operator, 1)
        return weights is not None and weights.shape[1:3] == (1, 1)
    return operator.builtin in names


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
