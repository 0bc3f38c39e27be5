"""What is in the files and how close they compute: audits, quantisation error, contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.values import number, picked, rows, strings, table, text

if TYPE_CHECKING:
    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["add_audits", "add_contracts", "verifications"]

_ENGINE = ("n", "sqnr_db", "cosine", "max_lsb", "top1_agreement", "within_1_lsb", "lsb_against", "lsb_n")
_CONTRACT_KEYS = (
    "preprocessing",
    "input_rule",
    "normalisation_inside",
    "output_rule",
    "io",
    "tools",
    "mixed",
)
_DECIDED_BY_THE_FILE: Final = {
    "errors": "the integer audit's errors",
    "warnings": "the integer audit's warnings",
    "full_integer": "full_integer",
    "macs": "the multiply-accumulates",
    "int8_macs": "the int8 multiply-accumulates",
}


def add_audits(found: Collection, joined: Joined) -> None:
    """Give each model ``audit``: what `inspect` found, or None.

    Raises:
        DataError: Two audits of one file disagree.
    """
    for entry in joined.models.values():
        entry["audit"] = None
    for source in found.of("inspect"):
        record = source.record
        key = joined.key(text(record, "path"), record.get("sha256"), source.id)
        audit = _audit(record)
        for what, words in _DECIDED_BY_THE_FILE.items():
            joined.state(key, words, audit[what], source)
        joined.state(key, "the number of operators", _total(audit["ops"]), source)
        if joined.models[key]["audit"] is None:
            joined.models[key]["audit"] = audit | {"source": source.id}


def _audit(record: dict[str, Any]) -> dict[str, Any]:
    findings = picked(record, "findings", "severity", "op_index", "op", "tensor", "reason", "fix")
    macs = table(record, "macs")
    total, int8 = number(macs, "total"), number(macs, "int8")
    return {
        "full_integer": record["full_integer"] is True,
        "errors": sum(finding["severity"] == "error" for finding in findings),
        "warnings": sum(finding["severity"] == "warning" for finding in findings),
        "findings": findings,
        "ops": table(record, "ops"),
        "macs": total,
        "int8_macs": int8,
        "int8_mac_percent": 100.0 * int8 / total if total and int8 is not None else None,
    }


def _total(ops: dict[str, Any]) -> float | None:
    counts = [number(ops, name) for name in ops]
    return sum(count for count in counts if count is not None) if counts else None


def add_contracts(found: Collection, joined: Joined) -> None:
    """Give each model ``contract``: what a program that uses it must do, or None."""
    for entry in joined.models.values():
        entry["contract"] = None
    for source in found.of("contract"):
        record = source.record
        path = text(record, "file")
        entry = joined.models[joined.key(path or source.file, record.get("sha256"), source.id)]
        contract = {key: record.get(key) for key in _CONTRACT_KEYS}
        shown = entry["contract"]
        if shown is None:
            entry["contract"] = contract | {"source": source.id}
        elif differing := [key for key in _CONTRACT_KEYS if shown[key] != contract[key]]:
            joined.notes.append(
                f"{shown['source']} and {source.id} are different contracts of {entry['name']} "
                f"({', '.join(differing)}): the first is shown"
            )


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
        "engines": _columns(record, "engines", *_ENGINE),
        "missing": _columns(record, "missing", "reason", "fix"),
        "sensitivity": picked(record, "sensitivity", "name", "sqnr_db", "top1_agreement", "n", "rank"),
        "blocks": picked(record, "blocks", "name", "sqnr_db", "own_sqnr_db", "worst_layer"),
        "layers_n": number(record, "layers_n"),
        "first_divergence": _divergence(record),
        "divergence_rule": text(record, "divergence_rule"),
        "operators": rows(record, "operators"),
        "notes": strings(record, "notes"),
        "source": source.id,
    }


def _columns(record: dict[str, Any], key: str, *columns: str) -> dict[str, dict[str, Any]]:
    """Return an object of objects, each with exactly these columns; what is absent is None."""
    found = table(record, key)
    return {name: {column: table(found, name).get(column) for column in columns} for name in found}


def _divergence(record: dict[str, Any]) -> dict[str, Any] | None:
    found = table(record, "first_divergence")
    return {"name": text(found, "name"), "sqnr_db": number(found, "sqnr_db")} if found else None
