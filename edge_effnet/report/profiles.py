"""Where the time goes: operators of the records of `profile`, gathered by kind and by block, against the machine's roof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.values import number, picked, rows, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["profiles"]

_COLUMNS: Final = ("name", "kind", "block", "macs", "bytes", "int8")
_SLOWEST: Final = 15
_PEAKS: Final = {True: "int8_gmacs_per_s", False: "float32_gmacs_per_s"}
"""Whether a kind computes in int8 -> which measured peak is its roof."""


def profiles(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return one entry per profile; its ``cost`` is in microseconds, or in instructions where nothing was timed."""
    return [_profile(source, joined) for source in found.of("profile")]


def _profile(source: Source, joined: Joined) -> dict[str, Any]:
    record = source.record
    key = joined.key(text(record, "model"), record.get("sha256"), source.id)
    operators = rows(record, "operators")
    unit = "us" if any(number(operator, "us") is not None for operator in operators) else "instructions"
    costly: list[dict[str, Any]] = [
        {key: operator.get(key) for key in _COLUMNS} | {"cost": cost}
        for operator in operators
        if (cost := number(operator, unit)) is not None
    ]
    total = sum(operator["cost"] for operator in costly)
    whole = number(record, "whole_us" if unit == "us" else "instructions")
    is_int8 = _computes_in_int8(costly)
    peak = table(record, "peak")
    roof = {
        "gmacs_per_s": number(peak, _PEAKS[is_int8]),
        "gbytes_per_s": number(peak, "gbytes_per_s"),
        "cached_gbytes_per_s": number(peak, "cached_gbytes_per_s"),
    }
    kinds = sorted(_gather(costly, "kind", total), key=lambda kind: -kind["cost"])
    return {
        "model": key,
        "name": joined.models[key]["name"],
        "engine": text(record, "engine"),
        "target": text(record, "target"),
        "threads": number(record, "threads"),
        "device": table(record, "device") or table(record, "host"),
        "unit": unit,
        "total": total,
        "whole": whole,
        "covered_percent": 100.0 * total / whole if whole else None,
        "runs": number(record, "runs"),
        "int8": is_int8,
        "peak": roof,
        "kinds": [_with_rates(kind, roof, unit) for kind in kinds],
        "blocks": _blocks(costly, total),
        "slowest": sorted(costly, key=lambda operator: -operator["cost"])[:_SLOWEST],
        "notices": picked(record, "notices", "severity", "message"),
        "means": text(record, "means"),
        "method": text(record, "method"),
        "source": source.id,
    }


def _computes_in_int8(operators: list[dict[str, Any]]) -> bool:
    """Return whether most multiply-adds are in int8; a record that does not say is taken for int8."""
    macs = dict.fromkeys((True, False), 0.0)
    for operator in operators:
        macs[operator.get("int8") is not False] += number(operator, "macs") or 0
    return macs[True] >= macs[False]


def _gather(operators: Iterable[dict[str, Any]], key: str, total: float) -> list[dict[str, Any]]:
    """Sum operators by kind or block, in the order in which they first run."""
    sums: dict[str, dict[str, Any]] = {}
    for operator in operators:
        name = text(operator, key) or "other"
        row = sums.setdefault(name, {"name": name, "operators": 0, "cost": 0.0, "macs": 0, "bytes": 0})
        row["operators"] += 1
        for figure in ("cost", "macs", "bytes"):
            row[figure] += number(operator, figure) or 0
    return [row | {"percent": 100.0 * row["cost"] / total if total else 0.0} for row in sums.values()]


def _blocks(operators: list[dict[str, Any]], total: float) -> list[dict[str, Any]]:
    """Return the blocks in order, each with its cost by kind."""
    inside: dict[str, list[dict[str, Any]]] = {}
    for operator in operators:
        inside.setdefault(text(operator, "block") or "other", []).append(operator)
    return [
        block
        | {
            "kinds": [
                {"name": kind["name"], "cost": kind["cost"]}
                for kind in _gather(inside[block["name"]], "kind", total)
            ]
        }
        for block in _gather(operators, "block", total)
    ]


def _with_rates(kind: dict[str, Any], peak: dict[str, Any], unit: str) -> dict[str, Any]:
    """Add speed, arithmetic intensity, and the share of what the roof allows at that intensity.

    A kind without multiply-adds can only be held against the memory bandwidth; above 100 % its data came from a cache.
    """
    us = kind["cost"] if unit == "us" else 0.0
    macs_rate = kind["macs"] / us / 1e3 if us and kind["macs"] else None
    bytes_rate = kind["bytes"] / us / 1e3 if us and kind["bytes"] else None
    intensity = kind["macs"] / kind["bytes"] if kind["bytes"] and kind["macs"] else None
    compute, memory = peak["gmacs_per_s"], peak["gbytes_per_s"]
    share, roof = None, None
    if macs_rate and intensity and compute and memory:
        roof = "compute" if compute <= memory * intensity else "memory"
        share = 100.0 * macs_rate / min(compute, memory * intensity)
    elif bytes_rate and memory:
        roof, share = "memory", 100.0 * bytes_rate / memory
    return kind | {
        "gmacs_per_s": macs_rate,
        "gbytes_per_s": bytes_rate,
        "macs_per_byte": intensity,
        "roof": roof,
        "roof_percent": share,
    }
