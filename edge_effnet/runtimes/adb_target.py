"""An Android phone as a target, ``adb`` or ``adb:SERIAL``: the tool `benchmark_model` measures, we bring, cool and judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault
from edge_effnet.runtimes.adb import Adb, Device
from edge_effnet.runtimes.adb_device import big_cores, cool_down, cores_of, device_facts, thermal_of
from edge_effnet.runtimes.adb_tool import (
    ToolEngine,
    ToolPlan,
    program_for,
    run_tool,
    verdict,
)
from edge_effnet.runtimes.base import Available, Missing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.adb_device import Thermal
    from edge_effnet.runtimes.base import Probe
    from edge_effnet.runtimes.targets import Timing
    from edge_effnet.runtimes.tool_run import ToolRun

__all__ = ["AdbTarget", "Job", "ToolMeasurement", "adb"]


@dataclass(frozen=True)
class Job:
    """What is measured: a file, and how the tool is to run it."""

    model: Path
    engine: ToolEngine


@dataclass
class ToolMeasurement:
    """What the tool measured of one job.

    Attributes:
        job: Of what.
        status: See `edge_effnet.runtimes.adb_tool.verdict`.
        error: Why it is missing or failed.
        runs: Every invocation, in order.
        thermal: How warm the device was before and after each.
        profile: The invocation that tells operators, if one was asked for.
        flags: What the tool was told.
        tool_sha256: Which tool.
        cpus: Cores that it was kept on; empty where none were chosen.
        cpus_reason: Why none were.
        device: The device's record.
    """

    job: Job
    status: str = "ok"
    error: EdgeEffnetError | None = None
    runs: list[ToolRun] = field(default_factory=list)
    thermal: list[tuple[Thermal, Thermal]] = field(default_factory=list)
    profile: ToolRun | None = None
    flags: list[str] = field(default_factory=list)
    tool_sha256: str | None = None
    cpus: tuple[int, ...] = ()
    cpus_reason: str | None = None
    device: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Ready:
    """A device with the tool on it."""

    device: Device
    program: str
    prefix: tuple[str, ...]


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
            facts = device_facts(device)
            program_for(_abis(device, facts), self.tool)
        except EdgeEffnetError as error:
            got = f" ({error.got})" if error.got is not None else ""
            return Missing(f"{error.message}{got}", error.hint or "see docs/devices.md")
        phone = facts["android"]
        return Available(f"adb {self.client.version()}, {phone['model'] or 'device'}, {facts['system']}")

    def measure(
        self, jobs: Sequence[Job], plan: ToolPlan, reporter: Reporter | None = None
    ) -> list[ToolMeasurement]:
        """Measure all jobs in turns: each turn is one invocation of the tool per job, the device cool before each.

        Returns:
            One measurement per job, in order; one that could not be measured says why.

        Raises:
            UsageError: Several devices and none named.
            EnvironmentFault: No device, no tool, or the device went away: nothing could be measured.
        """
        device = self.client.device(self.serial)
        facts = device_facts(device)
        program = program_for(_abis(device, facts), self.tool)
        cpus, reason = _cpus(device, plan)
        ready = _Ready(device, device.bring(program, "benchmark_model", executable=True), _affinity(cpus))
        tool_sha256 = sha256_of_file(program)
        measurements = [
            ToolMeasurement(job, tool_sha256=tool_sha256, cpus=cpus, cpus_reason=reason, device=facts)
            for job in jobs
        ]
        places = [self._bring(device, measurement) for measurement in measurements]
        for turn in range(plan.turns + plan.profile):
            for measurement, place in zip(measurements, places, strict=True):
                if measurement.error is None and place is not None:
                    self._take_turn(ready, measurement, place, plan, profile=turn == plan.turns)
                if reporter is not None:
                    reporter.advance()
        return measurements

    def _bring(self, device: Device, measurement: ToolMeasurement) -> str | None:
        try:
            return device.bring(measurement.job.model, "model.tflite")
        except (EnvironmentFault, DataError) as error:
            measurement.status = "missing" if isinstance(error, EnvironmentFault) else "failed"
            measurement.error = error
            return None

    def _take_turn(
        self, ready: _Ready, measurement: ToolMeasurement, place: str, plan: ToolPlan, *, profile: bool
    ) -> None:
        before = cool_down(ready.device, plan.cool_down_s)
        engine = measurement.job.engine
        invocation = run_tool(
            ready.device, ready.program, engine, place, plan, prefix=ready.prefix, profile=profile
        )
        after = thermal_of(ready.device)
        if profile:
            measurement.profile = invocation.run
            return
        measurement.flags = invocation.flags
        measurement.status, measurement.error = verdict(
            invocation, engine, str(measurement.job.model), self.name
        )
        if invocation.run is not None and measurement.error is None:
            measurement.runs.append(invocation.run)
            measurement.thermal.append((before, after))


def adb(name: str) -> AdbTarget:
    """Return a phone as a target, ``adb`` or ``adb:SERIAL``."""
    return AdbTarget(name, name.partition(":")[2] or None)


def _abis(device: Device, facts: dict[str, Any]) -> list[str]:
    """Return what the device calls its instruction sets; its machine where it has no Android properties."""
    _, output = device.shell("getprop ro.product.cpu.abilist")
    listed = [word for word in output.strip().split(",") if word.replace("-", "").replace("_", "").isalnum()]
    abi, machine = facts["android"]["abi"], facts["machine"]
    # A kernel of 64 bits may carry a system of 32, so that the machine is asked last.
    return listed or [name for name in (abi or machine,) if name]


def _cpus(device: Device, plan: ToolPlan) -> tuple[tuple[int, ...], str | None]:
    """Return the cores to stay on, and if there are none the reason."""
    status, _ = device.shell("command -v taskset")
    if status:
        return (), "the device has no taskset"
    if plan.cpus:
        return plan.cpus, None
    chosen = big_cores(cores_of(device), plan.threads)
    return chosen, None if chosen else "the device does not tell the clocks of its cores"


def _affinity(cpus: Sequence[int]) -> tuple[str, ...]:
    """Return the words that keep a program on some cores; taskset takes a mask in hexadecimal everywhere."""
    return ("taskset", f"{sum(1 << cpu for cpu in set(cpus)):x}") if cpus else ()
