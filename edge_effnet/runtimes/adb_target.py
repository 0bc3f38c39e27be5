"""An Android phone as a target, ``adb`` or ``adb:SERIAL``: the tool `benchmark_model` measures, we bring, cool and judge."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UsageError
from edge_effnet.runtimes.adb import Adb, Device
from edge_effnet.runtimes.adb_device import big_cores, cool_down, cores_of, device_facts, thermal_of
from edge_effnet.runtimes.adb_run import delegation_of, run_tool, verdict
from edge_effnet.runtimes.adb_tool import ToolEngine, ToolPlan, program_for, tool_engine
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.tool_run import ToolMeasurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.runtimes.adb_device import Core
    from edge_effnet.runtimes.base import Probe
    from edge_effnet.runtimes.targets import BenchRequest, Timing
    from edge_effnet.runtimes.tool_run import ToolJob

__all__ = ["COOL_DOWN", "TURNS", "AdbTarget", "adb"]

TURNS: Final = 6
"""Invocations of each job where several are compared."""

TURNS_ALONE: Final = 3
"""Invocations of a job that is alone: one process may be lucky with its memory, three say so."""

COOL_DOWN: Final = "EDGE_EFFNET_COOL_DOWN_S"
"""Variable: seconds that are waited for a device to become cool, before each invocation, at most."""


@dataclass(frozen=True)
class _Waiting:
    """A job whose model is on the device.

    Attributes:
        measurement: What is known of it so far.
        engine: How the tool is told to run it.
        place: The model's path there; empty where it could not be brought.
    """

    measurement: ToolMeasurement
    engine: ToolEngine
    place: str


@dataclass(frozen=True)
class _Ready:
    """A device with the tool on it.

    Attributes:
        device: The device.
        program: The tool's path there.
        prefix: Words that keep it on some cores.
        plan: How to measure.
        where: The target, for messages.
    """

    device: Device
    program: str
    prefix: tuple[str, ...]
    plan: ToolPlan
    where: str

    def take_turn(self, job: _Waiting, *, profile: bool) -> None:
        """Run the tool once for a job, when the device is cool, and keep what came of it."""
        measurement, plan = job.measurement, self.plan
        before = cool_down(self.device, plan.cool_down_s)
        invocation = run_tool(
            self.device, self.program, job.engine, job.place, plan, prefix=self.prefix, profile=profile
        )
        run = invocation.run
        if profile:
            measurement.profile = run
            return
        after = thermal_of(self.device)
        measurement.source["flags"] = invocation.flags
        status, error = verdict(invocation, job.engine, str(measurement.job.model), self.where)
        measurement.status, measurement.error = status, error
        if run is not None and error is None:
            measurement.runs.append(run)
            measurement.delegation = delegation_of(run, job.engine)
            measurement.source["thermal"].append({"before": before.to_record(), "after": after.to_record()})


@dataclass(frozen=True)
class AdbTarget:
    """A phone, or anything else that runs `adbd`.

    Attributes:
        name: ``adb`` or ``adb:SERIAL``.
        serial: Which device; None for the only one.
        tool: The tool's file here; None for what the environment names.
        client: adb's client.
    """

    name: str = "adb"
    serial: str | None = None
    tool: str | None = None
    client: Adb = field(default_factory=Adb)
    timing: Timing = "measured"

    def probe(self) -> Probe:
        """Say whether a device answers and the tool for it is here."""
        try:
            device = self.client.device(self.serial)
            facts = device_facts(device, cores_of(device))
            program_for(_abis(facts), self.tool)
        except EdgeEffnetError as error:
            got = f" ({error.got})" if error.got is not None else ""
            return Missing(f"{error.message}{got}", error.hint or "see docs/devices.md")
        phone = facts["android"]
        return Available(f"adb {self.client.version()}, {phone['model'] or 'device'}, {facts['system']}")

    def measure(self, jobs: Sequence[ToolJob], request: BenchRequest) -> list[ToolMeasurement]:
        """Measure all jobs in turns; see `edge_effnet.runtimes.targets.ToolTarget`.

        A turn is one invocation of the tool per job, each when the device is cool. Measured time and inferences are
        spread over the turns.
        """
        plan = _plan(request, len(jobs))
        engines = [tool_engine(job.engine, job.library, job.options) for job in jobs]
        device = self.client.device(self.serial)
        cores = cores_of(device)
        facts = device_facts(device, cores)
        program = program_for(_abis(facts), self.tool)
        cpus, reason = _cpus(device, cores, plan)
        source: dict[str, Any] = {
            "tool": "benchmark_model",
            "tool_sha256": sha256_of_file(program),
            "cpus_reason": reason,
            "flags": None,
        }
        ready = _Ready(
            device,
            device.bring(program, "benchmark_model", executable=True),
            _affinity(cpus),
            plan,
            self.name,
        )
        measurements = [
            ToolMeasurement(job, cpus=cpus, device=facts, source={**source, "thermal": []}) for job in jobs
        ]
        waiting = [
            _Waiting(measurement, engine, _place_of(device, measurement))
            for measurement, engine in zip(measurements, engines, strict=True)
        ]
        for turn in range(plan.turns + plan.profile):
            for each in waiting:
                if each.measurement.error is None:
                    ready.take_turn(each, profile=turn == plan.turns)
        return measurements


def adb(name: str) -> AdbTarget:
    """Return a phone as a target, ``adb`` or ``adb:SERIAL``."""
    return AdbTarget(name, name.partition(":")[2] or None)


def _plan(request: BenchRequest, jobs: int) -> ToolPlan:
    """Return how each invocation measures: several jobs are compared over more turns than one is looked at."""
    turns = TURNS if jobs > 1 else TURNS_ALONE
    return ToolPlan(
        threads=request.threads,
        min_seconds=request.min_seconds / turns,
        min_runs=math.ceil(request.min_runs / turns),
        turns=turns,
        cpus=request.cpus,
        cool_down_s=_cool_down_s(),
        timeout_s=request.timeout_s,
        profile=True,
    )


def _cool_down_s() -> float:
    text = os.environ.get(COOL_DOWN, "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise UsageError(f"{COOL_DOWN} is no number of seconds", got=text, allowed="0 to 3600")
    return seconds


def _place_of(device: Device, measurement: ToolMeasurement) -> str:
    """Bring the model; what goes wrong is kept in the measurement."""
    try:
        return device.bring(measurement.job.model, "model.tflite")
    except (EnvironmentFault, DataError) as error:
        measurement.status = "missing" if isinstance(error, EnvironmentFault) else "failed"
        measurement.error = error
        return ""


def _abis(facts: dict[str, Any]) -> list[str]:
    """Return what the device calls its instruction sets; its machine where it has no Android properties."""
    phone = facts["android"]
    # A kernel of 64 bits may carry a system of 32, so that the machine is asked last.
    return [
        name.strip()
        for name in (phone["abilist"] or phone["abi"] or facts["machine"] or "").split(",")
        if name
    ]


def _cpus(device: Device, cores: Sequence[Core], plan: ToolPlan) -> tuple[tuple[int, ...], str | None]:
    """Return the cores to stay on, and if there are none the reason."""
    status, _ = device.shell("command -v taskset")
    if status:
        return (), "the device has no taskset"
    if plan.cpus:
        return plan.cpus, None
    chosen = big_cores(cores, plan.threads)
    return chosen, None if chosen else "the device does not tell the clocks of its cores"


def _affinity(cpus: Sequence[int]) -> tuple[str, ...]:
    """Return the words that keep a program on some cores; taskset takes a mask in hexadecimal everywhere."""
    return ("taskset", f"{sum(1 << cpu for cpu in set(cpus)):x}") if cpus else ()
