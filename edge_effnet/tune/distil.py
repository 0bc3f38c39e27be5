"""What the ladder asks of quantisation-aware training: a quantised graph in, a better one out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.convert import Prepared
    from edge_effnet.progress import Reporter
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["Distilled", "Distiller", "default_distiller"]

_FOLDER: Final = "training"


@dataclass(frozen=True)
class Distilled:
    """What came out.

    Attributes:
        quantized: The trained graph.
        record: Steps, seconds and whatever else is worth knowing; goes into the rung's record.
        training: What the file's contract says about its training: settings, pictures and their hashes.
    """

    quantized: QuantizedGraph
    record: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)


class Distiller(Protocol):
    """Trains a quantised graph on the answers of a float network, without labels."""

    def __call__(
        self,
        prepared: Prepared,
        start: QuantizedGraph,
        *,
        teacher: Prepared,
        pictures: Path,
        steps: int | None,
        seed: int,
        folder: Path,
        reporter: Reporter,
    ) -> Distilled:
        """Train.

        Args:
            prepared: The network that was quantised.
            start: Where training begins.
            teacher: The float network whose answers are the aim: ``prepared`` itself, or the one with the original
                activation where ``prepared`` was rewritten.
            pictures: Folder of pictures without labels.
            steps: How many; None takes the distiller's own number.
            seed: Of the order and the augmentation of the pictures.
            folder: For checkpoints: an interrupted training goes on from there.
            reporter: Told of every step.
        """


def default_distiller(
    prepared: Prepared,
    start: QuantizedGraph,
    *,
    teacher: Prepared,
    pictures: Path,
    steps: int | None,
    seed: int,
    folder: Path,
    reporter: Reporter,
) -> Distilled:
    """Distil with `edge_effnet.qat`; see `Distiller`."""
    from edge_effnet.qat.distil import distil
    from edge_effnet.qat.pictures import open_training_pictures
    from edge_effnet.qat.settings import settings_from

    # A rewritten network has other tensors, with other statistics, than its teacher: only their logits can be compared.
    logits_only = {"feature_weight": 0.0, "reestimate": False} if teacher is not prepared else {}
    settings = settings_from(steps=steps, seed=seed, **logits_only)
    shown = open_training_pictures(pictures, prepared.preprocessing, settings, (), reporter)
    taught = replace(prepared, graph=teacher.graph)
    done = distil(taught, start, shown, settings, folder / _FOLDER, reporter, resume=True)
    training = {
        "begins_from": "ptq",
        "steps": done.outcome.steps,
        "pictures": shown.to_record(),
        "settings": settings.to_record(),
    }
    record = {**done.to_record(), "steps": done.outcome.steps, "seconds": round(done.outcome.seconds, 3)}
    return Distilled(done.quantized, record, {**training, "files_sha256": list(shown.files_sha256)})
