"""Where the time goes: operators of the records of `profile`, gathered by kind and by block, against the machine's roof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_effnet.report.values import number, rows, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["profiles"]


def profiles(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return one entry per profile."""
    return [_profile(source, joined) for source in found.of("profile")]


def _profile(source: Source, joined: Joined) -> dict[str, Any]:
    record = source.record
    key = joined.key(text(record, "model"), record.get("sha256"), source.id)
    operators = rows(record, "operators")
    timed = [operator for operator in operators if number(operator, "us") is not None]
    total = sum(operator["us"] for operator in timed)
    whole, peak = number(record, "whole_us"), table(record, "peak")
    kinds = _gather(timed, "kind", total)
    return {
        "model": key,
        "name": joined.models[key]["name"],
        "engine": text(record, "engine"),
        "target": text(record, "target"),
        "threads": number(record, "threads"),
        "device": table(record, "host"),
        "total_us": total,
        "whole_us": whole,
        "covered_percent": 100.0 * total / whole if whole else None,
        "instructions": number(record, "instructions"),
        "peak": {key: number(peak, key) for key in ("int8_gmacs_per_s", "gbytes_per_s")},
        "kinds": [_with_rates(kind, peak) for kind in sorted(kinds, key=lambda kind: -kind["us"])],
        "blocks": _blocks(timed, total),
        "slowest": sorted(timed, key=lambda operator: -operator["us"])[:15],
        "notes": [note for note in record.get("notes", []) if isinstance(note, str)],
        "source": source.id,
    }


def _gather(operators: Iterable[dict[str, Any]], key: str, total: float) -> list[dict[str, Any]]:
    """Sum operators by kind or block, in the order in which they first run."""
    sums: dict[str, dict[str, Any]] = {}
    for operator in operators:
        name = text(operator, key) or "other"
        row = sums.setdefault(name, {"name": name, "operators": 0, "us": 0.0, "macs": 0, "bytes": 0})
        row["operators"] += 1
        for figure in ("us", "macs", "bytes"):
            row[figure] += number(operator, figure) or 0
    return [row | {"percent": 100.0 * row["us"] / total if total else 0.0} for row in sums.values()]


def _blocks(operators: list[dict[str, Any]], total: float) -> list[dict[str, Any]]:
    """Return the blocks in order, each with its time by kind."""
    blocks = _gather(operators, "block", total)
    for block in blocks:
        inside = [operator for operator in operators if (text(operator, "block") or "other") == block["name"]]
        block["kinds"] = [{"name": kind["name"], "us": kind["us"]} for kind in _gather(inside, "kind", total)]
    return blocks


def _with_rates(kind: dict[str, Any], peak: dict[str, Any]) -> dict[str, Any]:
    """Add speed, arithmetic intensity, and the share of what the roof allows at that intensity."""
    rate = kind["macs"] / kind["us"] / 1e3 if kind["us"] and kind["macs"] else None
    intensity = kind["macs"] / kind["bytes"] if kind["bytes"] and kind["macs"] else None
    compute, memory = number(peak, "int8_gmacs_per_s"), number(peak, "gbytes_per_s")
    roof = None
    if intensity is not None and compute and memory:
        roof = min(compute, memory * intensity)
    return kind | {
        "gmacs_per_s": rate,
        "gbytes_per_s": kind["bytes"] / kind["us"] / 1e3 if kind["us"] and kind["bytes"] else None,
        "macs_per_byte": intensity,
        "roof_gmacs_per_s": roof,
        "roof_percent": 100.0 * rate / roof if rate and roof else None,
    }
