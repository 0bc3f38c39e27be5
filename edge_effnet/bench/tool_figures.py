"""Fields of a result from a tool that measures by itself and prints statistics: what it does not say stays null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.runtimes.tool_run import Delegation, Figures, ToolRun

__all__ = ["delegation_fields", "fields_of_runs", "figures_record", "operators_record", "turn_statistics"]

_MIB: Final = 1 << 20


def fields_of_runs(runs: Sequence[ToolRun]) -> dict[str, Any]:
    """Return the figures of a result from every invocation of the tool for it, each a process of its own.

    The inferences of all count together for ``n``, ``min_ms`` and ``mean_ms``; ``median_ms`` is the median of the
    invocations' medians, and null where the tool prints none. The largest resident size is the largest of all.
    """
    measured = [run.measured for run in runs if run.measured is not None]
    if not measured:
        return {}
    count = sum(figures.count for figures in measured)
    least = [figures.least for figures in measured if figures.least is not None]
    mean = sum(figures.mean * figures.count for figures in measured) / count
    median = _middle([figures.median for figures in measured])
    peaks = [run.memory_mb["peak"] for run in runs if "peak" in run.memory_mb]
    typical = mean if median is None else median
    return {
        "n": count,
        "rounds": [figures.count for figures in measured],
        "median_ms": median,
        "mean_ms": mean,
        "min_ms": min(least, default=None),
        "throughput_per_s": 1e3 / typical if typical > 0 else None,
        "init_ms": _middle([run.init_ms for run in runs]),
        "first_ms": _middle([run.first_ms for run in runs]),
        "peak_rss_bytes": round(max(peaks) * _MIB) if peaks else None,
    }


def turn_statistics(runs: Sequence[ToolRun]) -> tuple[str, list[float]]:
    """Return (name, value of each invocation in milliseconds) of what two results are compared by: medians, else means."""
    measured = [run.measured for run in runs if run.measured is not None]
    medians = [figures.median for figures in measured if figures.median is not None]
    if len(medians) == len(measured):
        return "median", medians
    return "mean", [figures.mean for figures in measured]


def delegation_fields(found: Delegation | None) -> dict[str, Any]:
    """Return what a delegate took, null where the tool only says that it took some."""
    if found is None:
        return {}
    taken = 0 if found.extent == "none" else found.delegated
    return {
        "delegate": found.name,
        "delegated_ops": taken,
        "total_ops": found.total,
        "partitions": found.partitions,
    }


def figures_record(figures: Figures) -> dict[str, float | int | None]:
    """Return everything that the tool printed of one measurement, in milliseconds."""
    return {
        "n": figures.count,
        "mean_ms": figures.mean,
        "median_ms": figures.median,
        "p5_ms": figures.p5,
        "p95_ms": figures.p95,
        "min_ms": figures.least,
        "max_ms": figures.most,
        "std_ms": figures.deviation,
    }


def operators_record(run: ToolRun | None) -> list[dict[str, Any]] | None:
    """Return the tool's profile, ``{index, name, kind, us}`` in run order; None where there is none."""
    if run is None or not run.operators:
        return None
    return [
        {"index": row.index, "name": row.name, "kind": row.kind, "us": row.mean_ms * 1e3}
        for row in run.operators
    ]


def _middle(values: Sequence[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.median(told)) if told and len(told) == len(values) else None
