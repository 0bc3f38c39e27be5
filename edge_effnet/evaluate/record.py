"""What an evaluation found, and the record that ``eval --json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.evaluate.answers import (
    FINGERPRINT_RULE,
    confusion_matrix,
    disagreements,
    fingerprint,
    packed,
    top_confusions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from edge_effnet.evaluate.data import Skipped
    from edge_effnet.evaluate.scores import ClassTally, ModelScore, PairScore

__all__ = ["SCHEMA_VERSION", "Evaluation", "Judged"]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Judged:
    """One model's answers in terms of labels.

    Attributes:
        labels: ``(images, kept)`` int64, best first; below 0 for a class that is none of the set's.
        confidences: ``(images, kept)`` probabilities.
        right: ``(images,)`` bool, the first label is the true one.
    """

    labels: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found; `to_record` is what ``--json`` prints.

    Attributes:
        models: One score per model, in the order given.
        pairs: The first model against each other one.
        worst: Classes on which the second model (or the only one) loses most.
        skipped: Images that were not evaluated.
        notes: What was assumed or must be known.
        conditions: Engine, workers, versions, host.
        seconds: Wall time of each stage.
        images: Number in the set of each image that was evaluated.
        files: Its name.
        truth: ``(images,)`` labels.
        judged: Each model's answers, for a gallery.
        class_names: Label -> name.
    """

    models: tuple[ModelScore, ...]
    pairs: tuple[PairScore, ...]
    worst: tuple[ClassTally, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    conditions: dict[str, Any]
    seconds: dict[str, float]
    images: tuple[int, ...]
    files: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    judged: tuple[Judged, ...]
    class_names: Mapping[int, str]

    def to_record(self) -> dict[str, Any]:
        """Return the record of ``eval --json``; shares are in percent."""
        pairs = [pair.to_record() for pair in self.pairs]
        return {
            "schema_version": SCHEMA_VERSION,
            "models": [
                model.to_record() | self._answers(judged)
                for model, judged in zip(self.models, self.judged, strict=True)
            ],
            "images": {
                "n": len(self.files),
                "sha256": fingerprint(self.files, self.truth),
                "rule": FINGERPRINT_RULE,
            },
            "paired": pairs[0] if pairs else None,
            "pairs": pairs,
            "worst_classes": [tally.to_record() for tally in self.worst],
            "disagreements": disagreements(self),
            "skipped": [{"file": item.file, "reason": item.reason} for item in self.skipped],
            "notes": list(self.notes),
            "conditions": self.conditions,
            "seconds": self.seconds,
        }

    def _answers(self, judged: Judged) -> dict[str, Any]:
        """Return what the record of a model says of its single answers."""
        return {
            "right": packed(judged.right),
            "confusions": top_confusions(self.truth, judged, self.class_names),
            "confusion_matrix": confusion_matrix(self.truth, judged, self.class_names),
        }
