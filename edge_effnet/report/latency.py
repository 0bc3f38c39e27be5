"""How long the models take: rows of the records of `bench`, by how the figure came about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.report.values import base_name, interval, number, picked, rows, table, text

if TYPE_CHECKING:
    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["TIMINGS", "condition_of", "contradiction_of", "latency_rows", "ratio_rows", "samples_of"]

TIMINGS: Final = ("measured", "none", "modelled")
"""``measured``: a clock on the device; ``none``: run and counted, not timed; ``modelled``: computed. Never in one column."""

_NUMBERS: Final = (
    *("median_ms", "p90_ms", "p99_ms", "min_ms", "mean_ms", "iqr_ms", "n", "init_ms", "first_ms"),
    *("peak_rss_bytes", "delegated_ops", "total_ops", "instructions", "throughput_per_s", "threads"),
    "energy_j_per_inference",
)
_SERIES: Final = 60
"""Points of the drawn series of samples: each is the median of its share of them."""

_ROUNDING: Final = 1e-6
"""Share by which a median may differ from that of its samples: a tool may have written fewer digits."""


def latency_rows(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return one row per result, in the order of the records."""
    return [
        _row(result, source, joined) | {"index": index}
        for source in found.of("bench")
        for index, result in enumerate(rows(source.record, "results"))
    ]


def _row(result: dict[str, Any], source: Source, joined: Joined) -> dict[str, Any]:
    key = joined.key(text(result, "model"), result.get("sha256"), source.id)
    device = table(result, "device") or table(source.record, "host")
    row: dict[str, Any] = {
        "model": key,
        "name": joined.models[key]["name"],
        "engine": text(result, "engine"),
        "target": text(result, "target"),
        "timing": text(result, "timing") or "none",
        "status": text(result, "status") or "ok",
        "reason": text(result, "reason") or None,
        "fix": text(result, "fix") or None,
        "told_by": _teller(table(result, "source")),
        "runtime": text(result, "runtime") or None,
        "delegate": text(result, "delegate") or None,
        "cpus": result.get("cpus"),
        "ci95_ms": interval(result, "ci95_ms"),
        "device": device,
        "notices": picked(result, "notices", "code", "severity", "message", "advice"),
        "spread": _spread(samples_of(result)),
        "source": source.id,
    }
    row |= {name: number(result, name) for name in _NUMBERS}
    row["delegated_percent"] = _percent(row["delegated_ops"], row["total_ops"])
    return row


def _teller(source: dict[str, Any]) -> str | None:
    """Return which other tool measured, and what its figure is; None where `bench` measured itself."""
    return ", ".join(part for key in ("tool", "statistic") if (part := text(source, key))) or None


def samples_of(result: dict[str, Any]) -> list[float]:
    """Return the raw samples in order; empty where there are none."""
    samples = result.get("samples_ms")
    return (
        [float(value) for value in samples if isinstance(value, (int, float))]
        if isinstance(samples, list)
        else []
    )


def contradiction_of(record: dict[str, Any]) -> str | None:
    """Return the first result of a record of `bench` whose median is not that of its samples, in words, or None."""
    for index, result in enumerate(rows(record, "results")):
        told, samples = number(result, "median_ms"), samples_of(result)
        if told is None or not samples:
            continue
        found = float(np.median(samples))
        if not math.isclose(told, found, rel_tol=_ROUNDING):
            return (
                f"results[{index}] ({base_name(text(result, 'model'))}): median_ms {told:.7g}, "
                f"and the median of its {len(samples)} samples_ms is {found:.7g}"
            )
    return None


def _spread(samples: list[float]) -> dict[str, Any] | None:
    """Return quantiles and the thinned series of the samples."""
    if not samples:
        return None
    values = np.array(samples)
    names = ("p5", "p25", "p50", "p75", "p95")
    quantiles = np.percentile(values, (5, 25, 50, 75, 95)).tolist()
    pieces = np.array_split(values, min(_SERIES, len(values)))
    return {
        **dict(zip(names, quantiles, strict=True)),
        "series": [float(np.median(piece)) for piece in pieces],
    }


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100.0 * part / whole


def condition_of(row: dict[str, Any]) -> str:
    """Return in words what a row was run on: figures under different conditions are not compared."""
    threads = "" if row["threads"] is None else f", {row['threads']:.0f} thread{'s' * (row['threads'] != 1)}"
    return f"{row['target']}, {row['engine']}{threads}"


def ratio_rows(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return the ratios of results that were measured in turns, with their intervals."""
    out = []
    for source in found.of("bench"):
        results = [_row(result, source, joined) for result in rows(source.record, "results")]
        for ratio in rows(source.record, "ratios"):
            a, b = ratio.get("a"), ratio.get("b")
            if not (
                isinstance(a, int) and isinstance(b, int) and max(a, b) < len(results) and min(a, b) >= 0
            ):
                continue
            out.append(
                {
                    "a": {"name": results[a]["name"], "condition": condition_of(results[a])},
                    "b": {"name": results[b]["name"], "condition": condition_of(results[b])},
                    "ratio": number(ratio, "ratio"),
                    "ci95": interval(ratio, "ci95"),
                    "source": source.id,
                }
            )
    return out
