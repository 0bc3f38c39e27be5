"""The one call behind `edge-effnet verify`: the same pictures through everything that claims to be the same network."""

from __future__ import annotations

import itertools
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.calibrate import list_set_ids, open_calibration
from edge_effnet.convert.contract import tool_versions
from edge_effnet.errors import DataError, UsageError
from edge_effnet.progress import Silent
from edge_effnet.quantize.scheme import Grid
from edge_effnet.runtimes import Missing
from edge_effnet.verify.alone import codes_on
from edge_effnet.verify.engines import FAKE_QUANT, REFERENCE, check_names, open_runners, rebuilt_or_missing
from edge_effnet.verify.figures import EngineResult, PairResult
from edge_effnet.verify.locate import locate
from edge_effnet.verify.record import Located, Verification
from edge_effnet.verify.sensitivity import block_sensitivity
from edge_effnet.verify.stats import CodeSteps, cosine, sqnr_db, top1_agreement
from edge_effnet.verify.subjects import open_float, open_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_effnet.calibrate import CalibrationFeed
    from edge_effnet.progress import Reporter
    from edge_effnet.verify.engines import Runner
    from edge_effnet.verify.figures import BlockSensitivity
    from edge_effnet.verify.rebuild import Rebuilt
    from edge_effnet.verify.subjects import FloatModel, IntegerModel

    Floats = npt.NDArray[np.float32]

__all__ = ["DEFAULT_LIMIT", "LAYER_IMAGES", "PROBE_SEED", "REFERENCE_IMAGES", "SENSITIVITY_IMAGES", "verify"]

DEFAULT_LIMIT: Final = 32
LAYER_IMAGES: Final = 4
SENSITIVITY_IMAGES: Final = 16
REFERENCE_IMAGES: Final = 4
"""The reference kernels take about a second for one picture of B0."""

PROBE_SEED: Final = 7919
"""Chooses the pictures. Calibration's default is 0, so that a set drawn from a seed is not probed with its own."""

_BATCH_PIXELS: Final = 4 * 224 * 224
_TOOLS: Final = ("ai-edge-litert", "tensorflow", "numpy", "pillow")


@dataclass(frozen=True)
class _Scores:
    """What came out: logits ``(n, classes)``, on the first ``n`` pictures, and the time they took."""

    logits: Floats
    seconds: float


def verify(
    float_model: str | Path,
    int8_model: Path,
    data: str | Path,
    *,
    engines: Sequence[str] | None = None,
    limit: int = DEFAULT_LIMIT,
    reference_images: int = REFERENCE_IMAGES,
    layer_images: int = LAYER_IMAGES,
    sensitivity_images: int = 0,
    seed: int = PROBE_SEED,
    reporter: Reporter | None = None,
) -> Verification:
    """Run the same pictures through a float network, the fake-quant graph of an int8 file, and the file on engines.

    Args:
        float_model: A float .tflite file, or ``keras:ID[:WEIGHTS]``.
        int8_model: The int8 .tflite file.
        data: Folder of pictures (no labels needed), ``.npy`` file, or id of a rendered set such as ``synthetic-v1``.
        engines: ``fake_quant`` and names of engines; None takes fake_quant, xnnpack, builtin and reference.
        limit: Pictures at most.
        reference_images: Of them, how many the slow engine ``reference`` gets.
        layer_images: Of them, how many the layers are compared on; 0 leaves the layers out.
        sensitivity_images: Of them, how many each block alone is judged on; 0 leaves the blocks' sensitivity out.
        seed: Chooses the pictures.
        reporter: Told about progress and assumptions.

    Raises:
        UnknownNameError: There is no such engine, model or set.
        UsageError: A number is out of range.
        DataError: A file is missing or damaged, or the two models do not take the same pictures and classes.
        EnvironmentFault: No engine runs the int8 file, or TensorFlow is missing and the float model needs it.
    """
    names, reporter = check_names(engines), reporter or Silent()
    _check_counts((limit, reference_images), (layer_images, sensitivity_images))
    subject = open_integer(Path(int8_model))
    feed = _open_data(data, subject, limit, seed, reporter)
    with reporter.stage("open"):
        twin = _open_twin(str(float_model), subject)
        rebuilt = rebuilt_or_missing(subject)
        runners, missing = open_runners(names, subject, rebuilt, reference_images=reference_images)
    with reporter.stage("engines", feed.count):
        scores = _run(twin, runners, feed, reporter)
    pairs = _pairs(scores, _output_grid(subject, rebuilt))
    located = _located(twin, subject, rebuilt, feed, layer_images, reporter)
    blocks, reasons = _sensitivity(twin, subject, rebuilt, feed, sensitivity_images, reporter)
    notes = _said((*_notes(twin, subject, feed, pairs, scores), *reasons), reporter)
    return Verification(
        _subjects(twin, subject, feed, seed),
        feed.count,
        tuple(_result(runner, scores, pairs) for runner in runners),
        missing,
        pairs,
        located,
        notes,
        tuple((picture.name, picture.reason) for picture in feed.unreadable),
        {**tool_versions(_TOOLS), "python": platform.python_version()},
        {stage: round(seconds, 3) for stage, seconds in reporter.seconds.items()},
        blocks,
    )


def _check_counts(positive: tuple[int, ...], not_negative: tuple[int, ...]) -> None:
    if min(positive) < 1 or min(not_negative) < 0:
        raise UsageError("a number of images is too small", got=(*positive, *not_negative))


def _said(notes: tuple[str, ...], reporter: Reporter) -> tuple[str, ...]:
    for note in notes:
        reporter.note("warning", note)
    return notes


def _located(
    twin: FloatModel,
    subject: IntegerModel,
    rebuilt: Rebuilt | Missing,
    feed: CalibrationFeed,
    most: int,
    reporter: Reporter,
) -> Located:
    """Compare layer by layer on the first pictures."""
    count = min(most, feed.count)
    if count == 0:
        return Located(notes=("no layers: --layer-images 0",))
    with reporter.stage("layers", count):
        pictures = [feed.source.load(index) for index in range(count)]
        return locate(twin, subject, rebuilt, pictures, reporter)


def _sensitivity(
    twin: FloatModel,
    subject: IntegerModel,
    rebuilt: Rebuilt | Missing,
    feed: CalibrationFeed,
    most: int,
    reporter: Reporter,
) -> tuple[tuple[BlockSensitivity, ...], tuple[str, ...]]:
    """Quantise each block alone on the first pictures; return the rows, and why there are none."""
    count = min(most, feed.count)
    if count == 0:
        return (), ()
    if isinstance(rebuilt, Missing):
        return (), (f"no sensitivity: {rebuilt.reason}",)
    with reporter.stage("sensitivity", count):
        size = _batch_size(feed)
        pictures = (feed.source.load(index) for index in range(count))
        batches = iter(lambda: list(itertools.islice(pictures, size)), [])
        try:
            graph = twin.graph()
            rows = block_sensitivity(
                rebuilt.quantized,
                map(np.stack, batches),
                float_graph=graph,
                factors=subject.factors,
                reporter=reporter,
            )
        except DataError as error:
            return (), (f"no sensitivity: {error.message}",)
    return rows, ()


def _batch_size(feed: CalibrationFeed) -> int:
    return max(1, _BATCH_PIXELS // feed.preprocessing.resolution_px**2)


def _open_data(
    data: str | Path, subject: IntegerModel, limit: int, seed: int, reporter: Reporter
) -> CalibrationFeed:
    """Open pictures as calibration does, which needs no labels."""
    try:
        return open_calibration(data, subject.preprocessing, samples=limit, seed=seed, reporter=reporter)
    except DataError as error:
        if Path(data).exists():
            raise
        hint = f"give a folder of pictures, a .npy file, or a set: {', '.join(list_set_ids())}"
        raise DataError("the images do not exist", got=data, hint=hint) from error


def _open_twin(float_model: str, subject: IntegerModel) -> FloatModel:
    """Open the float network, which must take the same pictures and give the same classes."""
    twin = open_float(float_model)
    side_px = subject.preprocessing.resolution_px
    if twin.resolution_px != side_px:
        raise DataError(
            "the two models take pictures of different sizes",
            got=f"{twin.name}: {twin.resolution_px} px, {subject.path}: {side_px} px",
            hint="compare with a float model at the same resolution: edge-effnet convert --precision float32",
        )
    outputs = subject.model.main.output_tensors
    classes = outputs[0].shape[-1] if outputs and outputs[0].shape else 0
    if twin.classes != classes:
        raise DataError(
            "the two models have different numbers of classes",
            got=f"{twin.name}: {twin.classes}, {subject.path}: {classes}",
        )
    return twin


def _run(
    twin: FloatModel, runners: Sequence[Runner], feed: CalibrationFeed, reporter: Reporter
) -> dict[str, _Scores]:
    """Run everything on the same batches; the float network's scores are under the empty name."""
    logits: dict[str, list[Floats]] = {"": [], **{runner.name: [] for runner in runners}}
    seconds = dict.fromkeys(logits, 0.0)
    done = 0
    for batch in feed.batches(_batch_size(feed)):
        for name, run, most in [("", twin.logits, None), *((r.name, r.logits, r.limit) for r in runners)]:
            given = batch if most is None else batch[: max(0, most - done)]
            if len(given):
                start = time.perf_counter()
                logits[name].append(_finite(run(given), name or twin.name))
                seconds[name] += time.perf_counter() - start
        done += len(batch)
        reporter.advance(len(batch))
    return {name: _Scores(np.concatenate(rows), seconds[name]) for name, rows in logits.items()}


def _finite(logits: Floats, name: str) -> Floats:
    if not np.isfinite(logits).all():
        raise DataError("a model gives values that are not finite", got=name, hint="check its weights")
    return logits


def _output_grid(subject: IntegerModel, rebuilt: Rebuilt | Missing) -> Grid | None:
    """Return the grid of the output; None where it has none."""
    if not isinstance(rebuilt, Missing):
        return rebuilt.output_grid
    tensor = subject.model.main.output_tensors[0]
    return (
        None if tensor.scale is None or tensor.zero_point is None else Grid(tensor.scale, tensor.zero_point)
    )


def _pairs(scores: dict[str, _Scores], grid: Grid | None) -> tuple[PairResult, ...]:
    names = [name for name in scores if name]
    if grid is None:
        return ()
    codes = {name: codes_on(grid, scores[name].logits) for name in names}
    return tuple(_pair(one, two, codes[one], codes[two]) for one, two in itertools.combinations(names, 2))


def _pair(one: str, two: str, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> PairResult:
    n = min(len(first), len(second))
    steps = CodeSteps()
    steps.add(first[:n], second[:n])
    return PairResult((one, two), n, steps.largest, steps.mean_lsb, steps.within_1_lsb, steps.equal)


def _result(runner: Runner, scores: dict[str, _Scores], pairs: tuple[PairResult, ...]) -> EngineResult:
    """Compare an engine with the float network, and in LSB with ``reference`` (that one with ``fake_quant``)."""
    found = scores[runner.name]
    wanted = scores[""].logits[: len(found.logits)]
    judges = [name for name in (REFERENCE, FAKE_QUANT, *scores) if name and name != runner.name]
    lsb = {frozenset(pair.engines): pair for pair in pairs}
    against = [lsb[key] for name in judges if (key := frozenset((name, runner.name))) in lsb]
    return EngineResult(
        runner.name,
        runner.library,
        len(found.logits),
        sqnr_db(wanted, found.logits),
        cosine(wanted, found.logits),
        top1_agreement(wanted, found.logits),
        against[0] if against else None,
        round(found.seconds, 4),
    )


def _notes(
    twin: FloatModel,
    subject: IntegerModel,
    feed: CalibrationFeed,
    pairs: tuple[PairResult, ...],
    scores: dict[str, _Scores],
) -> tuple[str, ...]:
    notes = [*twin.notes, *subject.notes]
    known = subject.calibration_files.intersection(feed.files_sha256)
    if known:
        notes.append(f"{len(known)} of {feed.count} images were used to calibrate the int8 model")
    if twin.random_weights or subject.random_weights:
        notes.append("a model has random weights: agreement says nothing about accuracy")
    if twin.ends_in_softmax != subject.ends_in_softmax:
        notes.append(
            "one model ends in a softmax and the other does not: SQNR and cosine compare unlike things"
        )
    if not pairs:
        notes.append("no LSB: it takes two engines and an int8 output")
    limited = [name for name, found in scores.items() if len(found.logits) < feed.count]
    notes += [f"{name} was given {len(scores[name].logits)} of {feed.count} images" for name in limited]
    notes += [f"{picture.name} was left out: {picture.reason}" for picture in feed.unreadable]
    return tuple(notes)


def _subjects(
    twin: FloatModel, subject: IntegerModel, feed: CalibrationFeed, seed: int
) -> dict[str, dict[str, Any]]:
    return {
        "float": {
            "path": twin.name,
            "sha256": twin.sha256,
            "engine": twin.engine,
            "library": twin.library,
        },
        "int8": {
            "path": str(subject.path),
            "sha256": sha256_of_bytes(subject.content),
            "size_bytes": len(subject.content),
        },
        "data": {**feed.to_record(), "seed": seed, "preprocessing": subject.preprocessing.id},
    }
