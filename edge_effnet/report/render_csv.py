"""report.csv: one row per model and condition, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from edge_effnet.report.values import number, table, text

__all__ = ["COLUMNS", "render_csv"]

COLUMNS: Final = (
    *(
        "model",
        "sha256",
        "precision",
        "size_mb",
        "top1",
        "top1_low",
        "top1_high",
        "top5",
        "top1_drop",
        "drop_low",
    ),
    *(
        "drop_high",
        "n_images",
        "agreement",
        "timing",
        "target",
        "engine",
        "threads",
        "cpus",
        "p50_ms",
        "p50_low",
    ),
    *("p50_high", "p90_ms", "p99_ms", "n_samples", "throughput_per_s", "modelled_ms", "instructions"),
    *(
        "init_ms",
        "first_ms",
        "peak_rss_mb",
        "delegate",
        "delegated_percent",
        "int8_mac_percent",
        "full_integer",
    ),
    *("device", "system", "temperature_c", "runtime", "time_utc", "status", "sources"),
)
"""``p50_ms`` and its like are measured; modelled times and counted instructions have columns of their own."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the start of a text."""


def render_csv(document: dict[str, Any]) -> str:
    """Return the table; a model without latency has one row all the same."""
    models = {model["key"]: model for model in document["models"]}
    times = {
        source["id"]: text(table(source["record"], "host"), "time_utc") for source in document["sources"]
    }
    timed = [(models[row["model"]], row) for row in document["latency"]]
    untimed = [
        (model, None) for key, model in models.items() if key not in {row["model"] for _, row in timed}
    ]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for model, row in [*timed, *untimed]:
        cells = _model_cells(model) | ({} if row is None else _latency_cells(row, times))
        sources = [
            *model["sources"],
            *([row["source"]] if row and row["source"] not in model["sources"] else []),
        ]
        cells["sources"] = " ".join(sources)
        writer.writerow({key: _safe(value) for key, value in cells.items() if value is not None})
    return stream.getvalue()


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _model_cells(model: dict[str, Any]) -> dict[str, Any]:
    accuracy, drop, audit = model["accuracy"] or {}, model["drop"] or {}, model["audit"] or {}
    size = model["size_bytes"]
    return {
        "model": model["name"],
        "sha256": model["sha256"],
        "precision": model["precision"],
        "size_mb": None if size is None else size / 1e6,
        "top1": accuracy.get("top1"),
        **_bounds("top1", accuracy.get("top1_ci95")),
        "top5": accuracy.get("top5"),
        "top1_drop": drop.get("drop_top1"),
        **_bounds("drop", drop.get("ci95")),
        "n_images": accuracy.get("n"),
        "agreement": drop.get("agreement"),
        "int8_mac_percent": audit.get("int8_mac_percent"),
        "full_integer": audit.get("full_integer"),
    }


def _latency_cells(row: dict[str, Any], times: dict[str, str]) -> dict[str, Any]:
    device, rss, measured = row["device"], row["peak_rss_bytes"], row["timing"] == "measured"
    return {
        **{
            key: row[key]
            for key in ("timing", "target", "engine", "threads", "delegate", "delegated_percent")
        },
        **{key: row[key] for key in ("runtime", "status", "instructions")},
        **({"modelled_ms": row["median_ms"]} if row["timing"] == "modelled" else {}),
        **(_measured_cells(row) if measured else {}),
        "cpus": " ".join(map(str, row["cpus"])) if isinstance(row["cpus"], list) else row["cpus"],
        "peak_rss_mb": None if rss is None else rss / 1e6,
        "device": text(device, "cpu") or text(device, "machine") or None,
        "system": text(device, "system") or None,
        "temperature_c": number(device, "temperature_c"),
        "time_utc": times.get(row["source"]) or None,
    }


def _measured_cells(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "p50_ms": row["median_ms"],
        **_bounds("p50", row["ci95_ms"]),
        "n_samples": row["n"],
        **{key: row[key] for key in ("p90_ms", "p99_ms", "throughput_per_s", "init_ms", "first_ms")},
    }


def _bounds(name: str, ci95: list[float] | None) -> dict[str, float]:
    return {} if ci95 is None else {f"{name}_low": ci95[0], f"{name}_high": ci95[1]}
