"""The one call behind `edge-effnet tune`: try one recipe after the other until one meets the accuracy budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_effnet import __version__
from edge_effnet.artifacts import sha256_of_file
from edge_effnet.convert.outputs import Outputs
from edge_effnet.progress import Silent
from edge_effnet.tune.distil import default_distiller
from edge_effnet.tune.folder import RunFolder, key_of
from edge_effnet.tune.guards import check_sources, judged_pictures
from edge_effnet.tune.judge import FloatTwin, classes_of
from edge_effnet.tune.ladder import Ladder
from edge_effnet.tune.once import Once
from edge_effnet.tune.outcome import write_outcome
from edge_effnet.tune.workshop import Workshop

if TYPE_CHECKING:
    from edge_effnet.progress import Reporter
    from edge_effnet.tune.distil import Distiller
    from edge_effnet.tune.record import Climb
    from edge_effnet.tune.request import TuneRequest

__all__ = ["climb"]


def climb(
    request: TuneRequest, reporter: Reporter | None = None, *, distil: Distiller | None = None
) -> Climb:
    """Climb the ladder and write the model of the rung that is chosen.

    Args:
        request: What to do.
        reporter: Told of every stage.
        distil: Trains a quantised graph; that of `edge_effnet.qat` where None.

    Returns:
        What was found; its `require_met` is the gate. The best model is written whether or not it meets the budget.

    Raises:
        UsageError: The output or its run folder is there already.
        DataError: Pictures, labels or weights are unusable, calibration pictures are among the judged ones, or the run
            folder is of other inputs.
        ConversionError: No rung ended in a model.
    """
    reporter = Once(Silent() if reporter is None else reporter)
    folder = RunFolder(request.folder)
    outputs = _outputs(request, folder)
    check_sources(request)
    workshop = Workshop(request, distil or default_distiller, reporter)
    prepared = workshop.prepared
    pictures, fingerprint = judged_pictures(request, classes_of(prepared))
    inputs = _inputs(request, workshop, fingerprint)
    folder.open(inputs, force=request.force)
    twin = FloatTwin(prepared, f"keras:{request.model}:{request.weights}", folder.float_logits)
    ladder = Ladder(request, workshop, folder, twin, pictures, key_of(inputs), reporter)
    return write_outcome(ladder.climb(), request, workshop, folder, outputs, reporter)


def _outputs(request: TuneRequest, folder: RunFolder) -> Outputs:
    """Return where the result goes; a climb that is continued may replace what it has written itself."""
    own = request.resume and request.output.is_file() and folder.made(sha256_of_file(request.output))
    outputs = Outputs(request.output, request.force or own)
    outputs.check()
    folder.check(resume=request.resume, force=request.force)
    return outputs


def _inputs(request: TuneRequest, workshop: Workshop, fingerprint: str) -> dict[str, Any]:
    """Return everything that all rungs depend on, by name."""
    built = workshop.prepared.built
    return {
        "version": __version__,
        "model": built.id,
        "resolution_px": built.resolution_px,
        "classes": classes_of(workshop.prepared).outputs,
        "weights": built.weights.sha256,
        "calibration": workshop.feed.sha256,
        "judged pictures": fingerprint,
        "seed": request.seed,
    }
