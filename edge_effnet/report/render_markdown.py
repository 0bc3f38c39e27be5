"""MODEL_CARD.md: a model card for the Hugging Face Hub, with the measured figures in its front matter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.formats import ABSENT, fixed, megabytes, milliseconds, signed, with_interval
from edge_effnet.report.latency import condition_of
from edge_effnet.report.values import table, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["render_markdown"]

_TABLE_ROWS: Final = 60
_MODELS: Final = 8
"""Models whose contract is told."""


def render_markdown(document: dict[str, Any]) -> str:
    """Return the card of the judged models of a report."""
    models = [model for model in document["models"] if model["role"] == "candidate"]
    uses = [_use(model) for model in models if model["contract"]][:_MODELS]
    parts = [
        _front_matter(models),
        f"# {_inline(document['title'])}",
        f"**{document['verdict']['sentence']}.**",
        *([_gates(document)] if document["gates"] else []),
        *([_doubts(document)] if document["verdict"]["doubts"] else []),
        "## Accuracy",
        _accuracy(document["models"]),
        "## Latency",
        _latency(document),
        *(["## Use", *uses] if uses else []),
        "## Provenance",
        _provenance(document),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(models: list[dict[str, Any]]) -> str:
    """Return YAML; the entries of ``model-index`` hold measured accuracies only."""
    import yaml

    matter: dict[str, Any] = {
        "library_name": "tflite",
        "pipeline_tag": "image-classification",
        "tags": ["efficientnet", "tflite", "litert", "image-classification", "edge-effnet"],
    }
    if any(model["audit"] and model["audit"]["full_integer"] for model in models):
        matter["tags"] += ["int8", "full-integer"]
    index = [_index_entry(model) for model in models if model["accuracy"]]
    if index:
        matter["model-index"] = index
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---"


def _index_entry(model: dict[str, Any]) -> dict[str, Any]:
    accuracy = model["accuracy"]
    low, high = accuracy["top1_ci95"] or (None, None)
    metrics = [
        {"type": "accuracy", "name": "Top-1 accuracy (%)", "value": round(accuracy["top1"], 4)},
        {"type": "accuracy", "name": "Top-5 accuracy (%)", "value": round(accuracy["top5"], 4)},
    ]
    if low is not None and high is not None:
        metrics[0]["args"] = {"ci95": [round(low, 4), round(high, 4)], "n": accuracy["n"]}
    dataset = f"{accuracy['n']} images"
    images = accuracy["images_sha256"]
    return {
        "name": model["name"],
        "results": [
            {
                "task": {"type": "image-classification", "name": "Image classification"},
                "dataset": {"type": "image-folder", "name": dataset, "args": {"images_sha256": images}},
                "metrics": metrics,
            }
        ],
    }


_AS_TEXT: Final = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*[]|#~!"}
    | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " "}
)
_LOOSE_UNDERSCORE: Final = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""One inside a word, as in the name of a file, emphasises nothing."""


def _inline(value: object) -> str:
    """Return text that is nothing but text, and no address, in Markdown and in the HTML made from it."""
    escaped = _LOOSE_UNDERSCORE.sub(r"\\_", str(value).translate(_AS_TEXT))
    return escaped.replace("://", ":&#47;/").replace("www.", "www&#46;")


def _table(columns: tuple[str, ...], lines: Sequence[tuple[object, ...]]) -> str:
    rule = "|".join(["---", *["---:"] * (len(columns) - 1)])
    body = [f"| {' | '.join(map(_inline, line))} |" for line in lines[:_TABLE_ROWS]]
    more = [f"\n{len(lines) - _TABLE_ROWS} more rows are in report.csv."] if len(lines) > _TABLE_ROWS else []
    return "\n".join([f"| {' | '.join(columns)} |", f"|{rule}|", *body, *more])


def _gates(document: dict[str, Any]) -> str:
    lines = [
        f"- {'passed' if gate['passed'] else 'FAILED'}: fails if {_inline(gate['expression'])}"
        for gate in document["gates"]
    ]
    return "\n".join(lines)


def _doubts(document: dict[str, Any]) -> str:
    doubts = document["verdict"]["doubts"]
    return "\n".join(
        ["What speaks against these figures:", "", *[f"- {_inline(doubt)}" for doubt in doubts[:12]]]
    )


def _accuracy(models: list[dict[str, Any]]) -> str:
    lines: list[tuple[object, ...]] = []
    for model in models:
        accuracy, drop = model["accuracy"], model["drop"]
        ci95 = None if not drop or drop["ci95"] is None else [-drop["ci95"][1], -drop["ci95"][0]]
        lines.append(
            (
                model["name"],
                model["precision"] or ABSENT,
                megabytes(model["size_bytes"]),
                with_interval(accuracy["top1"], accuracy["top1_ci95"], fixed)
                if accuracy
                else model["no_accuracy"],
                fixed(accuracy["top5"]) if accuracy else ABSENT,
                with_interval(-drop["drop_top1"], ci95, signed)
                if drop and drop["drop_top1"] is not None
                else ABSENT,
                accuracy["n"] if accuracy else ABSENT,
            )
        )
    columns = (
        "Model",
        "Precision",
        "Size",
        "Top-1 % [95 %]",
        "Top-5 %",
        "Top-1 against float, points [95 %]",
        "Images",
    )
    return _table(columns, lines)


def _latency(document: dict[str, Any]) -> str:
    measured = [
        (row["name"], condition_of(row), text(row["device"], "cpu") or text(row["device"], "machine") or "not recorded",
         milliseconds(row["median_ms"], row["ci95_ms"]), milliseconds(row["p90_ms"]), row["n"])
        for row in document["latency"]
        if row["timing"] == "measured" and row["median_ms"] is not None
    ]  # fmt: skip
    if not measured:
        return "Not measured."
    return _table(
        ("Model", "Target, engine, threads", "Device", "Median ms [95 %]", "p90 ms", "Runs"), measured
    )


def _use(model: dict[str, Any]) -> str:
    contract = model["contract"]
    preprocessing = table(contract, "preprocessing")
    said = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, value in preprocessing.items() if key != "schema"
    )
    lines = [
        f"- {_inline(model['name'])}",
        f"  - Picture: {_inline(said)}",
        f"  - Input: {_inline(text(contract, 'input_rule'))}",
        f"  - Output: {_inline(text(contract, 'output_rule'))}",
    ]
    if model["weights"]:
        lines.append(f"  - Weights: {_inline(model['weights']['source'])}")
    if model["calibration"]:
        calibration = model["calibration"]
        lines.append(f"  - Calibrated on {calibration['count']} images of {_inline(calibration['id'])}")
    return "\n".join(lines)


def _provenance(document: dict[str, Any]) -> str:
    lines: list[tuple[object, ...]] = [
        (source["id"], source["kind"], source["file"], source["sha256"][:16])
        for source in document["sources"]
    ]
    return _table(("Record", "Kind", "File", "sha256, first digits"), lines)
