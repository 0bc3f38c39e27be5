"""How a model came about: the ladder of `tune`, the training of `qat` and `train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.values import base_name, interval, number, picked, rows, table, text

if TYPE_CHECKING:
    from edge_effnet.report.collect import Collection, Source

__all__ = ["ladders", "trainings"]

_FIGURES: Final = (
    *("val_top1", "best_epoch", "n", "epochs", "steps", "seconds", "training_seconds", "stopped", "recipe"),
    "precision",
)
"""What is taken from the top level of a record of `train` or `qat`, where it is there."""


def ladders(found: Collection) -> list[dict[str, Any]]:
    """Return the rungs that each `tune` tried, and why it took the one it took."""
    return [
        {
            "name": base_name(text(source.record, "path")),
            "rungs": [_rung(rung) for rung in rows(source.record, "rungs")],
            "skipped": picked(source.record, "skipped", "name", "reason"),
            "chosen": text(source.record, "chosen"),
            "met": source.record.get("met") is True,
            "why": text(source.record, "why"),
            "max_drop": number(source.record, "max_drop"),
            "n": number(source.record, "n"),
            "source": source.id,
        }
        for source in found.of("tune")
    ]


def _rung(rung: dict[str, Any]) -> dict[str, Any]:
    keys = ("drop_top1", "agreement", "sqnr_db", "size_bytes", "median_ms", "seconds")
    return {"name": text(rung, "name"), "ci95": interval(rung, "ci95")} | {
        key: number(rung, key) for key in keys
    }


def trainings(found: Collection) -> list[dict[str, Any]]:
    """Return the figures of each training."""
    return [_training(source) for source in found.of("train", "qat")]


def _training(source: Source) -> dict[str, Any]:
    record = source.record
    figures = {key: record[key] for key in _FIGURES if isinstance(record.get(key), (str, int, float))}
    start = table(record, "start") or table(record, "weights")
    if text(start, "source"):
        figures["begins from"] = text(start, "source")
    return {
        "kind": source.kind,
        "name": base_name(text(record, "path") or text(record, "weights")),
        "figures": figures,
        "source": source.id,
    }
