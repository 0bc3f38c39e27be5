"""The short benchmark inside other stages: the median of several models in turns, and the conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.bench.plan import Plan
from edge_effnet.bench.run import bench
from edge_effnet.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Latency", "LatencyReport", "measure_latency"]


@dataclass(frozen=True)
class Latency:
    """One model.

    Attributes:
        path: The file.
        milliseconds: Every call, in order.
    """

    path: str
    milliseconds: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The median."""
        return float(np.median(self.milliseconds))

    @property
    def quartiles_ms(self) -> tuple[float, float]:
        """The first and the third quartile."""
        first, third = np.percentile(self.milliseconds, (25, 75))
        return float(first), float(third)

    def to_record(self) -> dict[str, Any]:
        """Return one entry of ``models``."""
        return {
            "path": self.path,
            "median_ms": self.median_ms,
            "quartiles_ms": list(self.quartiles_ms),
            "runs": len(self.milliseconds),
        }


@dataclass(frozen=True)
class LatencyReport:
    """All models, and under what conditions they were timed.

    Attributes:
        models: In the order given.
        conditions: Engine, threads, host.
    """

    models: tuple[Latency, ...]
    conditions: dict[str, Any]

    @property
    def speed_up(self) -> float:
        """Median of the first over median of the last."""
        return self.models[0].median_ms / self.models[-1].median_ms

    def to_record(self) -> dict[str, Any]:
        """Return the record of a report."""
        return {
            "models": [model.to_record() for model in self.models],
            "speed_up": self.speed_up,
            "conditions": self.conditions,
        }


def measure_latency(paths: Sequence[Path], *, runs: int = 200, engine_name: str = "xnnpack") -> LatencyReport:
    """Time several models, one thread each, in turns, by `edge_effnet.bench.run.bench`.

    Args:
        paths: .tflite files.
        runs: Timed inferences of each, at least.
        engine_name: What runs them.

    Raises:
        UsageError: No model, or no run.
        EdgeEffnetError: One of them cannot be measured.
    """
    if not paths or runs < 1:
        raise UsageError(
            "nothing to time", got=f"{len(paths)} models, {runs} runs", allowed="1 or more of each"
        )
    record = bench(paths, engines=[engine_name], plan=Plan(min_seconds=0.0, min_runs=runs))
    results, host = record["results"], record["host"]
    for result in results:
        if result["samples_ms"] is None:
            raise EnvironmentFault(
                f"{result['model']} cannot be timed: {result['reason']}", hint=result["fix"]
            )
    conditions = {
        "kind": "measured",
        "what": record["plan"]["measured"],
        "statistic": f"median of at least {runs} calls, models in turns, each in a process of its own, after warm-up",
        "engine": engine_name,
        "engine_version": results[0]["runtime"],
        "threads": 1,
        "host": {"machine": host["machine"], "system": host["system"], "cpus": host["cores"]},
        "load_average": host["load_average"],
    }
    models = (
        Latency(str(path), tuple(result["samples_ms"])) for path, result in zip(paths, results, strict=True)
    )
    return LatencyReport(tuple(models), conditions)
