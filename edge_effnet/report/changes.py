"""Compare two sets of records: what changed, how sure that is, and what makes the comparison unfair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.document import report_document
from edge_effnet.report.latency import condition_of
from edge_effnet.report.pairing import pair_models, pair_rows
from edge_effnet.report.significance import LATENCY_METHOD, NO_CHANGE, accuracy_change, latency_ratio
from edge_effnet.report.unfair import unfair_differences
from edge_effnet.report.values import rows, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.report.collect import Collection

__all__ = ["SCHEMA_VERSION", "compare_document"]

SCHEMA_VERSION: Final = 1

Pair = tuple[dict[str, Any], dict[str, Any]]

_BETTER: Final = {"latency": -1, "accuracy": 1, "size": -1, "instructions": -1, "audit": -1}
"""Group -> the sign of a change for the better; a group that is not here is only said to differ."""


_RECOUNT: Final = 1e-5
"""Share by which two counts of one model may differ where the engine looks at the clock; XNNPACK's never do."""

_ORDER: Final = ("accuracy", "latency", "size", "instructions", "modelled", "audit", "work", "making")
"""Groups, what is asked first in front."""


def compare_document(a: Collection, b: Collection, names: tuple[str, str]) -> dict[str, Any]:
    """Return what changed from A to B.

    Args:
        a: The records of the one.
        b: Of the other.
        names: What to call both.

    Returns:
        The document of ``compare --json``; `edge_effnet/schemas/compare.json` describes it.
    """
    one, two = report_document(a), report_document(b)
    pairs, alone = pair_models(one["models"], two["models"])
    timed, untimed = pair_rows(one["latency"], two["latency"], pairs)
    changes = [change for pair in pairs for change in _model_changes(pair, a, b)]
    for pair in timed:
        changes += _row_changes(pair, a, b)
    names_in_order = list(dict.fromkeys(change["model"] for change in changes))
    changes.sort(key=lambda change: (names_in_order.index(change["model"]), _ORDER.index(change["group"])))
    shown = [change for change in changes if change["verdict"] in ("better", "worse", "differs")]
    return {
        "schema_version": SCHEMA_VERSION,
        "a": _side(names[0], one),
        "b": _side(names[1], two),
        "unfair": unfair_differences(pairs, timed, a, b),
        "pairs": [{"a": x["name"], "b": y["name"], "same_file": _same_file(x, y)} for x, y in pairs],
        "changes": changes,
        "only_in_one": [*alone, *untimed],
        "sentence": _sentence(changes, shown, pairs),
    }


def _side(name: str, document: dict[str, Any]) -> dict[str, Any]:
    sources = [
        {key: source[key] for key in ("id", "file", "kind", "sha256")} for source in document["sources"]
    ]
    return {"name": name, "sources": sources, "skipped": document["skipped"]}


def _same_file(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a["sha256"] is not None and a["sha256"] == b["sha256"]


def _sentence(changes: list[dict[str, Any]], shown: list[dict[str, Any]], pairs: list[Pair]) -> str:
    if not pairs:
        return "No model of A has a counterpart in B: nothing can be compared"
    counts = {
        verdict: sum(change["verdict"] == verdict for change in shown) for verdict in ("better", "worse")
    }
    if not shown:
        return f"{len(changes)} figures compared, none shown to differ"
    return (
        f"{len(changes)} figures compared: {counts['better']} better, {counts['worse']} worse, "
        f"{len(shown) - counts['better'] - counts['worse']} otherwise different"
    )


def _change(group: str, what: str, model: str, a: Any, b: Any, **more: Any) -> dict[str, Any]:
    """Return one change. A verdict is claimed only where figures are exact or their interval excludes no change."""
    change: dict[str, Any] = {
        "group": group, "what": what, "model": model, "condition": "", "unit": "", "a": a, "b": b, "change": None,
        "relative": None, "ci95": None, "no_change": [0.0, 0.0], "exact": True, "method": "exact", "source_a": None, "source_b": None, **more,
    }  # fmt: skip
    change["verdict"] = _verdict(change)
    return change


def _verdict(change: dict[str, Any]) -> str:
    if change["exact"]:
        if change["a"] == change["b"]:
            return "same"
        sign = change["change"]
    else:
        ci95, (low, high) = change["ci95"], change["no_change"]
        if ci95 is None or (ci95[0] <= high and ci95[1] >= low):
            return "not shown"
        sign = ci95[0] - high
    better = _BETTER.get(change["group"])
    if better is None or sign is None:
        return "differs"
    return "better" if sign * better > 0 else "worse"


def _model_changes(pair: Pair, first: Collection, second: Collection) -> Iterator[dict[str, Any]]:
    a, b = pair
    name = a["name"] if a["name"] == b["name"] else f"{a['name']} \u2192 {b['name']}"
    if a["size_bytes"] and b["size_bytes"]:
        yield _number_change(
            "size", "file size", name, a["size_bytes"], b["size_bytes"], "bytes", a["sources"], b["sources"]
        )
    if a["accuracy"] and b["accuracy"]:
        yield _accuracy(name, a, b, first, second)
    if a["audit"] and b["audit"]:
        yield from _audit(name, a["audit"], b["audit"])
    for key in ("precision", "recipe"):
        if a[key] and b[key] and a[key] != b[key]:
            yield _change("making", key, name, a[key], b[key])
    for key in ("weights", "calibration"):
        said = [text(entry[key] or {}, "sha256") for entry in pair]
        if all(said) and said[0] != said[1]:
            yield _change("making", f"{key}, sha256", name, said[0][:12], said[1][:12])


def _number_change(
    group: str,
    what: str,
    model: str,
    a: float,
    b: float,
    unit: str,
    sources_a: list[str],
    sources_b: list[str],
) -> dict[str, Any]:
    return _change(
        group, what, model, a, b, change=b - a, relative=b / a if a else None, unit=unit,
        source_a=next(iter(sources_a), None), source_b=next(iter(sources_b), None),
    )  # fmt: skip


def _accuracy(
    name: str, a: dict[str, Any], b: dict[str, Any], first: Collection, second: Collection
) -> dict[str, Any]:
    found = accuracy_change(_score(a, first), _score(b, second))
    return _change(
        "accuracy", "top-1", name, a["accuracy"]["top1"], b["accuracy"]["top1"], unit="%", exact=False,
        condition=f"{found['n']} images", change=found["change"], ci95=found["ci95"], method=found["method"],
        source_a=a["accuracy"]["source"], source_b=b["accuracy"]["source"],
    )  # fmt: skip


def _score(model: dict[str, Any], found: Collection) -> dict[str, Any]:
    """Return the entry of the evaluation record that a model's accuracy comes from."""
    source = next(source for source in found.sources if source.id == model["accuracy"]["source"])
    entry = rows(source.record, "models")[model["accuracy"]["index"]]
    return {**entry, "images_sha256": text(table(source.record, "images"), "sha256")}


def _audit(name: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sources = [a["source"]], [b["source"]]
    for what in ("errors", "warnings"):
        yield _number_change("audit", f"audit {what}", name, a[what], b[what], "", *sources)
    if a["macs"] is not None and b["macs"] is not None:
        yield _number_change("work", "multiply-adds", name, a["macs"], b["macs"], "MACs", *sources)
    for operator in sorted(a["ops"].keys() | b["ops"].keys()):
        counts = a["ops"].get(operator, 0), b["ops"].get(operator, 0)
        if counts[0] != counts[1]:
            yield _number_change("work", f"operators {operator}", name, *counts, "", *sources)


def _row_changes(pair: Pair, first: Collection, second: Collection) -> Iterator[dict[str, Any]]:
    a, b = pair
    name = a["name"] if a["name"] == b["name"] else f"{a['name']} \u2192 {b['name']}"
    common = {"condition": condition_of(a), "source_a": a["source"], "source_b": b["source"]}
    if a["timing"] == b["timing"] == "measured":
        found = latency_ratio(_result(a, first), _result(b, second))
        if found is not None:
            ratio, ci95 = found
            yield _change(
                "latency", "median latency", name, a["median_ms"], b["median_ms"], unit="ms", exact=False,
                change=b["median_ms"] - a["median_ms"], relative=ratio, ci95=ci95, no_change=NO_CHANGE,
                method=_latency_method(pair, ci95), **common,
            )  # fmt: skip
    if a["timing"] == b["timing"] == "modelled" and None not in (a["median_ms"], b["median_ms"]):
        yield _change(
            "modelled", "modelled latency", name, a["median_ms"], b["median_ms"], unit="ms",
            change=b["median_ms"] - a["median_ms"], method="computed, on no device", **common,
        )  # fmt: skip
    for key, group, unit in (("instructions", "instructions", ""), ("delegated_ops", "work", "operators")):
        if a[key] is not None and b[key] is not None:
            is_near = key == "instructions" and a["engine"] != "xnnpack" and _is_recount(a[key], b[key])
            yield _change(
                group, key.replace("_", " "), name, a[key], b[key], unit=unit, change=b[key] - a[key],
                relative=b[key] / a[key] if a[key] else None, exact=not is_near,
                method="within what two counts of this engine differ by" if is_near else "exact", **common,
            )  # fmt: skip


def _is_recount(a: float, b: float) -> bool:
    """Return whether two different counts may be of the same work."""
    return a != b and abs(b - a) <= _RECOUNT * a


def _latency_method(pair: Pair, ci95: list[float] | None) -> str:
    if ci95 is None:
        return "no samples, no interval: nothing is claimed"
    same = "; the same file, so that a difference is the machine's or its software's"
    return f"{LATENCY_METHOD}{same if pair[0]['model'] == pair[1]['model'] else ''}"


def _result(row: dict[str, Any], found: Collection) -> dict[str, Any]:
    """Return the result, with its raw samples, that a latency row comes from."""
    source = next(source for source in found.sources if source.id == row["source"])
    result: dict[str, Any] = rows(source.record, "results")[row["index"]]
    return result
