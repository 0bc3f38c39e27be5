"""The end of a climb: time all models in turns, choose one, write it, and say what was found."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import write_json
from edge_effnet.bench.latency import measure_latency
from edge_effnet.tune.judge import ENGINE
from edge_effnet.tune.record import CHOSEN_ON_THESE, Climb, choose

if TYPE_CHECKING:
    from edge_effnet.convert.outputs import Outputs
    from edge_effnet.progress import Reporter
    from edge_effnet.tune.folder import RunFolder
    from edge_effnet.tune.ladder import Climbed
    from edge_effnet.tune.record import RungResult
    from edge_effnet.tune.request import TuneRequest
    from edge_effnet.tune.workshop import Workshop

__all__ = ["write_outcome"]

_RECORD: Final = "tune.json"


def write_outcome(
    climbed: Climbed,
    request: TuneRequest,
    workshop: Workshop,
    folder: RunFolder,
    outputs: Outputs,
    reporter: Reporter,
) -> Climb:
    """Write the chosen rung's model and its contract, and the record into the run folder.

    Args:
        climbed: What came of the rungs.
        request: What was asked for.
        workshop: Knows the network and the calibration pictures.
        folder: Holds the models.
        outputs: Where the result goes.
        reporter: Told about the timing.
    """
    built = workshop.prepared.built
    with reporter.stage("time"):
        rungs, latency = _timed(climbed.rungs, folder, request.latency_runs)
    chosen, met = choose(rungs, request.max_drop)
    _copy(folder, chosen, outputs, reporter)
    found = Climb(
        path=request.output,
        sha256=chosen.sha256,
        max_drop=request.max_drop,
        rungs=rungs,
        skipped=climbed.skipped,
        chosen=chosen.name,
        met=met,
        n=climbed.n,
        float_top1=climbed.float_top1,
        calibration=workshop.feed.to_record(),
        model={"id": built.id, "resolution_px": built.resolution_px, "weights": asdict(built.weights)},
        latency=latency,
        folder=folder.path,
        notes=(*_notes(chosen, workshop), *_busy(latency)),
        seconds=dict(reporter.seconds),
    )
    write_json(folder.path / _RECORD, found.to_record(), force=True)
    return found


def _timed(
    rungs: tuple[RungResult, ...], folder: RunFolder, runs: int
) -> tuple[tuple[RungResult, ...], dict[str, Any]]:
    """Time all models in one run, in turns; what is left in float says what that costs."""
    paths = [folder.model(rung.name) for rung in rungs]
    report = measure_latency(paths, runs=runs, engine_name=ENGINE)
    medians = {rung.name: found.median_ms for rung, found in zip(rungs, report.models, strict=True)}
    timed = (replace(rung, median_ms=medians[rung.name]) for rung in rungs)
    return tuple(_with_cost(rung, medians) for rung in timed), {**report.conditions, "n": runs}


def _with_cost(rung: RungResult, medians: dict[str, float]) -> RungResult:
    if rung.full_integer or "ptq" not in medians:
        return rung
    return replace(rung, details={**rung.details, "cost_ms": rung.median_ms - medians["ptq"]})


def _copy(folder: RunFolder, chosen: RungResult, outputs: Outputs, reporter: Reporter) -> None:
    """Write the chosen model under its final name; its contract says that name."""
    model = folder.model(chosen.name)
    contract = json.loads(model.with_suffix(".contract.json").read_text(encoding="utf-8"))
    outputs.write(model.read_bytes(), {**contract, "file": outputs.model.name}, reporter)


def _busy(latency: dict[str, Any]) -> tuple[str, ...]:
    """Return a warning where other programs had the processors while the models were timed."""
    load, cpus = latency["load_average"], latency["host"]["cpus"]
    if load is None or cpus is None or load <= cpus:
        return ()
    return (
        f"the machine was busy (load {load:.1f} on {cpus} processors): median_ms is too long, ratios may hold",
    )


def _notes(chosen: RungResult, workshop: Workshop) -> tuple[str, ...]:
    notes = [*workshop.prepared.built.notes, CHOSEN_ON_THESE]
    if not chosen.full_integer:
        mixed, cost = chosen.details["mixed"], chosen.details.get("cost_ms")
        price = "" if cost is None else f", {cost:+.2f} ms against ptq"
        blocks = ", ".join(mixed["blocks"])
        notes.append(f"NOT full integer: {blocks} stay in {mixed['precision']}{price}")
    return tuple(notes)
