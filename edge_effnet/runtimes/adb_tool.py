"""The program `benchmark_model`: which file suits a device, which flags an engine and a plan need."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TOOL", "WHERE", "ToolEngine", "ToolPlan", "program_for", "tool_engine"]

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
