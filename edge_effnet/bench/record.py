"""What `bench` leaves behind: one result per contender, and ratios of those that ran in the same rounds."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.bench.notices import notices_of
from edge_effnet.bench.stats import median_interval, ratio_interval, summary
from edge_effnet.environment import code_facts, now_utc
from edge_effnet.runtimes.targets import ToolTarget
from edge_effnet.runtimes.worker_host import host_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.bench.measure import Measurement
    from edge_effnet.bench.plan import Plan

__all__ = ["EMPTY", "SCHEMA_VERSION", "host_record", "record_of"]

SCHEMA_VERSION: Final = 1

EMPTY: Final[dict[str, Any]] = {
    "model": None,
    "sha256": None,
    "size_bytes": None,
    "engine": None,
    "target": None,
    "threads": None,
    "cpus": [],
    "timing": "measured",
    "status": "ok",
    "reason": None,
    "fix": None,
    "median_ms": None,
    "ci95_ms": None,
    "p90_ms": None,
    "p99_ms": None,
    "iqr_ms": None,
    "min_ms": None,
    "mean_ms": None,
    "throughput_per_s": None,
    "n": None,
    "rounds": None,
    "samples_ms": None,
    "warm_up": None,
    "init_ms": None,
    "first_ms": None,
    "peak_rss_bytes": None,
    "energy_j_per_inference": None,
    "runtime": None,
    "delegate": None,
    "delegated_ops": None,
    "total_ops": None,
    "partitions": None,
    "accelerator": None,
    "instructions": None,
    "instructions_spread": None,
    "device": {},
    "source": None,
    "notices": [],
}
"""Every key of a result; one that does not apply is null."""

_TOLD: Final = ("runtime", "delegated_ops", "total_ops", "partitions", "accelerator")
"""What the runtime says when it loads a file, under the same keys."""


def host_record() -> dict[str, Any]:
    """Return what this machine and this code are: the ``host`` of records."""
    return {**host_facts(), **code_facts(), "time_utc": now_utc()}


def record_of(measurements: Sequence[Measurement], plan: Plan, host: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run; `edge_effnet/schemas/bench.json` describes it."""
    pairs = itertools.combinations(range(len(measurements)), 2)
    ratios = (_ratio(measurements, a, b) for a, b in pairs)
    return {
        "schema_version": SCHEMA_VERSION,
        "host": host,
        "plan": {
            "threads": plan.threads,
            "min_seconds": plan.min_seconds,
            "min_runs": plan.min_runs,
            "cpus": list(plan.cpus),
            "order": "in turns, one burst of each",
            "measured": "one call of invoke; inputs are set once before",
        },
        "results": [_result(measurement, plan) for measurement in measurements],
        "ratios": [ratio for ratio in ratios if ratio is not None],
    }


def _result(measurement: Measurement, plan: Plan) -> dict[str, Any]:
    contender, facts, error = measurement.contender, measurement.facts, measurement.error
    samples = [value for turn in measurement.rounds for value in turn]
    result: dict[str, Any] = {
        **EMPTY,
        "model": str(contender.model),
        "sha256": measurement.sha256,
        "size_bytes": contender.model.stat().st_size,
        "engine": contender.engine.name,
        "target": contender.target.name,
        "threads": plan.threads,
        "cpus": list(plan.cpus),
        "timing": contender.target.timing,
        "status": measurement.status,
        "reason": None if error is None else error.message,
        "fix": None if error is None else error.hint,
        "warm_up": measurement.warm_up,
        "peak_rss_bytes": measurement.peak_rss_bytes,
        "instructions": measurement.instructions,
        "instructions_spread": measurement.instructions_spread,
        "device": measurement.device,
        "delegate": _delegate(measurement),
        **{key: facts[key] for key in _TOLD if key in facts},
        **(_times(measurement, samples) if samples else {}),
        **measurement.extra,
    }
    return {**result, "notices": notices_of(result)}


def _times(measurement: Measurement, samples: list[float]) -> dict[str, Any]:
    figures = summary(samples)
    interval, energy = median_interval(measurement.rounds), measurement.energy_uj
    return {
        **{f"{name}_ms": value for name, value in figures.items()},
        "ci95_ms": None if interval is None else list(interval),
        "throughput_per_s": 1e3 / figures["median"],
        "n": len(samples),
        "rounds": [len(turn) for turn in measurement.rounds],
        "samples_ms": samples,
        "init_ms": measurement.facts["init_ms"],
        "first_ms": measurement.facts["first_ms"],
        "energy_j_per_inference": None if energy is None else energy / 1e6 / len(samples),
    }


def _delegate(measurement: Measurement) -> str | None:
    """Return what took operators from the plain kernels."""
    engine = measurement.contender.engine
    if engine.library is not None:
        return engine.library
    return "XNNPACK" if measurement.facts.get("partitions") else None


def _ratio(measurements: Sequence[Measurement], a: int, b: int) -> dict[str, Any] | None:
    """Return the ratio of two results, or None where they were not timed in the same rounds."""
    first, second = measurements[a].rounds, measurements[b].rounds
    places = [measurements[index].contender.target for index in (a, b)]
    # A tool on a device takes its turns there, beside nobody else's.
    apart = any(isinstance(place, ToolTarget) for place in places) and places[0].name != places[1].name
    if not first or not second or apart:
        return None
    medians = [summary([value for turn in turns for value in turn])["median"] for turns in (first, second)]
    interval = ratio_interval(first, second)
    return {
        "a": a,
        "b": b,
        "ratio": medians[0] / medians[1],
        "ci95": None if interval is None else list(interval),
    }
