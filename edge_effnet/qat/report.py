"""What a trained file is worth on pictures that had no part in it: against its teacher, and against labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.evaluate import candidate_from_built, candidate_from_tflite, evaluate, read_labelled_set
from edge_effnet.images import list_images, load_pixels
from edge_effnet.inspect import read_model
from edge_effnet.inspect.audit import audit
from edge_effnet.qat.judge import compare
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.convert.prepared import Prepared
    from edge_effnet.progress import Reporter
    from edge_effnet.qat.distil import Distilled
    from edge_effnet.qat.request import QatRequest

__all__ = ["report_on"]

_BATCH = 32


def report_on(
    request: QatRequest, prepared: Prepared, model: Path, done: Distilled, reporter: Reporter
) -> dict[str, Any]:
    """Return the audit, and how far the file is from its teacher: on ``--val``, else on held-out training pictures."""
    full = audit(read_model(model), io=request.convert.io).full_integer  # type: ignore[arg-type]  # checked before
    if request.val is None:
        found = done.judgements[done.kept]
        teacher = {**found.to_record(), "pictures": "held out of --data"}
        return {"full_integer": full, "teacher": teacher, "val": None}
    teacher = {**_against_teacher(request.val, prepared, model, reporter), "pictures": str(request.val)}
    return {
        "full_integer": full,
        "teacher": teacher,
        "val": _against_labels(request, prepared, model, reporter),
    }


def _against_teacher(folder: Path, prepared: Prepared, model: Path, reporter: Reporter) -> dict[str, Any]:
    """Run the teacher and the file on every picture of a folder."""
    paths, local = list_images(folder), LocalModel(model)
    wanted, given = [], []
    with reporter.stage("compare with the teacher", len(paths)):
        for start in range(0, len(paths), _BATCH):
            chunk = [
                each
                for path in paths[start : start + _BATCH]
                if (each := _pixels(path, prepared, reporter)) is not None
            ]
            reporter.advance(min(_BATCH, len(paths) - start))
            if chunk:
                wanted.append(prepared.built.predict_logits(np.stack(chunk)))
                given.append(np.stack([local.logits(picture) for picture in chunk]))
    if not wanted:
        raise DataError("no picture of --val can be read", got=folder)
    return compare(np.concatenate(wanted), np.concatenate(given)).to_record()


def _pixels(path: Path, prepared: Prepared, reporter: Reporter) -> Any:
    try:
        return load_pixels(path, prepared.preprocessing)
    except DataError as error:
        reporter.note("skipped", f"{path}: {error.message}")
        return None


def _against_labels(
    request: QatRequest, prepared: Prepared, model: Path, reporter: Reporter
) -> dict[str, Any] | None:
    """Evaluate both on the same labelled pictures; None where there are no labels."""
    assert request.val is not None  # noqa: S101 - the caller has looked
    if request.labels is None and not _has_labels(request.val):
        return None
    if prepared.built.weights.kind == "random":
        reporter.note("skipped", "random weights have no accuracy: --val is compared with the teacher only")
        return None
    teacher = candidate_from_built("float", prepared.built)
    student = candidate_from_tflite(model, "xnnpack")
    pictures = read_labelled_set(request.val, request.labels, teacher.classes)
    found = evaluate([teacher, student], pictures, reporter=reporter).to_record()
    float_score, int8_score = found["models"]
    pair = found["paired"]
    return {
        "n": int8_score["n"],
        "float_top1": float_score["top1"],
        "int8_top1": int8_score["top1"],
        "drop_top1": pair["drop_top1"],
        "ci95": pair["ci95"],
        "agreement": pair["agreement"],
        "skipped": found["skipped"],
    }


def _has_labels(folder: Path) -> bool:
    """Say whether a folder brings its labels: a table, or one folder per class."""
    folders = [each for each in folder.iterdir() if each.is_dir()]
    return (folder / "labels.csv").exists() or len(folders) > 1
