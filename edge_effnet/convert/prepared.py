"""The first half of a conversion: build, freeze, fold, and open the calibration images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.calibrate import lint_feed, open_calibration, require_usable
from edge_effnet.convert.outputs import Outputs
from edge_effnet.convert.request import DEFAULT_CALIBRATION
from edge_effnet.images import Preprocessing
from edge_effnet.models import build
from edge_effnet.models.fold import fold_normalisation
from edge_effnet.models.freeze import freeze
from edge_effnet.models.labels import imagenet_labels, read_labels
from edge_effnet.quantize.recipes import DEFAULT_RECIPE

if TYPE_CHECKING:
    from edge_effnet.calibrate import CalibrationFeed, Finding
    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph
    from edge_effnet.progress import Reporter

__all__ = ["Prepared", "prepare"]

_IMAGENET_CLASSES: Final = 1000
_NAMED: Final = 5
"""How many files a note names."""


@dataclass(frozen=True)
class Prepared:
    """A float network that is ready to be quantised and written.

    Attributes:
        built: The Keras model with its weights.
        graph: The frozen float graph, which takes normalised pixels.
        folded: The same graph on ``pixel - offset``, its normalisation inside the first convolution.
        preprocessing: How a picture becomes pixels.
        feed: The calibration images; None where the result has float activations.
        labels: Class names in the order of the outputs, where known.
        outputs: Where the result is to be written.
    """

    built: BuiltModel
    graph: Graph
    folded: Graph
    preprocessing: Preprocessing
    feed: CalibrationFeed | None
    labels: tuple[str, ...] | None
    outputs: Outputs


def prepare(request: ConvertRequest, reporter: Reporter) -> Prepared:
    """Do everything that comes before quantising; outputs that may not be written are refused first.

    Raises:
        UsageError: The output is there already, or an option does not go with the model.
        DataError: Weights, labels or calibration images are unusable.
        ConversionError: The network has a part that cannot be converted.
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
    return Prepared(built, graph, fold_normalisation(graph), preprocessing, feed, labels, outputs)


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
