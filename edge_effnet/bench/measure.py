"""The measurement itself: every contender in a process of its own, warm, then all of them in turns."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.bench.accelerators import note_sharing
from edge_effnet.bench.tools import measure_by_tools
from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault
from edge_effnet.runtimes.targets import ToolTarget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.bench.plan import Plan
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.connection import Connection, RemoteModel
    from edge_effnet.runtimes.engines import WorkerEngine
    from edge_effnet.runtimes.targets import CountingTarget, Target, WorkerTarget

__all__ = ["Contender", "Measurement", "measure"]

_STABLE: Final = 0.02
"""A warm-up has ended when the median of a burst is this close to that of the burst before."""

_PROBE_RUNS: Final = 3

_SHARE: Final = 0.2
"""Of the time that one answer may take, this much is planned for a turn: a slow one is no hanging device."""


@dataclass(frozen=True)
class Contender:
    """What is measured: a file, on an engine, at a target."""

    model: Path
    engine: WorkerEngine
    target: Target


@dataclass
class Measurement:
    """What was measured of one contender.

    Attributes:
        contender: Of what.
        sha256: The file's hash.
        status: ``ok``, ``not_delegated`` (a delegate took no operator), ``missing`` or ``failed``.
        error: Why it is missing or failed.
        facts: What the runtime said when it loaded the file.
        device: The machine that ran it.
        warm_up: Runs and seconds before measuring, and whether the times had become stable.
        rounds: Milliseconds of single inferences, by turn.
        energy_uj: Energy counted during the turns; None where the processor does not tell.
        peak_rss_bytes: Largest resident size of the process.
        instructions: Instructions of one inference, where they are counted instead of timed.
        instructions_spread: How many more the dearest run had; 0 for an exact count.
        extra: More keys of the result, from a tool that measures by itself.
    """

    contender: Contender
    sha256: str
    status: str = "ok"
    error: EdgeEffnetError | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    warm_up: dict[str, Any] | None = None
    rounds: list[list[float]] = field(default_factory=list)
    energy_uj: float | None = None
    peak_rss_bytes: int | None = None
    instructions: int | None = None
    instructions_spread: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Running:
    """A contender that is loaded and waits for its turns; ``shares`` an accelerator with others, in one process."""

    measurement: Measurement
    connection: Connection
    model: RemoteModel
    shares: bool = False
    burst: int = _PROBE_RUNS


def measure(contenders: Sequence[Contender], plan: Plan, reporter: Reporter) -> list[Measurement]:
    """Measure all contenders, in turns where they are timed.

    Returns:
        One measurement per contender, in order; one that could not be measured says why.

    Raises:
        EdgeEffnetError: None of them could be measured; the error of the first.
    """
    measurements = [Measurement(each, _sha256(each.model)) for each in contenders]
    with ExitStack() as stack:
        running: list[_Running] = []
        shared: dict[str, Connection] = {}
        by_tool = [each for each in measurements if isinstance(each.contender.target, ToolTarget)]
        measure_by_tools(by_tool, plan, reporter)
        for measurement in measurements:
            if isinstance(measurement.contender.target, ToolTarget):
                continue
            with reporter.stage(f"load {measurement.contender.engine.name}"):
                running += _attempt(measurement, plan, stack, shared)
        note_sharing(measurements)
        timed = [each for each in running if each.measurement.contender.target.timing == "measured"]
        _take_turns(timed, plan, reporter)
        # An emulated process's size is mostly the emulator's.
        for each in (each for each in timed if each.measurement.error is None):
            each.measurement.peak_rss_bytes = each.model.peak_rss_bytes()
    if all(measurement.error is not None for measurement in measurements):
        raise cast("EdgeEffnetError", measurements[0].error)
    return measurements


def _sha256(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise DataError(
            f"the model cannot be read: {error.strerror}", got=path, hint="give .tflite files"
        ) from error


def _attempt(
    measurement: Measurement, plan: Plan, stack: ExitStack, shared: dict[str, Connection]
) -> list[_Running]:
    """Load a contender and warm it up; what goes wrong is kept in the measurement."""
    try:
        return _start(measurement, plan, stack, shared)
    except (EnvironmentFault, DataError) as error:
        measurement.error = error
        measurement.status = "missing" if isinstance(error, EnvironmentFault) else "failed"
        return []


def _connected(
    contender: Contender, plan: Plan, stack: ExitStack, shared: dict[str, Connection]
) -> Connection:
    """Start a worker; contenders that share an accelerator have one together, for only one process can hold it."""
    if contender.engine.accelerator is not None and contender.target.name in shared:
        return shared[contender.target.name]
    connection = cast("WorkerTarget", contender.target).connect(contender.engine.kernels)
    stack.callback(connection.close)
    if plan.cpus:
        _pin(connection, plan.cpus)
    if contender.engine.accelerator is not None:
        shared[contender.target.name] = connection
    return connection


def _start(
    measurement: Measurement, plan: Plan, stack: ExitStack, shared: dict[str, Connection]
) -> list[_Running]:
    contender = measurement.contender
    target = cast("WorkerTarget", contender.target)
    connection = _connected(contender, plan, stack, shared)
    measurement.device = connection.host()
    model = contender.engine.load_on(connection, contender.model, plan.threads, timeout_s=plan.timeout_s)
    measurement.facts = model.facts
    if contender.engine.library and not model.facts["delegated_ops"]:
        measurement.status = "not_delegated"
    running = _Running(measurement, connection, model, shares=contender.engine.accelerator is not None)
    if target.timing == "measured":
        _warm_up(running, plan)
    elif target.timing == "none":
        counting = cast("CountingTarget", target)
        counted = counting.count_instructions(model, threads=plan.threads)
        measurement.instructions, measurement.instructions_spread = counted
    return [running]


def _pin(connection: Connection, cpus: Sequence[int]) -> None:
    try:
        connection.ask("pin", cpus=list(cpus))
    except EnvironmentFault as error:
        raise EnvironmentFault(error.message, got=cpus, hint="--cpus: name cores that are there") from error


def _warm_up(running: _Running, plan: Plan) -> None:
    """Run until two bursts agree, and settle how many inferences make one turn."""
    started, runs, before, stable = time.monotonic(), 0, float("inf"), False
    while not stable and time.monotonic() - started < plan.max_warm_up_s:
        times, _ = running.model.time(running.burst, timeout_s=plan.timeout_s)
        runs += len(times)
        median = float(np.median(times))
        stable = abs(median - before) <= _STABLE * before
        before = median
        wanted = max(plan.burst_runs, round(plan.burst_seconds * 1e9 / median), 1)
        running.burst = min(wanted, max(1, int(_SHARE * plan.timeout_s * 1e9 / median)))
    running.measurement.warm_up = {
        "runs": runs,
        "seconds": time.monotonic() - started,
        "stable": stable,
    }


def _take_turns(timed: Sequence[_Running], plan: Plan, reporter: Reporter) -> None:
    """Time a burst of each in turn until every one has its runs and its seconds; one that breaks off leaves the others."""
    if not timed:
        return
    alive = list(timed)
    with reporter.stage("measure"):
        while not all(_has_enough(each.measurement, plan) for each in alive):
            alive = [each for each in alive if _burst(each, plan)]
            reporter.advance()


def _burst(running: _Running, plan: Plan) -> bool:
    """Add a turn; return False where the contender broke off, whose figures are then worth nothing."""
    measurement = running.measurement
    try:
        if (
            running.shares
        ):  # another model's parameters may be in the cache now: the first run would load its own
            running.model.time(1, timeout_s=plan.timeout_s)
        times, energy = running.model.time(running.burst, timeout_s=plan.timeout_s)
    except EnvironmentFault as error:
        measurement.status, measurement.error, measurement.rounds = "failed", error, []
        return False
    measurement.rounds.append([ns / 1e6 for ns in times])
    if energy is not None:
        measurement.energy_uj = (measurement.energy_uj or 0.0) + energy
    return True


def _has_enough(measurement: Measurement, plan: Plan) -> bool:
    runs = sum(len(samples) for samples in measurement.rounds)
    seconds = sum(map(sum, measurement.rounds)) / 1e3
    return runs >= plan.min_runs and seconds >= plan.min_seconds
