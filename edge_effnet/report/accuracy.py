"""How often the models are right: from the records of `eval`, never for random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.values import interval, number, picked, rows, strings, table, text

if TYPE_CHECKING:
    from edge_effnet.report.collect import Collection, Source
    from edge_effnet.report.subjects import Joined

__all__ = ["WITHHELD", "add_accuracy", "evaluations"]

WITHHELD: Final = "not printed: the weights are random, an accuracy would mean nothing"
_CONFUSION: Final = ("truth", "predicted", "n")
_NOT_EVALUATED: Final = "not evaluated: edge-effnet eval FLOAT.tflite INT8.tflite --data DIR --json"


def add_accuracy(found: Collection, joined: Joined) -> None:
    """Give each model ``accuracy``, ``drop`` and ``no_accuracy`` (the reason where there is none).

    Where several records evaluate a model, the one with the most images is shown; gates judge all of them:
    ``accuracies`` and ``drops``, the shown one first.
    """
    for entry in joined.models.values():
        entry |= {"accuracies": [], "drops": []}
    for source in found.of("eval"):
        keys = model_keys(source, joined)
        for index, (key, score) in enumerate(zip(keys, rows(source.record, "models"), strict=True)):
            joined.models[key]["accuracies"].append(_accuracy(score, source) | {"index": index})
        for key, pair in zip(keys[1:], rows(source.record, "pairs"), strict=False):
            joined.models[key]["drops"].append(_drop(pair, keys[0], joined, source))
    hashes = {source.id: (source.sha256, source.file.partition("#")[2]) for source in found.sources}
    evaluated = {key for key, entry in joined.models.items() if _usable(entry["drops"], "drop_top1", hashes)}
    for source in found.of("qat"):
        key = joined.key(text(source.record, "path"), source.record.get("sha256"), source.id)
        value = table(source.record, "val")
        if value and key not in evaluated:
            joined.models[key]["drops"].append(_drop(value, None, joined, source))
    for entry in joined.models.values():
        _choose(entry, hashes)
        if len({accuracy["images_sha256"] or accuracy["source"] for accuracy in entry["accuracies"]}) > 1:
            sources = ", ".join(sorted({accuracy["source"] for accuracy in entry["accuracies"]}))
            joined.notes.append(
                f"{entry['name']} was evaluated more than once, not all known to be on the same images ({sources}): "
                "the one with the most images is shown, gates judge each of them"
            )


def _choose(entry: dict[str, Any], hashes: dict[str, tuple[str, str]]) -> None:
    """Put what is shown first; of random weights nothing is."""
    for key, all_of, figure in (("accuracy", "accuracies", "top1"), ("drop", "drops", "drop_top1")):
        entry[all_of] = [] if entry["random_weights"] else _usable(entry[all_of], figure, hashes)
        entry[key] = next(iter(entry[all_of]), None)
    if entry["random_weights"]:
        entry["no_accuracy"] = WITHHELD
    else:
        entry["no_accuracy"] = None if entry["accuracy"] else _NOT_EVALUATED


def _usable(
    values: list[dict[str, Any]], figure: str, hashes: dict[str, tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return the values that have a figure: most images first, then by the record's own sha256."""
    usable = [value for value in values if value[figure] is not None and value["n"]]
    return sorted(usable, key=lambda value: (-value["n"], hashes[value["source"]], value.get("index", 0)))


def model_keys(source: Source, joined: Joined) -> list[str]:
    """Return the key of each model of an evaluation, in its order."""
    return [
        joined.key(text(score, "path"), score.get("sha256"), source.id)
        for score in rows(source.record, "models")
    ]


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
        "images_sha256": text(table(source.record, "images"), "sha256") or None,
        "source": source.id,
    }


def evaluations(found: Collection, joined: Joined) -> list[dict[str, Any]]:
    """Return what each evaluation says beyond the shares: confusions, worst classes, images on which models differ."""
    return [_evaluation(source, joined) for source in found.of("eval")]


def _evaluation(source: Source, joined: Joined) -> dict[str, Any]:
    record, conditions = source.record, table(source.record, "conditions")
    models = [joined.models[key] for key in model_keys(source, joined)]
    scores = rows(record, "models")
    withheld = any(entry["random_weights"] for entry in models)
    return {
        "source": source.id,
        "models": [entry["name"] for entry in models],
        "n": number(scores[0], "n"),
        "images_sha256": text(table(record, "images"), "sha256") or None,
        "engine": text(conditions, "engine"),
        "tie_rule": text(conditions, "tie_rule"),
        "versions": table(conditions, "versions"),
        "withheld": WITHHELD if withheld else None,
        "confusions": [] if withheld else [picked(score, "confusions", *_CONFUSION) for score in scores],
        "matrices": [] if withheld else [_matrix(score) for score in scores],
        "worst_classes": []
        if withheld
        else picked(record, "worst_classes", "label", "name", "n", "right", "lost"),
        "disagreements": [] if withheld else [_side(side) for side in rows(record, "disagreements")],
        "skipped": len(rows(record, "skipped")),
        "notes": strings(record, "notes"),
    }


def _matrix(score: dict[str, Any]) -> dict[str, Any] | None:
    """Return a confusion matrix whose counts are as many as its classes squared, else None."""
    found = table(score, "confusion_matrix")
    classes, counts = strings(found, "classes"), found.get("counts")
    if (
        not classes
        or not isinstance(counts, list)
        or {len(row) for row in [*counts, counts]} != {len(classes)}
    ):
        return None
    return {"classes": classes, "counts": counts}


def _side(side: dict[str, Any]) -> dict[str, Any]:
    images = picked(side, "images", "file", "truth", "image", "guesses")
    return {"right": text(side, "right"), "n": number(side, "n"), "images": images}
