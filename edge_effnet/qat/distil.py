"""Distillation: from a calibrated quantised graph to a trained one, never to a worse one.

The float network teaches its int8 twin on augmented views of pictures that need no labels. What is kept is the best of
three on held-out pictures: the graph that training began from, the one that it ended in, and that one with batch norm
re-estimated. (Not the best epoch: epochs differ by less than a hundred pictures can tell, and the last one has the
smallest steps behind it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.qat.judge import HeldOut
from edge_effnet.qat.network import Distillation
from edge_effnet.qat.reestimate import reestimate
from edge_effnet.qat.task import DistilTask
from edge_effnet.train.loop import run
from edge_effnet.train.records import RunPlan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.convert.prepared import Prepared
    from edge_effnet.progress import Reporter
    from edge_effnet.qat.judge import Judgement
    from edge_effnet.qat.pictures import TrainingPictures
    from edge_effnet.qat.settings import QatSettings
    from edge_effnet.quantize.scheme import QuantizedGraph
    from edge_effnet.train.records import Outcome

__all__ = ["Distilled", "distil"]

_STATISTICS: Final = 64
"""Pictures on which batch norm is re-estimated."""

_TEACHER_BATCH: Final = 25


@dataclass(frozen=True)
class Distilled:
    """What a distillation came to.

    Attributes:
        quantized: The graph that is kept.
        kept: Which one it is: ``calibrated``, ``trained`` or ``re-estimated``.
        judgements: Of each of them that was judged, on the same held-out pictures.
        outcome: Of the training loop.
    """

    quantized: QuantizedGraph
    kept: str
    judgements: dict[str, Judgement]
    outcome: Outcome

    def to_record(self) -> dict[str, Any]:
        """Return what the JSON document says about training."""
        return {
            "kept": self.kept,
            "held_out": {name: found.to_record() for name, found in self.judgements.items()},
            "stopped": self.outcome.stopped,
            "notes": list(self.outcome.notes),
        }


def distil(
    prepared: Prepared,
    start: QuantizedGraph,
    pictures: TrainingPictures,
    settings: QatSettings,
    folder: Path,
    reporter: Reporter,
    *,
    resume: bool = False,
    force: bool = False,
) -> Distilled:
    """Train a calibrated graph towards its float network.

    Args:
        prepared: The float network.
        start: Its calibrated int8 twin.
        pictures: What to train and to judge on.
        settings: The run.
        folder: Of checkpoints, history and curves.
        reporter: Hears of epochs and steps.
        resume: Go on with the run in the folder.
        force: Begin anew over a run in the folder.

    Raises:
        DataError: The run in the folder is another one.
        ConversionError: The loss is no longer finite.
        EnvironmentFault: Memory does not suffice.
    """
    settings = settings.on(labelled=pictures.is_labelled)
    with reporter.stage("build the fake-quant graph"):
        network = Distillation(prepared.graph, start, settings)
    held_out = _held_out(network, pictures)
    task = DistilTask(network, pictures, held_out, start)
    outcome = run(
        task, _plan(settings, pictures, start), folder, resume=resume, force=force, reporter=reporter
    )
    trained = task.quantized()
    candidates: dict[str, Callable[[], QuantizedGraph]] = {
        "calibrated": lambda: start,
        "trained": lambda: trained,
    }
    if settings.reestimate:
        shown = pictures.plain(_STATISTICS)
        candidates["re-estimated"] = lambda: reestimate(trained, prepared.folded, shown)
    with reporter.stage("judge", len(candidates)):
        graphs = {name: make() for name, make in candidates.items()}
        judgements = {name: held_out.judge(graph) for name, graph in graphs.items()}
    kept = max(judgements, key=lambda name: judgements[name].score(settings))
    return Distilled(graphs[kept], kept, judgements, outcome)


def _held_out(network: Distillation, pictures: TrainingPictures) -> HeldOut:
    pixels, labels = pictures.held_out()
    return HeldOut(pixels, network.teach(pixels, _TEACHER_BATCH), labels)


def _plan(settings: QatSettings, pictures: TrainingPictures, start: QuantizedGraph) -> RunPlan:
    return RunPlan(
        epochs=settings.epochs,
        epoch_steps=settings.epoch_steps,
        fingerprint={
            "settings": settings.to_record(),
            "pictures": pictures.sha256,
            "start": sha256_of_bytes(tflite_from_quantized(start)),
            "model": start.graph.name,
        },
        batch_size=settings.batch_size,
    )
