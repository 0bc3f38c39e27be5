"""The verdict: what the gates say, what each model comes to in a few figures, and what speaks against trusting them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["verdict"]

_ROUNDING: Final = 1e-3
"""Points; one image of 50,000 is 2e-3."""

_EVALUATED: Final = (
    ("accuracies", ("images_sha256",), ("n", "top1", "top5")),
    ("drops", ("images_sha256", "against"), ("n", "drop_top1", "agreement")),
)
"""Where the figures of a model are, what must be the same for them to be, and which they are."""


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
    files = {source["id"]: f"{source['id']} ({source['file']})" for source in document["sources"]}
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
    doubts += [doubt for model in document["models"] for doubt in _contradictions(model, files)]
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


def _contradictions(model: dict[str, Any], files: dict[str, str]) -> Iterator[str]:
    """Yield what two evaluations of one model on the same images say otherwise than each other."""
    for all_of, same, figures in _EVALUATED:
        for one, two in combinations(model[all_of], 2):
            if one["images_sha256"] is None or any(one[key] != two[key] for key in same):
                continue
            differing = [key for key in figures if _apart(one[key], two[key])]
            if differing:
                said = ", ".join(f"{key} {one[key]:.6g} and {two[key]:.6g}" for key in differing)
                yield (
                    f"{files[one['source']]} and {files[two['source']]} disagree about {model['name']} "
                    f"on the same images: {said}"
                )


def _apart(one: float | None, two: float | None) -> bool:
    return one is not None and two is not None and abs(one - two) > _ROUNDING


def _is_dirty(record: dict[str, Any]) -> bool:
    host = record.get("host")
    return isinstance(host, dict) and host.get("dirty") is True
