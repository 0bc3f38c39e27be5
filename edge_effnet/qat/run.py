"""The one call behind `edge-effnet qat`: prepare, calibrate, train, write, report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.convert.contract import record_from_factors
from edge_effnet.convert.features import find_feature_map, write_quantized
from edge_effnet.convert.prepared import prepare
from edge_effnet.convert.result import finish
from edge_effnet.errors import UsageError
from edge_effnet.qat.distil import distil
from edge_effnet.qat.pictures import open_training_pictures
from edge_effnet.qat.report import report_on
from edge_effnet.quantize.ptq import quantize_by_reconstruction
from edge_effnet.quantize.recipes import get_recipe
from edge_effnet.quantize.segments import cut_into_segments

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.convert.prepared import Prepared
    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.progress import Reporter
    from edge_effnet.qat.distil import Distilled
    from edge_effnet.qat.pictures import TrainingPictures
    from edge_effnet.qat.request import QatRequest
    from edge_effnet.qat.settings import QatSettings
    from edge_effnet.quantize.ptq import Settings
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["RECIPE", "SCHEMA_VERSION", "QatResult", "calibrate", "train_quantized"]

RECIPE: Final = "qat"
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class QatResult:
    """What a run made; ``record`` is the document of ``qat --json``."""

    path: Path
    record: dict[str, Any]


def train_quantized(request: QatRequest, reporter: Reporter) -> QatResult:
    """Carry out a run.

    Raises:
        UsageError: The output or the run folder is there already, or options contradict each other.
        DataError: Weights, labels, pictures or a checkpoint are unusable, or the run in the folder is another one.
        ConversionError: The loss is no longer finite, or the network has a part that cannot be converted.
        EnvironmentFault: Memory does not suffice, or a library is missing.
        GateError: The result is not integers from end to end.
    """
    convert = request.calibrated
    _require_graph(convert)
    prepared = prepare(convert, reporter)
    if convert.with_features:
        find_feature_map(prepared.folded)  # now, not after the training
    folder = request.folder(prepared.outputs.model)
    classes = prepared.built.labels or ()
    pictures = open_training_pictures(
        request.data, prepared.preprocessing, request.settings, classes, reporter
    )
    settings = request.settings.on(labelled=pictures.is_labelled)
    start = calibrate(convert, prepared, reporter)
    done = distil(
        prepared,
        start,
        pictures,
        settings,
        folder,
        reporter,
        resume=request.resume,
        force=convert.force,
    )
    choices = _choices(request, settings, done, pictures)
    with reporter.stage("write"):
        model, choices = write_quantized(convert, done.quantized, choices)
    written = finish(convert, prepared, model, choices, prepared.outputs, reporter)
    report = report_on(request, prepared, written.path, done, reporter)
    record = {
        **written.record,
        "schema_version": SCHEMA_VERSION,
        "recipe": RECIPE,
        "steps": done.outcome.steps,
        "training_seconds": round(done.outcome.seconds, 3),
        "stages": written.record["seconds"],
        "seconds": round(sum(reporter.seconds.values()), 3),
        "run": str(folder),
        "training": {**_without_files(choices["training"]), **done.to_record()},
        **report,
    }
    return QatResult(written.path, record)


def calibrate(request: ConvertRequest, prepared: Prepared, reporter: Reporter) -> QuantizedGraph:
    """Quantise without training: where every run begins.

    Raises:
        UsageError: The recipe leaves quantising to TensorFlow's converter, which gives no graph to train.
    """
    settings = _require_graph(request)
    assert prepared.feed is not None  # noqa: S101 - an integer conversion has calibration images
    with reporter.stage("quantize", total=len(cut_into_segments(prepared.folded))):
        return quantize_by_reconstruction(prepared.folded, prepared.feed, settings, reporter)


def _require_graph(request: ConvertRequest) -> Settings:
    settings = get_recipe(request.recipe).settings
    if settings is None:
        raise UsageError("this recipe cannot be trained from", got=request.recipe, hint="leave --recipe out")
    return settings


def _choices(
    request: QatRequest, settings: QatSettings, done: Distilled, pictures: TrainingPictures
) -> dict[str, Any]:
    return {
        "recipe": RECIPE,
        "channel_factors": record_from_factors(done.quantized.factors),
        "training": {
            "begins_from": request.convert.recipe,
            "steps": done.outcome.steps,
            "pictures": pictures.to_record(),
            "settings": settings.to_record(),
            "files_sha256": list(pictures.files_sha256),
        },
    }


def _without_files(training: dict[str, Any]) -> dict[str, Any]:
    """Return the record without a thousand hashes, which stand in the contract."""
    return {name: value for name, value in training.items() if name != "files_sha256"}
