"""Where the time of one inference goes: every operator under the profiler, and the whole without it, in turns."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.bench.operators import rows_from_events
from edge_effnet.bench.peak import measure_peak
from edge_effnet.bench.profile_join import Event
from edge_effnet.bench.profile_record import record_of
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.inspect import read_model
from edge_effnet.runtimes.connection import WORKER
from edge_effnet.runtimes.engines import worker_engine
from edge_effnet.runtimes.targets import ToolTarget, target
from edge_effnet.runtimes.worker_profile import TESTED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.bench.operators import Row
    from edge_effnet.bench.peak import Peak, Precision
    from edge_effnet.bench.plan import Plan
    from edge_effnet.inspect import Model
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.arm64 import Arm64Target
    from edge_effnet.runtimes.connection import Connection, RemoteModel
    from edge_effnet.runtimes.targets import WorkerTarget

__all__ = ["Profile", "Times", "middle_half", "profile_file"]

EXTENSION: Final = WORKER.with_name("worker_profile.py")

TOLERANCE: Final = 0.1
"""How far the sum of the operators may be from the whole; beyond that the times are taken anew."""

ATTEMPTS: Final = 3

_PER_TURN: Final = 4
_BATCH_S: Final = 0.5
_MAX_TURNS: Final = 25
_CUT_US: Final = 0.5
"""What XNNPACK's clock drops of an operator's time on average: it counts whole microseconds that have passed."""

_DELEGATE: Final = 8


@dataclass(frozen=True)
class Times:
    """The times of one attempt.

    Attributes:
        operators_us: Of each event, ``(events,)``.
        total_us: Their sum.
        whole_us: Of one inference that nobody watched.
        watched_us: Of one under the profiler.
        runs: Inferences of each kind.
    """

    operators_us: npt.NDArray[np.float64]
    total_us: float
    whole_us: float
    watched_us: float
    runs: int

    @property
    def fits(self) -> bool:
        """Whether the sum of the parts is the whole, within `TOLERANCE`."""
        return abs(self.total_us - self.whole_us) <= TOLERANCE * self.whole_us


@dataclass(frozen=True)
class Profile:
    """A profile.

    Attributes:
        path: The file.
        sha256: Its hash.
        engine: What ran it.
        target: Where.
        timing: ``measured``, or ``none`` for an emulated core.
        plan: How it was measured.
        device: The machine that ran it.
        runtime: Name and version.
        tested: Whether the profiler of that version is known.
        rows: What the events are.
        attempts: Times, the last one valid; empty where there are none.
        peak: What the machine can do; None where there are no times.
        instructions: Of each event; None where they are not counted.
        total_instructions: Of one inference.
        model: What the file holds.
    """

    path: Path
    sha256: str
    engine: str
    target: str
    timing: str
    plan: Plan
    device: dict[str, Any]
    runtime: str
    tested: bool
    rows: tuple[Row, ...]
    model: Model
    attempts: tuple[Times, ...] = ()
    peak: Peak | None = None
    instructions: tuple[int, ...] | None = None
    total_instructions: int | None = None


def profile_file(path: Path, engine: str, place: str, plan: Plan, reporter: Reporter) -> dict[str, Any]:
    """Profile a model.

    Args:
        path: A .tflite file.
        engine: ``xnnpack`` or ``builtin``.
        place: A target's name.
        plan: How long, with what.
        reporter: Told of the stages.

    Returns:
        The record; `edge_effnet/schemas/profile.json` describes it.

    Raises:
        UnknownNameError: There is no such engine or target.
        UsageError: The target has no worker.
        DataError: The file is missing or damaged, or the engine refuses it.
        EnvironmentFault: The target or the profiler is missing there.
    """
    found, where = worker_engine(engine), target(place)
    if isinstance(where, ToolTarget):
        raise UsageError(
            "this target cannot be profiled: no worker runs there",
            got=place,
            allowed="local, python:PATH, ssh://USER@HOST, arm64:CORE",
            hint=f"edge-effnet bench {path} --target {place}",
        )
    model = read_model(path)
    with closing(cast("WorkerTarget", where).connect(found.kernels)) as connection:
        if plan.cpus:
            connection.ask("pin", cpus=list(plan.cpus))
        device = connection.host()
        with reporter.stage("load"):
            loaded = found.load_on(connection, path, plan.threads, timeout_s=plan.timeout_s)
            events, tested = _open(connection, loaded, engine, plan)
        rows = rows_from_events(model, events)
        profile = Profile(
            path,
            sha256_of_file(path),
            engine,
            place,
            where.timing,
            plan,
            device,
            loaded.facts["runtime"],
            tested,
            rows,
            model,
        )
        if where.timing == "measured":
            profile = _timed(profile, loaded, events, reporter)
        else:
            profile = _counted(profile, cast("Arm64Target", where), loaded, events)
    return record_of(profile)


def _open(
    connection: Connection, loaded: RemoteModel, engine: str, plan: Plan
) -> tuple[tuple[Event, ...], bool]:
    """Put a loaded model under the profiler; return its events and whether this version was tested.

    Raises:
        EnvironmentFault: There is no profiler, or it broke the worker.
    """
    runtime = loaded.facts["runtime"]
    try:
        connection.extend(EXTENSION)
        reply, _ = connection.ask(
            "profile_open", id=loaded.name, engine=engine, threads=plan.threads, timeout_s=plan.timeout_s
        )
    except EnvironmentFault as error:
        raise EnvironmentFault(
            f"the profiler of {runtime} at {connection.where} failed: {error.message}",
            got=error.got,
            hint=f"it was tested with ai-edge-litert {', '.join(TESTED)}",
        ) from error
    if "missing" in reply:
        raise EnvironmentFault(
            f"no profile at {connection.where}: {reply['missing']}",
            got=runtime,
            hint=f"pip install ai-edge-litert=={reply['tested'][-1]} there for the engines xnnpack and builtin",
        )
    events = tuple(Event(row["type"], row["index"], row["tag"]) for row in reply["events"])
    return events, bool(reply["tested"])


def _timed(profile: Profile, loaded: RemoteModel, events: Sequence[Event], reporter: Reporter) -> Profile:
    """Measure the peaks, then the times, again where the parts do not make the whole."""
    precisions: tuple[Precision, ...] = ("int8",)
    if any(row.macs and not row.int8 for row in profile.rows):
        precisions = ("int8", "float32")
    with reporter.stage("peak"):
        peak = measure_peak(loaded, profile.engine, profile.plan.threads, precisions)
    attempts: list[Times] = []
    with reporter.stage("profile"):
        while not attempts or (len(attempts) < ATTEMPTS and not attempts[-1].fits):
            attempts.append(_attempt(loaded, profile.plan, events))
    return replace(profile, peak=peak, attempts=tuple(attempts))


def _attempt(loaded: RemoteModel, plan: Plan, events: Sequence[Event]) -> Times:
    """Take turns until there are enough runs and seconds."""
    (once_ns,), _ = loaded.time(1, timeout_s=plan.timeout_s)
    turns = min(max(1, int(_BATCH_S * 1e9 / (2 * (_PER_TURN + 1) * once_ns))), _MAX_TURNS)
    batches: list[list[npt.NDArray[Any]]] = []
    runs, started = 0, time.monotonic()
    while runs < plan.min_runs or time.monotonic() - started < plan.min_seconds:
        reply, blobs = loaded.connection.ask(
            "profile", id=loaded.name, turns=turns, per_turn=_PER_TURN, timeout_s=plan.timeout_s
        )
        if "missing" in reply:
            raise EnvironmentFault(f"the profiler failed: {reply['missing']}", hint="run it again")
        batches.append([np.frombuffer(blob, kind) for blob, kind in zip(blobs, _BLOBS, strict=True)])
        runs += reply["runs"]
    ticks, watched, plain = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return times_from_runs(
        ticks.reshape(-1, len(events)),
        watched,
        plain,
        np.array([event.type == _DELEGATE for event in events]),
    )


def times_from_runs(
    ticks: npt.NDArray[Any],
    watched_ns: npt.NDArray[Any],
    plain_ns: npt.NDArray[Any],
    cut: npt.NDArray[np.bool_],
) -> Times:
    """Return the times of many runs.

    An operator's time is the mean over the runs whose sum is in the middle half: a median of whole microseconds could
    not tell 1.2 from 0.8, and means of the same runs add up.

    Args:
        ticks: Whole microseconds of each event, ``(runs, events)``.
        watched_ns: Of each whole run under the profiler.
        plain_ns: Of each run that nobody watched.
        cut: Which events' microseconds are cut, not rounded, ``(events,)``.
    """
    operators = ticks[middle_half(ticks.sum(1))].mean(0) + _CUT_US * cut
    whole, watched = (float(values[middle_half(values)].mean()) / 1e3 for values in (plain_ns, watched_ns))
    return Times(operators, float(operators.sum()), whole, watched, len(ticks))


def middle_half(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return where the middle half of values is, the lowest and the highest quarter left out."""
    quarter = len(values) // 4
    return np.argsort(values, kind="stable")[quarter : len(values) - quarter]


def _counted(profile: Profile, where: Arm64Target, loaded: RemoteModel, events: Sequence[Event]) -> Profile:
    """Count instructions where there are no times.

    Raises:
        EnvironmentFault: The counts are not of the operators that the profiler named.
    """
    counts = where.count(loaded, threads=profile.plan.threads)
    if counts.operators is None:
        raise EnvironmentFault(
            f"no instructions per operator: {counts.reason}", got=profile.engine, hint="--engine xnnpack"
        )
    if len(counts.operators) != len(events):
        raise EnvironmentFault(
            "the counter and the profiler do not name the same operators",
            got=f"{len(counts.operators)} counts, {len(events)} events",
        )
    return replace(profile, instructions=counts.operators, total_instructions=counts.instructions)


_BLOBS: Final = (np.uint32, np.int64, np.int64)
"""Types of what a worker sends: microseconds by operator, nanoseconds watched, nanoseconds not watched."""
