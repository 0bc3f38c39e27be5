"""The program `benchmark_model` on a device: which flags an engine needs, how it is run, and what came of it."""

from __future__ import annotations

import math
import os
import re
import shlex
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UnknownNameError
from edge_effnet.runtimes.benchmark_model import runs_from_text
from edge_effnet.runtimes.complaints import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.runtimes.adb import Device
    from edge_effnet.runtimes.tool_run import Delegation, ToolRun

__all__ = [
    "TOOL",
    "ToolEngine",
    "ToolPlan",
    "delegation_of",
    "program_for",
    "run_tool",
    "tool_engine",
    "verdict",
]

TOOL: Final = "EDGE_EFFNET_BENCHMARK_MODEL"
"""Variable that names the tool, built for the device."""

WHERE: Final = (
    "download benchmark_model for android_arm64 (or android_arm) from the releases of LiteRT, or build the target "
    "litert/tools:benchmark_model or tensorflow/lite/tools/benchmark:benchmark_model with --config=android_arm64; "
    f"then give --benchmark-model PATH, or set {TOOL}"
)

_MACHINES: Final = {
    183: ("arm64-v8a", "aarch64"),
    40: ("armeabi-v7a", "armeabi", "armv7l", "armv8l"),
    62: ("x86_64",),
    3: ("x86", "i686"),
}
"""Machine of an ELF file -> what a device that runs it calls itself (its ABI, or `uname -m`)."""

_DELEGATE_REFUSED: Final = re.compile(
    r"Unable to load external delegate|Failed to apply \w+ delegate|delegate creation failed"
)

_MARGIN_S: Final = 60.0
"""Beyond the measured time: loading, and the first inferences on a cold device."""


@dataclass(frozen=True)
class ToolEngine:
    """How the tool is told to run a model.

    Attributes:
        name: As the command line says it.
        flags: The tool's.
        delegate: What the delegate's name in the tool's log holds; empty for any; None for the plain kernels.
    """

    name: str
    flags: tuple[str, ...]
    delegate: str | None


ENGINES: Final = {
    row.name: row
    for row in (
        ToolEngine("xnnpack", ("--use_xnnpack=true",), "xnnpack"),
        ToolEngine("builtin", ("--use_xnnpack=false",), None),
        ToolEngine("gpu", ("--use_gpu=true",), "gpu"),
        ToolEngine("nnapi", ("--use_nnapi=true",), "nnapi"),
    )
}
"""Engine -> flags. NNAPI is deprecated since Android 15 and here for older phones."""


def tool_engine(name: str, library: str | None = None, options: Sequence[tuple[str, str]] = ()) -> ToolEngine:
    """Return the engine of that name.

    Args:
        name: A row of `ENGINES`, or anything with a library.
        library: A delegate's library on the device.
        options: What the delegate is told.

    Raises:
        UnknownNameError: There is no such engine on a phone.
    """
    if library is not None:
        told = ";".join(f"{key}:{value}" for key, value in options)
        flags = (
            f"--external_delegate_path={library}",
            *([f"--external_delegate_options={told}"] if told else []),
        )
        return ToolEngine(name, flags, "")
    if name not in ENGINES:
        raise UnknownNameError("engine for adb", name, (*ENGINES, "delegate:PATH[?KEY=VALUE&...]"))
    return ENGINES[name]


@dataclass(frozen=True)
class ToolPlan:
    """How to measure.

    Attributes:
        threads: Threads inside one inference.
        min_seconds: Measured time of one invocation, at least.
        min_runs: Inferences of one invocation, at least.
        warm_up_s: Warm-up of one invocation, at least.
        turns: Invocations of each model, in turns with the others.
        cpus: Cores to stay on; empty for the fastest that there are.
        cool_down_s: Wait before each invocation until the device is not warm, at most.
        timeout_s: Beyond the measured time.
        profile: Whether one more invocation of each tells the time of every operator.
    """

    threads: int = 1
    min_seconds: float = 1.0
    min_runs: int = 20
    warm_up_s: float = 0.5
    turns: int = 5
    cpus: tuple[int, ...] = ()
    cool_down_s: float = 60.0
    timeout_s: float = 120.0
    profile: bool = False

    @property
    def limit_s(self) -> float:
        """How long one invocation may take."""
        return self.min_seconds + self.warm_up_s + self.timeout_s

    def flags(self, engine: ToolEngine, model: str, *, profile: bool) -> list[str]:
        """Return the tool's flags."""
        profiling = ["--enable_op_profiling=true", "--use_profiler=true"] if profile else []
        return [
            f"--graph={model}",
            *engine.flags,
            f"--num_threads={self.threads}",
            f"--num_runs={self.min_runs}",
            f"--min_secs={self.min_seconds:g}",
            f"--max_secs={self.min_seconds + self.timeout_s / 2:g}",
            "--warmup_runs=1",
            f"--warmup_min_secs={self.warm_up_s:g}",
            "--report_peak_memory_footprint=true",
            *profiling,
        ]


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


def program_for(abis: Sequence[str], path: str | None = None) -> Path:
    """Return the tool's file here, after looking whether the device can run it.

    Args:
        abis: What the device calls its instruction sets.
        path: The file; what ``$EDGE_EFFNET_BENCHMARK_MODEL`` names for None.

    Raises:
        EnvironmentFault: There is none, it is no program, or one for another machine.
    """
    named = path or os.environ.get(TOOL)
    if not named:
        raise EnvironmentFault("the tool benchmark_model is not given", hint=WHERE)
    program = Path(named).expanduser()
    try:
        with program.open("rb") as stream:
            head = stream.read(20)
    except OSError as error:
        raise EnvironmentFault(
            f"the tool benchmark_model cannot be read: {error.strerror}", got=named, hint=WHERE
        ) from error
    if len(head) < 20 or head[:4] != b"\x7fELF":
        raise EnvironmentFault(
            "the tool benchmark_model is no program of Linux or Android", got=named, hint=WHERE
        )
    (machine,) = struct.unpack_from("<H", head, 18)
    runs_on = _MACHINES.get(machine, (f"machine {machine}",))
    if abis and not set(runs_on) & set(abis):
        raise EnvironmentFault(
            "the tool benchmark_model is for another kind of processor",
            got=f"{named}: {runs_on[0]}",
            allowed=", ".join(abis),
            hint=WHERE,
        )
    return program


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
    if run is None or run.measured is None:
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
