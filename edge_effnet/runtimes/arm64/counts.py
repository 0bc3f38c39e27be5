"""Instructions of an inference: of the whole, and of each operator, from the stops that the plug-in noted.

A window reaches from one system call to another, with Python in between. What is counted is smaller: from the entry of
the function that Python calls to the moment when the outputs are ready, so that Python's own share, which moves a
little, is outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from edge_effnet.runtimes.arm64.windows import Window

__all__ = ["LIBRARY", "MODULE", "STOPS", "Counts", "counts_from_windows"]

MODULE: Final = "ai_edge_litert.interpreter"
LIBRARY: Final = "libpywrap_litert_common.so"
"""The library that runs the model; the wheel ships it with its symbols."""

STOPS: Final = (
    "_ZN6tflite19interpreter_wrapper18InterpreterWrapper6InvokeEi",
    "_ZN6tflite8Subgraph26EnsureTensorDataIsReadableEi",
    "xnn_run_operator_with_index",
)
"""Where an inference begins, where an output is handed out, where XNNPACK begins an operator."""

_BEGIN, _READY, _OPERATOR = range(len(STOPS))


@dataclass(frozen=True)
class Counts:
    """Retired instructions of one inference on one thread.

    Attributes:
        instructions: All of them.
        before: Those before the first operator; all of them where operators are not told apart.
        operators: Those of each operator of XNNPACK, in the order of execution; the last one's reach to the end. None
            where operators are not told apart.
        reason: Why they are not; None where they are.
    """

    instructions: int
    before: int
    operators: tuple[int, ...] | None
    reason: str | None = None


def counts_from_windows(windows: list[Window], *, whole: bool, engine: str) -> Counts:
    """Return the counts on which all windows agree.

    Args:
        windows: Of the same model, on the same input.
        whole: Whether XNNPACK runs every operator of the model.
        engine: What runs the model.

    Raises:
        EnvironmentFault: They do not agree, or the stops are not where they should be.
    """
    runs = {_run(window) for window in windows}
    if len(runs) != 1:
        raise EnvironmentFault(
            "the instruction counts differ from run to run",
            got=sorted(total for total, _ in runs),
            hint="report it: nothing of a run should depend on chance",
        )
    ((total, starts),) = runs
    if not starts or not whole:
        why = "runs no operator" if not starts else "does not run every operator"
        return Counts(
            total, total, None, f"operators are told apart inside XNNPACK, and {engine} {why} there"
        )
    ends = (*starts[1:], total)
    operators = tuple(end - start for start, end in zip(starts, ends, strict=True))
    return Counts(total, starts[0], operators)


def _run(window: Window) -> tuple[int, tuple[int, ...]]:
    """Return (instructions of an inference, when each operator began), counted from its beginning."""
    begins = [count for stop, count in window.stops if stop == _BEGIN]
    ready = [count for stop, count in window.stops if stop == _READY]
    if len(begins) != 1 or not ready:
        raise EnvironmentFault(
            "an inference was not seen to begin and end",
            got=f"{len(begins)} beginnings, {len(ready)} ends",
            hint="instructions can be counted with the version of ai-edge-litert that the lock names",
        )
    starts = tuple(count - begins[0] for stop, count in window.stops if stop == _OPERATOR)
    return ready[-1] - begins[0], starts
