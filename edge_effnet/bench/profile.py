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
from edge_effnet.bench.profile_alone import attempt_alone, must_run_alone
from edge_effnet.bench.profile_join import Event
from edge_effnet.bench.profile_record import record_of
from edge_effnet.bench.profile_times import ATTEMPTS, times_from_runs
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
    from edge_effnet.bench.profile_times import Times
    from edge_effnet.inspect import Model
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.arm64 import Arm64Target
    from edge_effnet.runtimes.connection import RemoteModel
    from edge_effnet.runtimes.targets import WorkerTarget

__all__ = ["Profile", "profile_file"]

EXTENSION: Final = WORKER.with_name("worker_profile.py")

_PER_TURN: Final = 4
_BATCH_S: Final = 0.5
_MAX_TURNS: Final = 25
_INTERPRETER, _DELEGATE = 2, 8


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
        means: ``profiler``, ``alone`` or ``counter``: how each operator was measured.
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
    means: str
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
        engine: ``xnnpack`` or ``builtin``, which have a profiler, or ``reference`` or ``tflite-runtime``, whose operators
            are timed alone.
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
            alone = must_run_alone(engine, plan.threads) and where.timing == "measured"
            connection.extend(EXTENSION)
            events, tested = (_events_of(model), True) if alone else _open(loaded, engine, plan)
        means = "alone" if alone else "profiler" if where.timing == "measured" else "counter"
        profile = Profile(
            path, sha256_of_file(path), engine, place, where.timing, plan, device, loaded.facts["runtime"], means,
            tested, rows_from_events(model, events), model,
        )  # fmt: skip
        if where.timing == "measured":
            profile = _timed(profile, loaded, events, reporter)
        else:
            profile = _counted(profile, cast("Arm64Target", where), loaded, events)
    return record_of(profile)


def _events_of(model: Model) -> tuple[Event, ...]:
    """Return an event for each operator of a file, as the interpreter would name them."""
    return tuple(Event(_INTERPRETER, operator.index, operator.name) for operator in model.main.operators)


def _open(loaded: RemoteModel, engine: str, plan: Plan) -> tuple[tuple[Event, ...], bool]:
    """Put a loaded model under the profiler; return its events and whether this version was tested.

    Raises:
        EnvironmentFault: There is no profiler, or it broke the worker.
    """
    runtime, where = loaded.facts["runtime"], loaded.connection.where
    try:
        reply, _ = loaded.connection.ask(
            "profile_open", id=loaded.name, engine=engine, threads=plan.threads, timeout_s=plan.timeout_s
        )
    except EnvironmentFault as error:
        raise EnvironmentFault(
            f"the profiler of {runtime} at {where} failed: {error.message}",
            got=error.got,
            hint=f"it was tested with ai-edge-litert {', '.join(TESTED)}",
        ) from error
    if "missing" in reply:
        raise EnvironmentFault(
            f"no profile at {where}: {reply['missing']}",
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
            if profile.means == "alone":
                attempts.append(
                    attempt_alone(loaded, profile.path, profile.model, profile.engine, profile.plan)
                )
            else:
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
