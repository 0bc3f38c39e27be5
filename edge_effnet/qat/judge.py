"""How far the int8 file of a student is from its teacher, on pictures that neither calibration nor training has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.runtimes.litert import LocalModel
from edge_effnet.verify.stats import sqnr_db, top1_agreement

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.qat.settings import QatSettings
    from edge_effnet.quantize.scheme import QuantizedGraph

    Floats = npt.NDArray[np.float32]

__all__ = ["HeldOut", "Judgement", "compare"]


@dataclass(frozen=True)
class Judgement:
    """What a file came to.

    Attributes:
        divergence: Mean Kullback-Leibler divergence of its probabilities from the teacher's, in nats.
        agreement: Share of pictures with the same top-1, in percent.
        sqnr_db: Power of the teacher's logits over that of the error.
        n: Pictures.
        top1: Share of pictures that are right, in percent; None without labels.
        cross_entropy: Of the labels, in nats; 0 without.
        square_error: Mean over all logits.
    """

    divergence: float
    agreement: float
    sqnr_db: float
    n: int
    top1: float | None = None
    cross_entropy: float = 0.0
    square_error: float = 0.0

    def score(self, settings: QatSettings) -> float:
        """Return what training wants to be large: minus its loss on the outputs, without the temperature."""
        share = settings.label_share
        taught = (1.0 - share) * self.divergence + share * self.cross_entropy
        return -taught - settings.logit_weight * self.square_error

    def to_record(self) -> dict[str, Any]:
        """Return what the JSON document says about a teacher."""
        return {
            "agreement": round(self.agreement, 3),
            "sqnr_db": round(self.sqnr_db, 3),
            "divergence": self.divergence,
            "n": self.n,
        }


class HeldOut:
    """Pictures that judge.

    Args:
        pixels: ``(n, side, side, 3) uint8``.
        wanted: The teacher's logits, ``(n, classes)``.
        labels: ``(n,)``, where known.
    """

    def __init__(
        self, pixels: npt.NDArray[np.uint8], wanted: Floats, labels: npt.NDArray[np.int64] | None = None
    ) -> None:
        self.pixels, self.wanted, self.labels = pixels, wanted, labels

    def judge(self, quantized: QuantizedGraph) -> Judgement:
        """Write the file of a quantised graph in memory, run it with XNNPACK, and compare."""
        model = LocalModel(tflite_from_quantized(quantized))
        given = np.stack([model.logits(picture) for picture in self.pixels])
        return compare(self.wanted, given, self.labels)


def compare(wanted: Floats, given: Floats, labels: npt.NDArray[np.int64] | None = None) -> Judgement:
    """Return how far logits are from those of a teacher; both ``(n, classes)``."""
    target, got = _log_probabilities(wanted), _log_probabilities(given)
    best = given.argmax(axis=1)
    return Judgement(
        divergence=float(np.mean((np.exp(target) * (target - got)).sum(axis=1))),
        agreement=top1_agreement(wanted, given),
        sqnr_db=sqnr_db(wanted, given),
        n=len(wanted),
        top1=None if labels is None else 100.0 * float(np.mean(best == labels)),
        square_error=float(np.mean((given.astype(np.float64) - wanted) ** 2)),
        cross_entropy=0.0 if labels is None else -float(np.mean(got[np.arange(len(got)), labels])),
    )


def _log_probabilities(logits: Floats) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
