"""One call of `benchmark_model` on a device, and the judgement of what came of it."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault
from edge_effnet.runtimes.adb_tool import WHERE, ToolEngine, ToolPlan
from edge_effnet.runtimes.benchmark_model import runs_from_text
from edge_effnet.runtimes.complaints import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.runtimes.adb import Device
    from edge_effnet.runtimes.tool_run import Delegation, ToolRun

__all__ = ["Invocation", "delegation_of", "run_tool", "verdict"]

_DELEGATE_REFUSED: Final = re.compile(
    r"Unable to load external delegate|Failed to apply \w+ delegate|delegate creation failed"
)

_MARGIN_S: Final = 60.0
"""Beyond the measured time: loading, and the first inferences on a cold device."""


@dataclass(frozen=True)
class Invocation:
    """One call of the tool.

    Attributes:
        run: What it printed.
        status: Its exit status.
        output: All of it.
        flags: What it was told.
    """

    run: ToolRun | None
    status: int
    output: str
    flags: list[str] = field(default_factory=list)


def run_tool(
    device: Device,
    program: str,
    engine: ToolEngine,
    model: str,
    plan: ToolPlan,
    *,
    prefix: Sequence[str],
    profile: bool = False,
) -> Invocation:
    """Run the tool once.

    Args:
        device: Where.
        program: The tool's path there.
        engine: What runs the model.
        model: Its path there.
        plan: How to measure.
        prefix: Words before the tool's, such as those that keep it on some cores.
        profile: Whether it tells the time of every operator.

    Raises:
        EnvironmentFault: The device has gone or hangs.
        DataError: The tool printed figures that are none.
    """
    flags = plan.flags(engine, model, profile=profile)
    # The device ends the tool by itself when this side has gone, or gives up waiting.
    limit = ["timeout", f"{math.ceil(plan.limit_s)}"]
    words = shlex.join([*prefix, program, *flags])
    script = f"if command -v timeout >/dev/null; then {shlex.join(limit)} {words}; else {words}; fi"
    status, output = device.shell(script, timeout_s=plan.limit_s + _MARGIN_S)
    try:
        run = runs_from_text(output)[-1]
    except DataError:
        run = None
    return Invocation(run, status, output, flags)


def delegation_of(run: ToolRun, engine: ToolEngine) -> Delegation | None:
    """Return what the engine's delegate took, as exactly as the tool tells; None where it tells nothing."""
    if engine.delegate is None:
        return None
    rows = [row for row in run.delegations if engine.delegate in row.name.lower()]
    if engine.delegate == "":
        rows = [row for row in rows if "xnnpack" not in row.name.lower()]
    counted = [row for row in rows if row.delegated is not None]
    return next(iter([*counted, *rows]), None)


def verdict(
    invocation: Invocation, engine: ToolEngine, model: str, where: str
) -> tuple[str, EdgeEffnetError | None]:
    """Judge one invocation.

    Args:
        invocation: What the tool did.
        engine: What it was to do.
        model: The file, for messages.
        where: The target, for messages.

    Returns:
        (status, error): ``ok``; ``not_delegated`` (the delegate was made and took nothing); ``missing`` (this build of
        the tool lacks the engine or an operator, or does not start); ``failed`` (the model cannot be run).
    """
    run = invocation.run
    if run is None or run.measured is None or invocation.status:
        error = _failure(invocation, engine, model, where)
        return ("missing" if isinstance(error, EnvironmentFault) else "failed"), error
    unknown = [flag for flag in run.unknown_flags if flag in engine.flags]
    if unknown and engine.delegate is not None:
        return "missing", EnvironmentFault(
            f"this build of benchmark_model has no engine {engine.name}",
            got=f"it does not know {' '.join(unknown)}",
            hint="use a build that has it, or another --engine",
        )
    found = delegation_of(run, engine)
    if engine.delegate is None:
        others = [row.name for row in run.delegations if row.extent != "none"]
        if not others:
            return "ok", None
        return "failed", EnvironmentFault(
            f"benchmark_model ran {others[0]} though it was told to run the plain kernels",
            hint="use another build of the tool, or --engine xnnpack",
        )
    # An old tool says that it made the delegate and not what it took: that is no proof of nothing.
    made = any(engine.delegate in name.lower() for name in run.created)
    nothing = found.extent == "none" if found is not None else not made
    return ("not_delegated" if nothing else "ok"), None


def _failure(invocation: Invocation, engine: ToolEngine, model: str, where: str) -> EdgeEffnetError:
    """Return the error of an invocation that measured nothing."""
    errors = invocation.run.errors if invocation.run is not None else []
    if invocation.status == 124:
        return EnvironmentFault(
            f"benchmark_model did not end in time at {where}",
            got=model,
            hint="raise --timeout, or use a smaller model",
        )
    if invocation.run is None or not errors:
        last = [line.strip() for line in invocation.output.splitlines() if line.strip()][-2:]
        return EnvironmentFault(
            f"benchmark_model does not run at {where} (exit status {invocation.status})",
            got="; ".join(last)[:400] or None,
            hint="is it built for this Android and this processor? " + WHERE,
        )
    if refused := [line for line in errors if _DELEGATE_REFUSED.search(line)]:
        return EnvironmentFault(
            f"the delegate of {engine.name} does not start at {where}",
            got=refused[0][:400],
            hint="is the library there (a path on the device), and built for it? has the device the driver?",
        )
    return explained("\n".join(errors), model, f"{engine.name} at {where}")
