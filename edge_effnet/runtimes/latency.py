"""How long one call takes on this machine, for several models in turns.

A simple local measurement, for a first impression: nothing keeps other programs away or holds the clock still. Turns
make what slows the machine down slow all models down alike, so that their ratio is worth more than the times.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.errors import UsageError
from edge_effnet.runtimes import Available, engine
from edge_effnet.runtimes.tensors import input_from_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.runtimes import Model
    from edge_effnet.runtimes.base import Tensor

__all__ = ["Latency", "LatencyReport", "measure_latency"]

WARM_UP_RUNS: Final = 10
_MEASURED: Final = "one call: input copied in, inference, output copied out"


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


def measure_latency(
    paths: Sequence[Path], pixels: Tensor, *, runs: int = 200, engine_name: str = "xnnpack"
) -> LatencyReport:
    """Time single calls of several models, one thread each, in turns.

    Args:
        paths: .tflite files.
        pixels: What they are given, ``(resolution, resolution, 3) uint8``.
        runs: Timed calls of each.
        engine_name: What runs them.

    Raises:
        UsageError: No model, or no run.
    """
    if not paths or runs < 1:
        raise UsageError(
            "nothing to time", got=f"{len(paths)} models, {runs} runs", allowed="1 or more of each"
        )
    runtime = engine(engine_name)
    models = [runtime.load(path, threads=1) for path in paths]
    inputs = [input_from_pixels(pixels, model.input) for model in models]
    pairs = list(zip(models, inputs, strict=True))
    for pair in pairs * WARM_UP_RUNS:
        _milliseconds(*pair)
    times = [[_milliseconds(*pair) for pair in pairs] for _ in range(runs)]
    state = runtime.probe()
    conditions = {
        "kind": "measured",
        "what": _MEASURED,
        "statistic": f"median of {runs} calls, models in turns, after {WARM_UP_RUNS} warm-up calls",
        "engine": engine_name,
        "engine_version": state.version if isinstance(state, Available) else None,
        "threads": 1,
        "host": {"machine": platform.machine(), "system": platform.system(), "cpus": os.cpu_count()},
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    columns = zip(*times, strict=True)
    return LatencyReport(
        tuple(Latency(str(path), column) for path, column in zip(paths, columns, strict=True)), conditions
    )


def _milliseconds(model: Model, value: Tensor) -> float:
    start = time.perf_counter_ns()
    model.run(value)
    return (time.perf_counter_ns() - start) / 1e6
