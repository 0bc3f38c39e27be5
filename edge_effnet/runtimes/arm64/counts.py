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
    from collections.abc import Sequence

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


_TOLERANCE: Final = 1e-5
"""Share of the count by which runs may differ and still be reported, as not exact.

LiteRT's own kernels (ruy) look at the clock and ask again which core they run on when a quarter of a second has gone:
some hundred instructions of some hundred million. XNNPACK asks once, and its counts do not differ at all.
"""


@dataclass(frozen=True)
class Counts:
    """Retired instructions of one inference on one thread.

    Attributes:
        instructions: All of them; the fewest of the runs.
        spread: How many more the dearest run had; 0 for an exact count.
        before: Those before the first operator; all of them where operators are not told apart.
        operators: Those of each operator of XNNPACK, in the order of execution; the last one's reach to the end. None
            where operators are not told apart.
        reason: Why they are not; None where they are.
    """

    instructions: int
    spread: int
    before: int
    operators: tuple[int, ...] | None
    reason: str | None = None


def counts_from_windows(windows: Sequence[Window], *, delegated: int | None, total: int | None) -> Counts:
    """Return the counts of an inference from several of the same model on the same input.

    Args:
        windows: What the plug-in noted; one or more.
        delegated: How many of the model's operators XNNPACK runs; None where that is not known.
        total: How many operators the model has.

    Raises:
        EnvironmentFault: They differ more than `_TOLERANCE`, or the stops are not where they should be.
    """
    runs = sorted(_run(window) for window in windows)
    (fewest, starts), (most, _) = runs[0], runs[-1]
    if most - fewest > _TOLERANCE * fewest:
        raise EnvironmentFault(
            "the instruction counts differ from run to run",
            got=[count for count, _ in runs],
            hint="report it: nothing of a run should depend on chance",
        )
    if not starts or delegated is None or delegated != total:
        told = f"XNNPACK runs {delegated or 0} of {total} operators of this model here, and tells only its own apart"
        return Counts(fewest, most - fewest, fewest, None, told)
    ends = (*starts[1:], fewest)
    operators = tuple(end - start for start, end in zip(starts, ends, strict=True))
    return Counts(fewest, most - fewest, starts[0], operators)


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
