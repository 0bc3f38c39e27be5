"""The report as one document: what report.json holds, and what the page, the table and the card are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.environment import code_facts, now_utc
from edge_effnet.report.accuracy import add_accuracy, evaluations
from edge_effnet.report.gates import judge
from edge_effnet.report.latency import latency_rows, ratio_rows
from edge_effnet.report.making import ladders, trainings
from edge_effnet.report.profiles import profiles
from edge_effnet.report.quality import add_audits, add_contracts, verifications
from edge_effnet.report.subjects import join
from edge_effnet.report.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.report.collect import Collection
    from edge_effnet.report.gates import Gate

__all__ = ["SCHEMA_VERSION", "report_document"]

SCHEMA_VERSION: Final = 1


def report_document(
    found: Collection, gates: Sequence[Gate] = (), *, title: str | None = None
) -> dict[str, Any]:
    """Return the report on a collection of records.

    Args:
        found: The records.
        gates: What must not be.
        title: Its heading; the names of the models by default.

    Returns:
        The content of report.json; `edge_effnet/schemas/report.json` describes it.
    """
    joined = join(found)
    add_accuracy(found, joined)
    add_audits(found, joined)
    add_contracts(found, joined)
    models = sorted(joined.models.values(), key=lambda model: model["role"] == "reference")
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "title": title or _title(models),
        "made": {"time_utc": now_utc(), **code_facts()},
        "models": models,
        "latency": latency_rows(found, joined),
        "ratios": ratio_rows(found, joined),
        "profiles": sorted(
            profiles(found, joined), key=lambda found: joined.models[found["model"]]["role"] == "reference"
        ),
        "verifications": verifications(found, joined),
        "evaluations": evaluations(found, joined),
        "ladders": ladders(found),
        "trainings": trainings(found),
        "skipped": list(found.skipped),
        "sources": [source.to_record() for source in found.sources],
    }
    document["notes"] = [*dict.fromkeys(joined.notes), *_notes(document)]
    document["gates"] = judge(document, gates)
    document["verdict"] = verdict(document)
    return document


def _title(models: list[dict[str, Any]]) -> str:
    names = [model["name"] for model in models if model["role"] == "candidate"] or ["no model"]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more models"


def _notes(document: dict[str, Any]) -> list[str]:
    """Return what a reader must know before comparing figures."""
    notes = []
    sets = {model["accuracy"]["images_sha256"] for model in document["models"] if model["accuracy"]}
    if len(sets) > 1:
        notes.append(
            "the models were not all evaluated on the same images: compare their accuracies only through the intervals"
        )
    measured = [
        row for row in document["latency"] if row["timing"] == "measured" and row["median_ms"] is not None
    ]
    if len({row["source"] for row in measured}) > 1:
        notes.append(
            "latencies come from more than one run of bench: only models of the same run were timed in turns"
        )
    return notes
