"""The one call behind `edge-effnet convert`: build, freeze, calibrate, quantise, write, audit."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.calibrate import lint_feed, open_calibration, require_usable
from edge_effnet.convert.contract import (
    CONTRACT_NAME,
    SCHEMA_VERSION,
    append_archive,
    golden_vectors,
    record_from_factors,
    tool_versions,
)
from edge_effnet.convert.converter import tflite_from_converter, with_metadata
from edge_effnet.convert.outputs import Outputs
from edge_effnet.convert.request import DEFAULT_CALIBRATION
from edge_effnet.convert.tflite import tflite_from_graph, tflite_from_quantized
from edge_effnet.errors import GateError
from edge_effnet.images import Preprocessing
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.models import build
from edge_effnet.models.fold import fold_normalisation, fold_std
from edge_effnet.models.freeze import freeze
from edge_effnet.models.labels import imagenet_labels, read_labels
from edge_effnet.quantize.ptq import quantize_by_reconstruction
from edge_effnet.quantize.recipes import DEFAULT_RECIPE, get_recipe
from edge_effnet.quantize.segments import cut_into_segments
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.calibrate import CalibrationFeed, Finding
    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph
    from edge_effnet.progress import Reporter

__all__ = ["ConvertResult", "convert"]

_TOOLS = ("ai-edge-litert", "tensorflow", "tf_keras", "numpy", "pillow")
_IMAGENET_CLASSES = 1000
_NAMED = 5  # how many files a note names


@dataclass(frozen=True)
class ConvertResult:
    """What a conversion made; `record` is the document of ``convert --json``."""

    path: Path
    contract_path: Path
    record: dict[str, Any]
    notes: tuple[str, ...]


def convert(request: ConvertRequest, reporter: Reporter) -> ConvertResult:
    """Convert one model.

    Raises:
        UsageError: The output is there already, or an option does not go with the model.
        DataError: Weights, labels or calibration images are unusable.
        ConversionError: The network has a part that cannot be converted.
        GateError: The result is not integers from end to end.
    """
    if request.output is not None:
        Outputs(request.output, request.force).check()
    with reporter.stage("build"):
        built = _build(request, reporter)
    outputs = Outputs(request.path(built.resolution_px), request.force)
    outputs.check()
    labels = _labels(request, built)
    with reporter.stage("freeze"):
        graph = freeze(built.keras, built.normalisation, name=built.id)
    preprocessing = Preprocessing(built.resolution_px, built.crop_fraction)
    feed = _open_feed(request, preprocessing, reporter)
    model, choices = _write_model(request, graph, feed, reporter)
    contract = _contract(request, built, preprocessing, feed, labels, choices)
    contract["io"] = _io_record(model)
    content = append_archive(with_metadata(model, {CONTRACT_NAME: json.dumps(contract).encode()}), contract)
    if request.integer:
        _require_integer(content, request.io)
    with reporter.stage("golden"):
        golden = golden_vectors(LocalModel(content), preprocessing)
    return _leave(outputs, reporter, content, contract, golden, built.notes)


def _build(request: ConvertRequest, reporter: Reporter) -> BuiltModel:
    return build(
        request.model,
        weights=request.weights,
        num_classes=request.num_classes,
        resolution_px=request.resolution_px,
        activation=request.activation,  # type: ignore[arg-type]  # the builder refuses an unknown one, with the list
        squeeze_excite=request.squeeze_excite,
        allow_new_head=request.allow_new_head,
        seed=request.seed,
        reporter=reporter,
    )


def _labels(request: ConvertRequest, built: BuiltModel) -> tuple[str, ...] | None:
    classes = int(built.keras.outputs[0].shape[-1])
    if request.labels is not None:
        return read_labels(request.labels, classes)
    if built.labels is not None:
        return built.labels
    # A network with random weights has outputs and no classes.
    return imagenet_labels() if classes == _IMAGENET_CLASSES and built.weights.kind != "random" else None


def _open_feed(
    request: ConvertRequest, preprocessing: Preprocessing, reporter: Reporter
) -> CalibrationFeed | None:
    """Open and examine the calibration images; a float model has none, and says so where some were given."""
    if not request.integer:
        if request.calibration is not None or request.recipe != DEFAULT_RECIPE:
            note = f"{request.precision} has float activations: --calibration and --recipe are not used"
            reporter.note("skipped", note)
        return None
    with reporter.stage("calibration images"):
        feed = open_calibration(
            request.calibration or DEFAULT_CALIBRATION,
            preprocessing,
            samples=request.calibration_samples,
            seed=request.seed,
            reporter=reporter,
        )
        report = lint_feed(feed, request.evaluation)
    for finding in report.findings:
        reporter.note(
            "warning" if finding.severity != "info" else "info", f"calibration: {_in_words(finding)}"
        )
    require_usable(report)
    if request.calibration is None:
        reporter.note(
            "warning",
            f"no --calibration given: the embedded {DEFAULT_CALIBRATION} costs accuracy against real photographs",
        )
    return feed


def _in_words(finding: Finding) -> str:
    """Return a finding with the first files that it is about."""
    if not finding.files:
        return finding.detail
    more = " ..." if len(finding.files) > _NAMED else ""
    return f"{finding.detail}: {'; '.join(finding.files[:_NAMED])}{more}"


def _write_model(
    request: ConvertRequest, graph: Graph, feed: CalibrationFeed | None, reporter: Reporter
) -> tuple[bytes, dict[str, Any]]:
    """Return the model's bytes and what the recipe decided."""
    if feed is None:
        with reporter.stage("write"):
            return tflite_from_graph(fold_std(graph), request.precision), {}
    folded = fold_normalisation(graph)
    settings = get_recipe(request.recipe).settings
    if settings is None:
        with reporter.stage("converter"):
            return tflite_from_converter(folded, feed, request.io, reporter), {}
    with reporter.stage("quantize", total=len(cut_into_segments(folded))):
        quantized = quantize_by_reconstruction(folded, feed, settings, reporter)
    with reporter.stage("write"):
        return tflite_from_quantized(quantized, io=request.io), {
            "channel_factors": record_from_factors(quantized.factors)
        }


def _contract(
    request: ConvertRequest,
    built: BuiltModel,
    preprocessing: Preprocessing,
    feed: CalibrationFeed | None,
    labels: tuple[str, ...] | None,
    choices: dict[str, Any],
) -> dict[str, Any]:
    calibration = None if feed is None else {**feed.to_record(), "files_sha256": list(feed.files_sha256)}
    return {
        "schema_version": SCHEMA_VERSION,
        "model": {
            "id": built.id,
            "resolution_px": built.resolution_px,
            "activation": request.activation,
            "squeeze_excite": request.squeeze_excite,
        },
        "precision": request.precision,
        "recipe": request.recipe if request.integer else None,
        "preprocessing": preprocessing.to_record(),
        "input_rule": "int8 = pixel - 128; uint8 = pixel; float32 = pixel as 0..255; RGB; the normalisation is inside the model",
        "normalisation_inside": {
            "mean": list(built.normalisation.mean),
            "std": list(built.normalisation.std),
        },
        "output_rule": "logits; top-1 is the largest, the lowest index wins a tie; softmax is the reader's",
        "labels": None if labels is None else list(labels),
        "weights": asdict(built.weights),
        "calibration": calibration,
        "tools": tool_versions(_TOOLS),
        **choices,
    }


def _io_record(model: bytes) -> dict[str, Any]:
    main = read_model_bytes(model).main
    sides = {"input": main.input_tensors[0], "output": main.output_tensors[0]}
    return {
        side: {
            "dtype": tensor.type.lower(),
            "shape": list(tensor.shape),
            "scale": tensor.scale,
            "zero_point": tensor.zero_point,
        }
        for side, tensor in sides.items()
    }


def _require_integer(content: bytes, io: str) -> None:
    result = audit(read_model_bytes(content), io=io)  # type: ignore[arg-type]  # checked by the request
    if not result.full_integer:
        errors = [finding for finding in result.findings if finding.severity == "error"]
        raise GateError(
            f"the result is not full integer: {len(errors)} findings, the first: {errors[0].reason}",
            got=errors[0].tensor or errors[0].op,
            hint=errors[0].fix,
        )


def _leave(
    outputs: Outputs,
    reporter: Reporter,
    content: bytes,
    contract: dict[str, Any],
    golden: list[dict[str, Any]],
    notes: tuple[str, ...],
) -> ConvertResult:
    """Write the model and its contract, and describe them."""
    digest = sha256_of_bytes(content)
    beside = {**contract, "file": outputs.model.name, "sha256": digest, "golden": golden}
    outputs.write(content, beside, reporter)
    calibration = contract["calibration"]
    record = {
        "schema_version": SCHEMA_VERSION,
        "path": str(outputs.model),
        "sha256": digest,
        "size_bytes": len(content),
        "model": contract["model"],
        "precision": contract["precision"],
        "recipe": contract["recipe"],
        "weights": contract["weights"],
        "calibration": calibration and {key: calibration[key] for key in ("id", "sha256", "count")},
        "io": contract["io"],
        "contract": str(outputs.contract),
        "seconds": {stage: round(seconds, 3) for stage, seconds in reporter.seconds.items()},
        "peak_rss_bytes": _peak_rss_bytes(),
        "tools": contract["tools"],
        "notes": list(notes),
    }
    return ConvertResult(outputs.model, outputs.contract, record, notes)


def _peak_rss_bytes() -> int:
    """Largest resident memory of this process so far; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
