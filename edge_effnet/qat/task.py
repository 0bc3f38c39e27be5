"""The distillation as the training loop drives it: batches, steps, judgements, state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_effnet.quantize.trainable import read_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from edge_effnet.qat.judge import HeldOut
    from edge_effnet.qat.network import Distillation
    from edge_effnet.qat.pictures import TrainingPictures
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["DistilTask"]


class DistilTask:
    """See `edge_effnet.train.loop.Task`.

    Args:
        network: Teacher and student.
        pictures: What is trained on.
        held_out: What judges.
        start: The calibrated graph that the student began from.
    """

    def __init__(
        self,
        network: Distillation,
        pictures: TrainingPictures,
        held_out: HeldOut,
        start: QuantizedGraph,
    ) -> None:
        self._network, self._pictures, self._held_out = network, pictures, held_out
        self._start = start

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield ``(pixels, targets)``."""
        return self._pictures.batches(epoch, start)

    def step(self, batch: Any, step: int) -> Mapping[str, float]:
        """Learn from a batch."""
        pixels, targets = batch
        return self._network.step(pixels, targets, step)

    def judge(self, epoch: int) -> Mapping[str, float]:
        """Write the int8 file as it is now and hold it against the teacher."""
        del epoch
        found = self._held_out.judge(self.quantized())
        figures = {
            "held_out_agreement": found.agreement,
            "held_out_sqnr_db": found.sqnr_db,
            "held_out_divergence": found.divergence,
        }
        return figures if found.top1 is None else {**figures, "held_out_top1": found.top1}

    def quantized(self) -> QuantizedGraph:
        """Return what the student has become."""
        return read_back(self._network.model, self._start)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of every variable."""
        return self._network.state()

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `state` gave."""
        self._network.restore(arrays)
