"""Top-1 and top-5 with their intervals, and the paired comparison of models on the same images.

Ties are broken in favour of the lowest class index, everywhere.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.convert.contract import tool_versions
from edge_effnet.errors import DataError
from edge_effnet.evaluate.classes import labels_of_outputs, offset_for
from edge_effnet.evaluate.guards import refuse_calibration_images, refuse_random_weights
from edge_effnet.evaluate.predict import predict
from edge_effnet.evaluate.record import Evaluation, Judged
from edge_effnet.evaluate.scores import ModelScore, PairScore, class_tallies
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.evaluate.candidates import Candidate
    from edge_effnet.evaluate.data import LabelledPictures
    from edge_effnet.evaluate.predict import Answer, Answers
    from edge_effnet.progress import Reporter

__all__ = ["TIE_RULE", "core_count", "evaluate"]

TIE_RULE = "the lowest class index wins"


@dataclass(frozen=True)
class _Alignment:
    """The models' outputs in terms of the same labels.

    Attributes:
        labels: For each model, ``(outputs,)`` label of each output.
        names: Label -> name.
        notes: What was assumed.
    """

    labels: tuple[npt.NDArray[np.int64], ...]
    names: Mapping[int, str]
    notes: tuple[str, ...]


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def evaluate(
    candidates: Sequence[Candidate],
    pictures: LabelledPictures,
    *,
    workers: int | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Evaluate models on the same labelled images.

    Args:
        candidates: One or more models; the labels are in terms of the first one's classes.
        pictures: The images.
        workers: Threads; all cores by default.
        reporter: Told about progress and assumptions.

    Raises:
        DataError: A model has random weights, was calibrated on these images, or lacks a class of the set; or no
            image could be read.
    """
    reporter, workers = reporter or Silent(), workers or core_count()
    refuse_random_weights(candidates)
    refuse_calibration_images(candidates, pictures)
    alignment = _align(candidates, pictures)
    for note in alignment.notes:
        reporter.note("warning", note)
    started = time.perf_counter()
    with reporter.stage("evaluate", len(pictures)):
        answers = predict(candidates, pictures, workers=workers, reporter=reporter)
    seconds = {"evaluate": time.perf_counter() - started}
    for item in (*pictures.skipped, *answers.skipped):
        reporter.note("skipped", f"{item.file}: {item.reason}")
    if not answers.indices:
        raise DataError(
            "no image could be read", got=answers.skipped[0].reason, hint="check --data and --labels"
        )
    return _evaluation(candidates, pictures, answers, alignment, _conditions(candidates, workers), seconds)


def _align(candidates: Sequence[Candidate], pictures: LabelledPictures) -> _Alignment:
    """Bring every model's outputs to the labels of the set.

    Raises:
        DataError: A label is out of a model's range.
    """
    highest = max(pictures.label(index) for index in range(len(pictures)))
    offsets = [offset_for(candidate.classes, highest) for candidate in candidates]
    names = candidates[0].classes.names_from(offsets[0])
    notes = [*pictures.notes]
    for candidate, offset in zip(candidates, offsets, strict=True):
        _check_range(candidate, offset, highest)
        notes += [*candidate.notes, *_remarks(candidate, offset)]
    labels = tuple(
        labels_of_outputs(candidate.classes, offset, names)
        for candidate, offset in zip(candidates, offsets, strict=True)
    )
    return _Alignment(labels, {**dict(enumerate(names or ())), **pictures.class_names}, tuple(notes))


def _check_range(candidate: Candidate, offset: int, highest: int) -> None:
    classes = candidate.classes.outputs - offset
    if highest >= classes:
        raise DataError(
            "a label is out of the model's range",
            got=f"class {highest}; {candidate.path} has {candidate.classes.outputs} outputs",
            allowed=f"0 to {classes - 1}",
            hint="use the labels of this model's classes",
        )


def _remarks(candidate: Candidate, offset: int) -> list[str]:
    """Return what a reader of this model's accuracy must know."""
    remarks = []
    if offset:
        remarks.append(
            f"{candidate.path}: the first of {candidate.classes.outputs} outputs is taken as background"
        )
    if candidate.contract is not None and candidate.contract.is_calibrated_on_synthetic:
        remarks.append(
            f"{candidate.path}: calibrated on rendered pictures ({candidate.contract.calibration_id})"
        )
    return remarks


def _judged(answers: Sequence[Answer], labels: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> Judged:
    found = labels[np.array([answer.outputs for answer in answers], np.int64)]
    confidences = np.array([answer.confidences for answer in answers], np.float64)
    return Judged(found, confidences, found[:, 0] == truth)


def _evaluation(
    candidates: Sequence[Candidate],
    pictures: LabelledPictures,
    answers: Answers,
    alignment: _Alignment,
    conditions: dict[str, Any],
    seconds: dict[str, float],
) -> Evaluation:
    truth = np.array([pictures.label(index) for index in answers.indices], np.int64)
    judged = tuple(
        _judged(model, labels, truth)
        for model, labels in zip(answers.by_model, alignment.labels, strict=True)
    )
    scores = tuple(
        ModelScore.of(candidate, found.labels == truth[:, np.newaxis], [answer.tied for answer in given])
        for candidate, found, given in zip(candidates, judged, answers.by_model, strict=True)
    )
    pairs = tuple(
        PairScore.of(candidates[0].path, candidate.path, judged[0], found)
        for candidate, found in zip(candidates[1:], judged[1:], strict=True)
    )
    return Evaluation(
        models=scores,
        pairs=pairs,
        worst=class_tallies(truth, [found.right for found in judged[:2]], alignment.names),
        skipped=(*pictures.skipped, *answers.skipped),
        notes=alignment.notes,
        conditions=conditions,
        seconds=seconds,
        images=answers.indices,
        files=tuple(pictures.name(index) for index in answers.indices),
        truth=truth,
        judged=judged,
        class_names=alignment.names,
    )


def _conditions(candidates: Sequence[Candidate], workers: int) -> dict[str, Any]:
    """Return what a reader needs to get the same numbers."""
    engines = {candidate.engine: candidate.library for candidate in candidates}
    return {
        "engine": ", ".join(engines),
        "engines": engines,
        "workers": workers,
        "threads_per_worker": 1,
        "tie_rule": TIE_RULE,
        "versions": {**tool_versions(["numpy", "pillow"]), "python": platform.python_version()},
        "host": {"machine": platform.machine(), "system": platform.system(), "cpus": os.cpu_count()},
    }
