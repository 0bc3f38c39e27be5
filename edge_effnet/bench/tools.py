"""Contenders at targets that measure by themselves: asked together, so that they take turns there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from edge_effnet.bench.tool_figures import (
    delegation_fields,
    fields_of_runs,
    figures_record,
    operators_record,
    turn_statistics,
)
from edge_effnet.errors import EnvironmentFault
from edge_effnet.runtimes.tool_run import ToolJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.bench.measure import Measurement
    from edge_effnet.bench.plan import Plan
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.targets import ToolTarget
    from edge_effnet.runtimes.tool_run import ToolMeasurement

__all__ = ["measure_by_tools"]


def measure_by_tools(measurements: Sequence[Measurement], plan: Plan, reporter: Reporter) -> None:
    """Fill in the measurements of every target that is a `ToolTarget`; a target that fails is missing for all of its own.

    Raises:
        UsageError: A target or an engine is not as it takes them.
    """
    for name in dict.fromkeys(each.contender.target.name for each in measurements):
        own = [each for each in measurements if each.contender.target.name == name]
        target = cast("ToolTarget", own[0].contender.target)
        engines = [each.contender.engine for each in own]
        jobs = [
            ToolJob(each.contender.model, engine.name, engine.library, engine.options)
            for each, engine in zip(own, engines, strict=True)
        ]
        with reporter.stage(f"measure at {name}"):
            try:
                found = target.measure(jobs, plan.request())
            except EnvironmentFault as error:
                for each in own:
                    each.status, each.error = "missing", error
                continue
        for each, told in zip(own, found, strict=True):
            _fill(each, told)


def _fill(measurement: Measurement, told: ToolMeasurement) -> None:
    measurement.status, measurement.error = told.status, told.error
    measurement.device = told.device
    statistic, values = turn_statistics(told.runs)
    # The tool's clock counts whole microseconds: what takes less than one cannot be compared.
    measurement.rounds = [[value] for value in values] if all(values) else []
    measurement.facts = {"init_ms": None, "first_ms": None}
    measurement.extra = {
        **_NO_SAMPLES,
        "cpus": list(told.cpus),
        "runtime": _runtime(told.source),
        **fields_of_runs(told.runs),
        **delegation_fields(told.delegation),
        "source": {
            **told.source,
            "statistic": f"{len(told.runs)} invocations in turns; compared by the {statistic} of each",
            "invocations": [figures_record(run.measured) for run in told.runs if run.measured is not None],
            "operators": operators_record(told.profile),
        },
    }


def _runtime(source: dict[str, Any]) -> str | None:
    """Return the tool by its hash: it tells no version."""
    return f"{source['tool']} sha256:{source['tool_sha256'][:12]}" if source.get("tool_sha256") else None


_NO_SAMPLES: dict[str, Any] = dict.fromkeys(
    ("samples_ms", "median_ms", "ci95_ms", "p90_ms", "p99_ms", "iqr_ms", "min_ms", "mean_ms", "delegate"),
)
"""What single samples would give: a value per invocation is no sample of an inference."""
