"""A training run: epochs of fresh pictures, a judgement and a checkpoint after each, resumable at any of them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_effnet.artifacts import write_bytes
from edge_effnet.calibrate.demo import labelled_batches
from edge_effnet.errors import ConversionError, DataError
from edge_effnet.progress import Silent
from edge_effnet.train.checkpoint import load_checkpoint, save_checkpoint
from edge_effnet.train.network import Trainee

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel
    from edge_effnet.progress import Reporter
    from edge_effnet.train.network import State
    from edge_effnet.train.plan import Plan

__all__ = ["EpochRecord", "Outcome", "count_right", "train"]

_STATE, _LOG = "state.npz", "log.jsonl"
_EVALUATION_BATCH = 50


@dataclass(frozen=True)
class EpochRecord:
    """One line of the log.

    Attributes:
        epoch: Counted from 1.
        resolution_px: Side of the pictures.
        hardest: Limit of how hard they were.
        loss: Mean over the epoch's steps.
        train_right: Of ``train_n``, while learning from them.
        train_n: Pictures of the epoch.
        val_right: Of ``val_n``, at the epoch's resolution and the set's full hardness.
        val_n: Validation pictures.
        seconds: Wall time of the epoch, drawing and validation included.
    """

    epoch: int
    resolution_px: int
    hardest: float
    loss: float
    train_right: int
    train_n: int
    val_right: int
    val_n: int
    seconds: float

    @property
    def sentence(self) -> str:
        """The line as a person reads it."""
        return (
            f"epoch {self.epoch}, {self.resolution_px} px: loss {self.loss:.3f}, "
            f"train {100 * self.train_right / self.train_n:.1f} %, "
            f"val {100 * self.val_right / self.val_n:.1f} % of {self.val_n}, {self.seconds:.0f} s"
        )


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        built: The network, at the resolution of its last epoch.
        log: One record per epoch, those of earlier sessions included.
        is_finished: Whether the plan was carried out to its end.
    """

    built: BuiltModel
    log: tuple[EpochRecord, ...]
    is_finished: bool


def train(
    plan: Plan, folder: Path, *, limit_s: float | None = None, reporter: Reporter | None = None
) -> Outcome:
    """Carry out a plan, or go on with it where ``folder`` holds a checkpoint of it.

    Args:
        plan: What to do.
        folder: Where the checkpoint and the log ``log.jsonl`` are kept; made where it is missing.
        limit_s: Begin no epoch that would end later than this after the start, judged by the one before it.
        reporter: Hears of each step and each epoch.

    Raises:
        ConversionError: The loss is no longer finite.
        DataError: The checkpoint or the log is damaged, or of another plan.
    """
    reporter = Silent() if reporter is None else reporter
    folder.mkdir(parents=True, exist_ok=True)
    started, log, trainee = time.perf_counter(), _read_log(folder), None
    state = load_checkpoint(folder / _STATE, plan) if (folder / _STATE).exists() else None
    done = 0 if state is None else state.epochs
    log = log[:done]
    while done < plan.epochs and not _is_late(log, started, limit_s):
        if trainee is None or trainee.built.resolution_px != plan.resolution_at(done):
            trainee = _trainee(plan, done, state)
        log.append(_epoch(plan, trainee, done, reporter))
        done += 1
        state = trainee.state(done)
        save_checkpoint(folder / _STATE, plan, state)
        _write_log(folder, log)
        reporter.note("info", log[-1].sentence)
    trainee = trainee or _trainee(plan, max(0, done - 1), state)
    return Outcome(trainee.built, tuple(log), done == plan.epochs)


def _trainee(plan: Plan, epoch: int, state: State | None) -> Trainee:
    trainee = Trainee(plan, plan.resolution_at(epoch))
    if state is not None:
        trainee.restore(state)
    return trainee


def _is_late(log: list[EpochRecord], started: float, limit_s: float | None) -> bool:
    expected_s = log[-1].seconds if log else 0.0
    return limit_s is not None and time.perf_counter() - started + expected_s > limit_s


def _epoch(plan: Plan, trainee: Trainee, epoch: int, reporter: Reporter) -> EpochRecord:
    started, hardest, side_px = time.perf_counter(), plan.hardest_at(epoch), plan.resolution_at(epoch)
    indices = range(epoch * plan.epoch_pictures, (epoch + 1) * plan.epoch_pictures)
    first, losses, right = epoch * plan.epoch_steps, [], 0
    with reporter.stage(f"epoch {epoch + 1} of {plan.epochs}", plan.epoch_steps):
        batches = labelled_batches("train", indices, plan.batch_size, side_px, hardest=hardest)
        for step, (pixels, labels) in enumerate(batches, first):
            loss, hits = trainee.step(pixels, labels, plan.rate_at(step))
            if not np.isfinite(loss):
                raise ConversionError(
                    "the loss is no longer finite", got=f"step {step}", hint="lower the peak rate"
                )
            losses.append(loss)
            right += hits
            reporter.advance()
    val_right = count_right(trainee.built, "val", plan.validation_pictures)
    return EpochRecord(
        epoch=epoch + 1,
        resolution_px=side_px,
        hardest=hardest,
        loss=float(np.mean(losses)),
        train_right=right,
        train_n=len(indices),
        val_right=val_right,
        val_n=plan.validation_pictures,
        seconds=time.perf_counter() - started,
    )


def count_right(built: BuiltModel, split: str, pictures: int) -> int:
    """Return how many of the first ``pictures`` of a split a network gets right, at its own resolution."""
    batches = labelled_batches(split, range(pictures), _EVALUATION_BATCH, built.resolution_px)
    hits = (built.predict_logits(pixels).argmax(axis=1) == labels for pixels, labels in batches)
    return sum(int(np.count_nonzero(each)) for each in hits)


def _write_log(folder: Path, log: list[EpochRecord]) -> None:
    text = "".join(json.dumps(asdict(record)) + "\n" for record in log)
    write_bytes(folder / _LOG, text.encode(), force=True)


def _read_log(folder: Path) -> list[EpochRecord]:
    path = folder / _LOG
    if not path.exists():
        return []
    try:
        return [EpochRecord(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise DataError(
            f"the log cannot be read: {error}", got=path, hint="remove the folder and begin anew"
        ) from error
