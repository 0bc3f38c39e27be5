"""`edge-effnet train` as a library call: from weights and two folders of pictures to a weights file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet import __version__
from edge_effnet.artifacts import check_output, sha256_of_file, write_json
from edge_effnet.errors import UsageError
from edge_effnet.images import Preprocessing
from edge_effnet.models import build
from edge_effnet.models.formats_h5 import save_hdf5
from edge_effnet.progress import Silent
from edge_effnet.train.data import open_pictures
from edge_effnet.train.folder import RunFolder
from edge_effnet.train.layout import common_classes
from edge_effnet.train.loop import run
from edge_effnet.train.network import judged_weights
from edge_effnet.train.precision import choose_precision, precision_of_layers
from edge_effnet.train.records import RunPlan
from edge_effnet.train.settings import Settings
from edge_effnet.train.strategy import open_strategy
from edge_effnet.train.transfer import TransferTask
from edge_effnet.train.views import training_preprocessing

if TYPE_CHECKING:
    from edge_effnet.models import BuiltModel
    from edge_effnet.progress import Reporter
    from edge_effnet.train.data import Pictures
    from edge_effnet.train.records import Outcome
    from edge_effnet.train.strategy import Distribution

__all__ = ["SUFFIX", "TrainRequest", "TrainResult", "train"]

SCHEMA_VERSION: Final = 1
SUFFIX: Final = ".weights.h5"

_CHOSEN = "the best epoch was chosen by the pictures that val_top1 is measured on"
_LIBRARIES: Final = ("tensorflow", "tf_keras", "numpy", "Pillow")


@dataclass(frozen=True)
class TrainRequest:
    """A transfer-learning run and where it goes.

    Attributes:
        model: Variant or baseline.
        data: Folder to learn from, one sub-folder per class.
        val: Folder to judge by, with the same classes.
        output: The weights file, ``….weights.h5``.
        weights: ``imagenet``, ``random`` or a weights file; its classifier is replaced where its classes are others.
        resolution_px: Side of the input; None takes the model's.
        settings: How the network is taught.
        strategy: On how many devices, see `edge_effnet.train.strategy`.
        precision: ``auto``, ``float32`` or ``mixed``, see `edge_effnet.train.precision`.
        run_folder: Where the run is kept; None is the output's name with ``.run`` in place of its suffix.
        resume: Go on with the run in that folder.
        force: Overwrite the output, and begin anew where the folder holds a run.
        deadline_s: Begin no epoch that would end later than this.
    """

    model: str
    data: Path
    val: Path
    output: Path
    weights: str | Path = "imagenet"
    resolution_px: int | None = None
    settings: Settings = field(default_factory=Settings)
    strategy: str = "auto"
    precision: str = "auto"
    run_folder: Path | None = None
    resume: bool = False
    force: bool = False
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        if not self.output.name.endswith(SUFFIX) or self.output.name == SUFFIX:
            raise UsageError("the output's name has another ending", got=self.output, allowed=f"NAME{SUFFIX}")

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        return self.run_folder or self.output.with_name(self.output.name.removesuffix(SUFFIX) + ".run")

    @property
    def sidecar(self) -> Path:
        """The record beside the weights."""
        return Path(f"{self.output}.json")


@dataclass(frozen=True)
class TrainResult:
    """What came of it.

    Attributes:
        path: The weights.
        record: What is printed and written beside them, see ``schemas/train.json``.
    """

    path: Path
    record: dict[str, Any]


def train(request: TrainRequest, reporter: Reporter | None = None) -> TrainResult:
    """Teach a network the classes of a folder and write its weights.

    Args:
        request: What to do.
        reporter: Hears of pictures, epochs and steps.

    Returns:
        The weights of the best epoch and the record, which lies beside them as ``OUT.json``.

    Raises:
        UsageError: An option is out of range, or an output is there already.
        DataError: Pictures or weights are unusable, or the run in the folder is another one.
        ConversionError: The loss is no longer finite.
        EnvironmentFault: TensorFlow is missing, or memory does not suffice.
    """
    reporter = Silent() if reporter is None else reporter
    for path in (request.output, request.sidecar):
        check_output(path, force=request.force)
    # Before anything else: several workers must find each other before TensorFlow is used.
    distribution = open_strategy(request.strategy)
    prepared = _prepare(request, distribution, reporter)
    outcome = run(
        prepared.task, prepared.plan, request.folder, resume=request.resume, force=request.force and not request.resume,
        reporter=reporter, deadline_s=request.deadline_s, worker=distribution.worker,
    )  # fmt: skip
    return _written(request, prepared, outcome, distribution)


@dataclass(frozen=True)
class _Prepared:
    """A run that can begin."""

    task: TransferTask
    plan: RunPlan
    built: BuiltModel
    train: Pictures
    val: Pictures
    policy: str
    notes: tuple[str, ...]


def _prepare(request: TrainRequest, distribution: Distribution, reporter: Reporter) -> _Prepared:
    settings = request.settings
    policy, note = choose_precision(request.precision)
    if note is not None:
        reporter.note("warning", note)
    classes = common_classes(request.data, request.val)
    with distribution.strategy.scope(), precision_of_layers(policy):
        built = build(
            request.model, weights=request.weights, num_classes=len(classes),
            resolution_px=request.resolution_px, allow_new_head=True, seed=settings.seed, reporter=reporter,
        )  # fmt: skip
    evaluation = Preprocessing(built.resolution_px, built.crop_fraction)
    larger = training_preprocessing(evaluation, settings.policy)
    pictures = open_pictures(request.data, larger, labelled=True, reporter=reporter)
    val = open_pictures(request.val, evaluation, labelled=True, reporter=reporter)
    task = TransferTask(built, settings, pictures, val, distribution)
    fingerprint = _fingerprint(request, built, pictures, val, policy)
    plan = RunPlan(
        settings.epochs, task.epoch_steps, fingerprint, "val_top1", settings.patience, task.batch_size
    )
    notes = (*built.notes, *pictures.notes, *val.notes, *([note] if note else []))
    return _Prepared(task, plan, built, pictures, val, policy, notes)


def _fingerprint(
    request: TrainRequest, built: BuiltModel, pictures: Pictures, val: Pictures, policy: str
) -> dict[str, Any]:
    return {
        "model": request.model,
        "resolution_px": built.resolution_px,
        "weights": built.weights.sha256,
        "data": pictures.sha256,
        "val": val.sha256,
        "precision": policy,
        **request.settings.to_record(),
    }


def _written(
    request: TrainRequest, prepared: _Prepared, outcome: Outcome, distribution: Distribution
) -> TrainResult:
    if distribution.worker.is_chief:
        save_hdf5(
            _best_network(request, prepared),
            request.output,
            labels=prepared.train.classes,
            force=request.force,
        )
    record = _record(request, prepared, outcome, distribution)
    if distribution.worker.is_chief:
        write_json(request.sidecar, record, force=request.force)
    return TrainResult(request.output, record)


def _best_network(request: TrainRequest, prepared: _Prepared) -> BuiltModel:
    """Return a network of its own, on one device and in float32, with the weights of the best epoch as they were judged."""
    trained = prepared.built
    plain = build(request.model, num_classes=len(prepared.train.classes), resolution_px=trained.resolution_px)
    plain.keras.set_weights(judged_weights(RunFolder(request.folder).load_best()))
    return dataclasses.replace(plain, normalisation=trained.normalisation)


def _record(
    request: TrainRequest, prepared: _Prepared, outcome: Outcome, distribution: Distribution
) -> dict[str, Any]:
    best, built = outcome.best, prepared.built
    return {
        "schema_version": SCHEMA_VERSION,
        "weights": str(request.output),
        "sha256": sha256_of_file(request.output) if distribution.worker.is_chief else None,
        "size_bytes": request.output.stat().st_size if distribution.worker.is_chief else None,
        "val_top1": None if best is None else best.value,
        "best_epoch": None if best is None else best.epoch,
        "n": len(prepared.val),
        "epochs": outcome.epochs,
        "steps": outcome.steps,
        "seconds": outcome.seconds,
        "stopped": outcome.stopped,
        "model": {"id": request.model, "resolution_px": built.resolution_px},
        "classes": list(prepared.train.classes),
        "start": dataclasses.asdict(built.weights),
        "data": {"train": _data(request.data, prepared.train), "val": _data(request.val, prepared.val)},
        "settings": request.settings.to_record(),
        "frozen": _frozen(request.settings, prepared.task),
        "devices": distribution.to_record() | {"precision": prepared.policy},
        "history": list(outcome.history),
        "run": str(request.folder),
        "notes": [*prepared.notes, *outcome.notes, *([_CHOSEN] if best is not None else [])],
        "tools": {"edge-effnet": __version__, **{name: metadata.version(name) for name in _LIBRARIES}},
    }


def _data(folder: Path, pictures: Pictures) -> dict[str, Any]:
    return {
        "path": str(folder),
        "sha256": pictures.sha256,
        "n": len(pictures),
        "per_class": dict(zip(pictures.classes, pictures.counts, strict=True)),
        "unreadable": [dataclasses.asdict(each) for each in pictures.unreadable],
    }


def _frozen(settings: Settings, task: TransferTask) -> dict[str, Any]:
    """Say what learnt from which epoch on (counted from 1), and what never did."""
    layers = [layer for layer in task.network.built.keras.layers if layer.weights]
    return {
        "learning_from_epoch": {str(epoch + 1): first for epoch, first in settings.unfreezing.rows},
        "batch_norm": settings.batch_norm,
        "frozen_layers": sum(not layer.trainable for layer in layers),
        "layers": len(layers),
    }
