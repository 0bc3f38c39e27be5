"""What the page needs beside the document: cards, shares of widths, and texts for those who do not see a drawing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.formats import ABSENT, between, figure, fixed, milliseconds
from edge_effnet.report.latency import condition_of
from edge_effnet.report.values import number, table, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "cards",
    "contracts",
    "evaluation_view",
    "hosts",
    "latency_groups",
    "ratio_words",
    "sizes",
    "source_rows",
]

_CARDS: Final = 6
_CONTRACTS: Final = 6
_CONFUSIONS: Final = 20
_PICTURE: Final = re.compile(r"data:image/(?:jpeg|png);base64,[A-Za-z0-9+/=]+")
"""The only addresses that the page takes for a picture."""


def cards(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first candidates, each with its headline figures."""
    candidates = [model for model in document["models"] if model["role"] == "candidate"]
    return [_card(model, document) for model in candidates[:_CARDS]]


def _card(model: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    timed = [
        row for row in document["latency"] if row["model"] == model["key"] and row["timing"] == "measured"
    ]
    row = next((row for row in timed if row["median_ms"] is not None), None)
    drop = model["drop"]
    card: dict[str, Any] = {"model": model, "row": row, "about": _about(model)}
    if drop and drop["drop_top1"] is not None:
        card["change"] = -drop["drop_top1"]
        card["change_ci95"] = None if drop["ci95"] is None else [-drop["ci95"][1], -drop["ci95"][0]]
        card["accuracy_words"] = _difference_words(card["change_ci95"])
    if row is not None:
        whole = milliseconds(row["median_ms"], row["ci95_ms"])
        card["latency_interval"] = whole[whole.index("[") :] if "[" in whole else ""
        card["condition"] = condition_of(row)
        card["ratio"] = _speed_up(row, document)
    card["size_words"] = _size_words(model, document)
    return card


def _about(model: dict[str, Any]) -> str:
    parts = [model["id"], model["precision"], model["recipe"]]
    if model["resolution_px"]:
        parts.append(f"{model['resolution_px']} px")
    if model["weights"]:
        parts.append(f"weights {model['weights']['source']}")
    if model["calibration"]:
        parts.append(f"calibrated on {model['calibration']['count']} of {model['calibration']['id']}")
    return " · ".join(str(part) for part in parts if part)


def _difference_words(ci95: list[float] | None) -> str:
    if ci95 is None:
        return ""
    if ci95[0] <= 0 <= ci95[1]:
        return "The interval covers no change."
    return "The difference is not chance." if ci95[1] < 0 else "The gain is not chance."


def _speed_up(row: dict[str, Any], document: dict[str, Any]) -> str:
    """Return how a row compares with a reference that was measured in turns with it."""
    ids = {model["key"]: model["id"] for model in document["models"]}
    references = {
        model["name"]
        for model in document["models"]
        if model["role"] == "reference" and model["id"] == ids[row["model"]]
    }
    condition = condition_of(row)
    for ratio in document["ratios"]:
        for this, other, flip in (("b", "a", False), ("a", "b", True)):
            mine = ratio[this]["name"] == row["name"] and ratio[this]["condition"] == condition
            if (
                mine
                and ratio[other]["name"] in references
                and ratio[other]["condition"] == condition
                and ratio["ratio"]
            ):
                value, ci95 = ratio["ratio"], ratio["ci95"]
                if flip:
                    value, ci95 = 1 / value, None if ci95 is None else [1 / ci95[1], 1 / ci95[0]]
                return f"{fixed(value)} {between(ci95, fixed)} times as fast as {ratio[other]['name']}"
    return ""


def _size_words(model: dict[str, Any], document: dict[str, Any]) -> str:
    references = [
        entry for entry in document["models"] if entry["role"] == "reference" and entry["size_bytes"]
    ]
    if len(references) != 1 or not model["size_bytes"] or references[0]["id"] != model["id"]:
        return ""
    return f"{fixed(references[0]['size_bytes'] / model['size_bytes'])} times smaller than {references[0]['name']}"


def sizes(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sizes of all files as bars, the largest first."""
    known = [model for model in document["models"] if model["size_bytes"]]
    largest = max((model["size_bytes"] for model in known), default=1)
    return [
        {
            "label": model["name"],
            "bytes": model["size_bytes"],
            "percent": 100.0 * model["size_bytes"] / largest,
            "value": f"{figure(model['size_bytes'] / 1e6)} MB",
            "said": f"{model['name']} {figure(model['size_bytes'] / 1e6)} MB",
            "quiet": model["role"] == "reference",
        }
        for model in sorted(known, key=lambda model: -model["size_bytes"])
    ]


def latency_groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return every latency row in exactly one of ``measured, counted, modelled, not_run``; they share no table."""
    groups: dict[str, list[dict[str, Any]]] = {"measured": [], "counted": [], "modelled": [], "not_run": []}
    for row in document["latency"]:
        groups[_group_of(row)].append(row)
    widest = max((row["spread"]["p95"] for row in groups["measured"] if row["spread"]), default=0.0)
    return groups | {"measured": [_measured_row(row, widest) for row in groups["measured"]]}


def _group_of(row: dict[str, Any]) -> str:
    has_time = row["median_ms"] is not None or row["mean_ms"] is not None
    if row["timing"] == "measured" and has_time:
        return "measured"
    if row["timing"] == "modelled" and has_time:
        return "modelled"
    return "counted" if row["instructions"] is not None else "not_run"


def _measured_row(row: dict[str, Any], widest: float) -> dict[str, Any]:
    """Return a row with its strip and its spark; a tool that gives no median has its mean, and that is said."""
    typical = milliseconds(row["median_ms"], row["ci95_ms"])
    return {
        "row": row,
        "condition": condition_of(row),
        "device": text(row["device"], "cpu") or text(row["device"], "machine") or "not recorded",
        "typical": f"mean {milliseconds(row['mean_ms'])}" if row["median_ms"] is None else typical,
        "strip": _strip(row["spread"], widest) if row["spread"] and widest > 0 else None,
        "spark": _spark(row["spread"]["series"]) if row["spread"] else None,
        "said": f"{row['name']}, {condition_of(row)}: {typical} ms",
    }


def _strip(spread: dict[str, Any], widest: float) -> dict[str, str]:
    at = {name: 100.0 * spread[name] / widest for name in ("p5", "p25", "p50", "p75", "p95")}
    shares = at | {"wide": at["p95"] - at["p5"], "box": max(0.4, at["p75"] - at["p25"])}
    return {name: f"{share:.2f}" for name, share in shares.items()}


def _spark(series: Sequence[float]) -> str | None:
    low, high = min(series), max(series)
    if len(series) < 2 or high <= low:
        return None
    points = (
        f"{100.0 * index / (len(series) - 1):.1f} {19 - 18 * (value - low) / (high - low):.1f}"
        for index, value in enumerate(series)
    )
    return "M" + "L".join(points)


def ratio_words(ratio: dict[str, Any]) -> str:
    """Return what a ratio a/b says of b, claiming nothing where its interval covers 1."""
    ci95 = ratio["ci95"]
    if ci95 is None:
        return "no interval: nothing is claimed"
    if ci95[0] <= 1 <= ci95[1]:
        return "no difference is shown"
    return "faster" if ci95[0] > 1 else "slower"


def evaluation_view(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return confusions, matrices and disagreements with the models' names."""
    names = evaluation["models"]
    matrices = [
        (name, found) for name, found in zip(names, evaluation["matrices"], strict=False) if found is not None
    ]
    return {
        "evaluation": evaluation,
        "confusions": (confused := _confusions(evaluation)),
        "confused_often": any(n > 1 for row in confused for n in row["counts"]),
        "matrices": matrices,
        "sides": [_side(side, names) for side in evaluation["disagreements"] if len(names) > 1],
    }


def _confusions(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pairs of classes that any model confuses, with the count of each model."""
    found = evaluation["confusions"]
    counts: dict[tuple[str, str], list[int]] = {}
    for index, rows in enumerate(found):
        for row in rows:
            counts.setdefault((str(row["truth"]), str(row["predicted"])), [0] * len(found))[index] = (
                row["n"] or 0
            )
    ranked = sorted(counts.items(), key=lambda item: -max(item[1]))[:_CONFUSIONS]
    return [{"truth": truth, "predicted": taken, "counts": numbers} for (truth, taken), numbers in ranked]


def _side(side: dict[str, Any], names: list[str]) -> dict[str, Any]:
    first = text(side, "right") == "only_first"
    right, wrong = (names[0], names[1]) if first else (names[1], names[0])
    images = [
        {
            "picture": picture if _PICTURE.fullmatch(picture := text(image, "image")) else None,
            "truth": text(image, "truth"),
            "file": text(image, "file"),
            "answers": [
                {
                    "model": name,
                    "right": (index == 0) is first,
                    "text": ", ".join(
                        f"{text(guess, 'name')} {fixed(number(guess, 'percent'), 0)} %"
                        for guess in guesses[:2]
                    ),
                }
                for index, (name, guesses) in enumerate(zip(names[:2], image["guesses"] or [], strict=False))
            ],
        }
        for image in side["images"]
    ]
    return {
        "title": f"{right} right, {wrong} wrong",
        "n": side["n"],
        "images": images,
        "has_pictures": any(image["picture"] for image in images),
    }


def contracts(document: dict[str, Any]) -> dict[str, Any]:
    """Return the contracts side by side; a rule that is the same in all has one cell."""
    models = [model for model in document["models"] if model["contract"] is not None]
    lines = [dict(_contract_lines(model["contract"])) for model in models[:_CONTRACTS]]
    names = list(dict.fromkeys(name for said in lines for name in said))
    rows = [
        {
            "name": name,
            "cells": (cells := [said.get(name, ABSENT) for said in lines]),
            "same": len(set(cells)) == 1,
        }
        for name in names
    ]
    return {"models": models[:_CONTRACTS], "rows": rows, "more": max(0, len(models) - _CONTRACTS)}


def _contract_lines(contract: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table(contract, "preprocessing").items():
        yield key.replace("_", " "), str(value)
    for key in ("input_rule", "output_rule"):
        yield key.replace("_", " "), text(contract, key)
    for key, values in table(contract, "normalisation_inside").items():
        said = ", ".join(f"{value:g}" for value in values if isinstance(value, (int, float)))
        yield f"{key}, inside the model", said
    for side, tensor in table(contract, "io").items():
        if isinstance(tensor, dict):
            scale = number(tensor, "scale")
            codes = "" if scale is None else f", scale {scale:.6g}, zero point {tensor.get('zero_point')}"
            yield side, f"{tensor.get('dtype')} {tensor.get('shape')}{codes}"


def hosts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each machine once, with the records that were made on it."""
    found: dict[str, dict[str, Any]] = {}
    devices = [
        (row["device"], row["source"])
        for row in document["latency"]
        if row["status"] in ("ok", "not_delegated")
    ]
    devices += [(profile["device"], profile["source"]) for profile in document["profiles"]]
    for device, source in devices:
        if not device:
            continue
        entry = found.setdefault(
            repr(sorted((key, device.get(key)) for key in ("machine", "system", "cpu", "cores", "governor"))),
            {"host": _Absent(device), "limits": _limits(table(device, "container")), "sources": []},
        )
        if source not in entry["sources"]:
            entry["sources"].append(source)
    return list(found.values())


class _Absent(dict[str, Any]):
    """A host record; a key that it does not have is None."""

    def __missing__(self, key: str) -> None:
        return None


def _limits(container: dict[str, Any]) -> str:
    quota, memory = number(container, "cpu_quota"), number(container, "memory_limit_bytes")
    parts = [f"{figure(quota)} cores' time"] if quota else []
    parts += [f"{figure(memory / 1e9)} GB"] if memory else []
    return ", ".join(parts) or "none"


def source_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records with their conditions and versions in words."""
    return [
        {
            **{key: source[key] for key in ("id", "kind", "file", "sha256")},
            "conditions": _conditions(source["record"]),
            "versions": _versions(source["record"]),
        }
        for source in document["sources"]
    ]


def _conditions(record: dict[str, Any]) -> str:
    host, conditions, device = table(record, "host"), table(record, "conditions"), table(record, "device")
    machine = device or host or table(conditions, "host")
    n = number(record, "n") or number(table(record, "images"), "n")
    parts = [
        text(host, "time_utc").replace("T", " ").replace("+00:00", " UTC"),
        text(record, "target"),
        text(machine, "cpu") or text(machine, "machine"),
        f"engine {text(conditions, 'engine')}" if text(conditions, "engine") else "",
        f"{n:.0f} images" if n else "",
        f"commit {text(host, 'commit')[:12]}" if text(host, "commit") else "",
        "with changes that were not committed" if host.get("dirty") is True else "",
    ]
    return ", ".join(part for part in parts if part)


def _versions(record: dict[str, Any]) -> str:
    places = (table(record, "host"), record, table(record, "conditions"))
    versions = next(
        (found for place in places if (found := table(place, "versions"))), table(record, "tools")
    )
    said = [f"{name} {version}" for name, version in versions.items()]
    said += [str(library) for library in table(table(record, "conditions"), "engines").values()]
    return ", ".join(dict.fromkeys(said))
