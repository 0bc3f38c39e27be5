"""The verdict: what the gates say, what each model comes to in a few figures, and what speaks against trusting them."""

from __future__ import annotations

from typing import Any

__all__ = ["verdict"]


def verdict(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``status`` (passed, failed or ungated), a ``sentence``, and the ``doubts`` of a whole report.

    Args:
        document: With ``gates``, ``models`` and ``latency``.
    """
    gates = document["gates"]
    failed = sum(not gate["passed"] for gate in gates)
    if not gates:
        status, sentence = "ungated", "No gate was set: nothing here is judged"
    elif failed:
        status, sentence = "failed", f"{failed} of {_count(len(gates), 'gate')} failed"
    else:
        status, sentence = "passed", f"{'All ' if len(gates) > 1 else ''}{_count(len(gates), 'gate')} passed"
    return {"status": status, "sentence": sentence, "doubts": _doubts(document)}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _doubts(document: dict[str, Any]) -> list[str]:
    doubts = [
        f"{gate['name']} of {line['model']} passes, but its interval reaches beyond the limit"
        for gate in document["gates"]
        for line in gate["lines"]
        if line["passed"] and line["certain"] is False
    ]
    for model in document["models"]:
        audit = model["audit"]
        if audit and audit["errors"] and model["role"] == "candidate":
            doubts.append(f"{model['name']} is not full integer: {_count(audit['errors'], 'finding')}")
        if model["random_weights"]:
            doubts.append(f"{model['name']} has random weights: its accuracy is not printed")
        calibration = model["calibration"]
        if calibration and str(calibration["id"]).startswith("synthetic"):
            doubts.append(f"{model['name']} is calibrated on synthetic images ({calibration['id']})")
    for row in document["latency"]:
        warnings = [notice for notice in row["notices"] if notice.get("severity") == "warning"]
        if warnings:
            said = "; ".join(str(notice.get("message", notice.get("code"))) for notice in warnings)
            doubts.append(f"latency of {row['name']} ({row['target']}, {row['engine']}): {said}")
        if row["status"] in ("missing", "failed"):
            doubts.append(f"{row['name']} was not timed on {row['target']}, {row['engine']}: {row['reason']}")
    dirty = sorted({source["file"] for source in document["sources"] if _is_dirty(source["record"])})
    if dirty:
        doubts.append(f"made with code that was not committed: {', '.join(dirty)}")
    return [*dict.fromkeys(doubts)]


def _is_dirty(record: dict[str, Any]) -> bool:
    host = record.get("host")
    return isinstance(host, dict) and host.get("dirty") is True
