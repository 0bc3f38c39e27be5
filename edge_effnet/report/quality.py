"""What is in the files and how close they compute: audits, quantisation error, contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_effnet.report.values import number, rows, table, text

if TYPE_CHECKING:
    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["add_audits", "add_contracts", "verifications"]

_CONTRACT_KEYS = (
    "preprocessing",
    "input_rule",
    "normalisation_inside",
    "output_rule",
    "io",
    "tools",
    "mixed",
)


def add_audits(found: Collection, joined: Joined) -> None:
    """Give each model ``audit``: what `inspect` found, or None."""
    for entry in joined.models.values():
        entry["audit"] = None
    for source in found.of("inspect"):
        record = source.record
        entry = joined.models[joined.key(text(record, "path"), record.get("sha256"), source.id)]
        findings = rows(record, "findings")
        macs = table(record, "macs")
        total, int8 = number(macs, "total"), number(macs, "int8")
        entry["audit"] = {
            "full_integer": record["full_integer"],
            "errors": sum(finding["severity"] == "error" for finding in findings),
            "warnings": sum(finding["severity"] == "warning" for finding in findings),
            "findings": findings,
            "ops": table(record, "ops"),
            "macs": total,
            "int8_macs": int8,
            "int8_mac_percent": 100.0 * int8 / total if total and int8 is not None else None,
            "source": source.id,
        }


def add_contracts(found: Collection, joined: Joined) -> None:
    """Give each model ``contract``: what a program that uses it must do, or None."""
    for entry in joined.models.values():
        entry["contract"] = None
    for source in found.of("contract"):
        record = source.record
        path = text(record, "file")
        entry = joined.models[joined.key(path or source.file, record.get("sha256"), source.id)]
        entry["contract"] = {key: record.get(key) for key in _CONTRACT_KEYS} | {"source": source.id}


def verifications(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return what `verify` found: engines against the float network, and where the error arises."""
    return [_verification(source, joined) for source in found.of("verify")]


def _verification(source: Source, joined: Joined) -> dict[str, Any]:
    record, int8 = source.record, table(source.record, "int8")
    key = joined.key(text(int8, "path"), int8.get("sha256"), source.id)
    return {
        "model": key,
        "name": joined.models[key]["name"],
        "against": text(table(record, "float"), "path"),
        "n": number(record, "n"),
        "images": text(table(record, "data"), "id"),
        "engines": table(record, "engines"),
        "missing": table(record, "missing"),
        "sensitivity": rows(record, "sensitivity"),
        "blocks": rows(record, "blocks"),
        "layers_n": number(record, "layers_n"),
        "first_divergence": record.get("first_divergence"),
        "divergence_rule": text(record, "divergence_rule"),
        "operators": rows(record, "operators"),
        "notes": [note for note in record.get("notes", []) if isinstance(note, str)],
        "source": source.id,
    }
