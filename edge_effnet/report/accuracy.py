"""How often the models are right: from the records of `eval`, never for random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.values import interval, number, rows, table, text

if TYPE_CHECKING:
    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["WITHHELD", "add_accuracy", "evaluations"]

WITHHELD: Final = "not printed: the weights are random, an accuracy would mean nothing"
_NOT_EVALUATED: Final = "not evaluated: edge-effnet eval FLOAT.tflite INT8.tflite --data DIR --json"


def add_accuracy(found: Collection, joined: Joined) -> None:
    """Give each model ``accuracy``, ``drop`` and ``no_accuracy`` (the reason where there is none).

    Where several records evaluate a model, the one with the most images counts; the others stay under ``evaluations``.
    """
    for entry in joined.models.values():
        entry |= {"accuracy": None, "drop": None, "no_accuracy": _NOT_EVALUATED}
    for source in found.of("eval"):
        keys = model_keys(source, joined)
        for key, score in zip(keys, rows(source.record, "models"), strict=True):
            _keep_larger(joined.models[key], "accuracy", _accuracy(score, source))
        for key, pair in zip(keys[1:], rows(source.record, "pairs"), strict=False):
            _keep_larger(joined.models[key], "drop", _drop(pair, keys[0], joined, source))
    for source in found.of("qat"):
        key = joined.key(text(source.record, "path"), source.record.get("sha256"), source.id)
        value = table(source.record, "val")
        if value and joined.models[key]["drop"] is None:
            joined.models[key]["drop"] = _drop(value, None, joined, source)
    for entry in joined.models.values():
        if entry["random_weights"]:
            entry |= {"accuracy": None, "drop": None, "no_accuracy": WITHHELD}
        elif entry["accuracy"] is not None:
            entry["no_accuracy"] = None


def model_keys(source: Source, joined: Joined) -> list[str]:
    """Return the key of each model of an evaluation, in its order."""
    return [
        joined.key(text(score, "path"), score.get("sha256"), source.id)
        for score in rows(source.record, "models")
    ]


def _keep_larger(entry: dict[str, Any], key: str, value: dict[str, Any]) -> None:
    if entry[key] is None or (value["n"] or 0) > (entry[key]["n"] or 0):
        entry[key] = value


def _accuracy(score: dict[str, Any], source: Source) -> dict[str, Any]:
    return {
        "top1": number(score, "top1"),
        "top1_ci95": interval(score, "top1_ci95"),
        "top5": number(score, "top5"),
        "top5_ci95": interval(score, "top5_ci95"),
        "n": number(score, "n"),
        "images_sha256": text(table(source.record, "images"), "sha256") or None,
        "engine": text(table(source.record, "conditions"), "engine"),
        "preprocessing": text(score, "preprocessing"),
        "source": source.id,
    }


def _drop(pair: dict[str, Any], against: str | None, joined: Joined, source: Source) -> dict[str, Any]:
    return {
        "against": "the float network" if against is None else joined.models[against]["name"],
        "drop_top1": number(pair, "drop_top1"),
        "ci95": interval(pair, "ci95"),
        "mcnemar_p": number(pair, "mcnemar_p"),
        "agreement": number(pair, "agreement"),
        "n": number(pair, "n"),
        "source": source.id,
    }


def evaluations(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return what each evaluation says beyond the shares: confusions, worst classes, images on which models differ."""
    return [_evaluation(source, joined) for source in found.of("eval")]


def _evaluation(source: Source, joined: Joined) -> dict[str, Any]:
    record, conditions = source.record, table(source.record, "conditions")
    models = [joined.models[key] for key in model_keys(source, joined)]
    withheld = any(entry["random_weights"] for entry in models)
    return {
        "source": source.id,
        "models": [entry["name"] for entry in models],
        "n": number(record["models"][0], "n"),
        "images_sha256": text(table(record, "images"), "sha256") or None,
        "engine": text(conditions, "engine"),
        "tie_rule": text(conditions, "tie_rule"),
        "versions": table(conditions, "versions"),
        "withheld": WITHHELD if withheld else None,
        "confusions": [] if withheld else [rows(score, "confusions") for score in rows(record, "models")],
        "matrices": [] if withheld else [score.get("confusion_matrix") for score in rows(record, "models")],
        "worst_classes": [] if withheld else rows(record, "worst_classes"),
        "disagreements": [] if withheld else rows(record, "disagreements"),
        "skipped": len(rows(record, "skipped")),
        "notes": [note for note in record.get("notes", []) if isinstance(note, str)],
    }
