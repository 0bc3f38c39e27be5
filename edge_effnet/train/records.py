"""What a training run is told, what it keeps between sessions, and what it comes to. Data only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edge_effnet.errors import UsageError

__all__ = ["Best", "Outcome", "Progress", "RunPlan", "Worker"]

Record = Mapping[str, float]


@dataclass(frozen=True)
class RunPlan:
    """A run from the first step to the last.

    Attributes:
        epochs: How many at most.
        epoch_steps: Steps in each.
        fingerprint: What must be the same for a session to go on with a run: model, hash of the data, seed, batch,
            schedule. JSON values.
        monitor: Name of the judged figure whose largest value marks the best epoch; None keeps only the last.
        patience: Stop after so many epochs without a better ``monitor``; None never does.
        batch_size: Pictures in a step, so that an error about memory can say what to try.
        is_illustrated: Whether what is for people only is written too: TensorBoard scalars and the plot.
    """

    epochs: int
    epoch_steps: int
    fingerprint: Mapping[str, Any]
    monitor: str | None = None
    patience: int | None = None
    batch_size: int | None = None
    is_illustrated: bool = True

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.epoch_steps < 1:
            raise UsageError(
                "the run has no steps",
                got=f"{self.epochs} epochs of {self.epoch_steps} steps",
                allowed="1 or more",
            )
        if self.patience is not None and (self.monitor is None or self.patience < 1):
            raise UsageError(
                "early stopping needs a figure to watch and one epoch of patience",
                got=f"patience {self.patience}, monitor {self.monitor}",
            )


@dataclass(frozen=True)
class Worker:
    """One of several processes that carry out the same run together.

    Attributes:
        index: Its number; number 0 alone writes files.
        count: How many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether it is the one that writes."""
        return self.index == 0


@dataclass(frozen=True)
class Best:
    """The best epoch so far.

    Attributes:
        epoch: Counted from 1.
        value: Of the plan's ``monitor``.
    """

    epoch: int
    value: float


@dataclass(frozen=True)
class Progress:
    """How far a run has come; with the task's own state, all that it goes on from.

    Attributes:
        epoch: Epochs that are done.
        step: Steps that are done in the epoch after them.
        sums: Sum of each figure over those steps.
        history: One record per epoch that is done.
        best: The best of them.
        seconds: Time that all sessions took.
    """

    epoch: int = 0
    step: int = 0
    sums: Record = field(default_factory=dict)
    history: tuple[Record, ...] = ()
    best: Best | None = None
    seconds: float = 0.0

    def after_step(self, figures: Record) -> Progress:
        """Return the progress after one step more."""
        sums = {name: self.sums.get(name, 0.0) + value for name, value in figures.items()}
        return replace(self, step=self.step + 1, sums=sums)

    def after_epoch(self, judged: Record, monitor: str | None, seconds: float, total_steps: int) -> Progress:
        """Return the progress after the epoch, with its record: means over its steps, and the judgement."""
        means = {name: value / self.step for name, value in self.sums.items()}
        record = {"epoch": self.epoch + 1, "step": total_steps, "seconds": seconds, **means, **judged}
        return Progress(
            self.epoch + 1,
            history=(*self.history, record),
            best=_better(self.best, self.epoch + 1, judged.get(monitor or "")),
            seconds=self.seconds,
        )

    def to_record(self) -> dict[str, Any]:
        """Return the progress as JSON values."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Progress:
        """Read back what `to_record` gave."""
        best = record["best"]
        return cls(
            int(record["epoch"]),
            int(record["step"]),
            dict(record["sums"]),
            tuple(record["history"]),
            None if best is None else Best(int(best["epoch"]), float(best["value"])),
            float(record["seconds"]),
        )


def _better(best: Best | None, epoch: int, value: float | None) -> Best | None:
    if value is None or math.isnan(value) or (best is not None and value <= best.value):
        return best
    return Best(epoch, value)


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        history: One record per epoch: ``epoch`` (from 1), ``step``, ``seconds``, the means of the steps' figures, and
            what the judgement found.
        steps: Steps that are done.
        epochs: Epochs that are done.
        seconds: Time that all sessions took.
        best: The best epoch, where the plan watches a figure.
        stopped: ``finished``, ``early`` (no better epoch for ``patience`` epochs) or ``deadline``.
        notes: What could not be written, and why.
    """

    history: tuple[Record, ...]
    steps: int
    epochs: int
    seconds: float
    best: Best | None
    stopped: str
    notes: tuple[str, ...] = ()
