"""The training loop: epochs of steps, a judgement and a checkpoint after each, resumable at any step.

It knows nothing of networks: a `Task` takes the steps. Whatever the task does must follow from its state, the epoch and
the step alone; then a run in several sessions ends bit for bit where one without a break would have.
"""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edge_effnet.errors import ConversionError, EnvironmentFault
from edge_effnet.progress import Silent
from edge_effnet.train.curves import draw_curves
from edge_effnet.train.events import EventWriter
from edge_effnet.train.folder import RunFolder
from edge_effnet.train.interrupt import deferred_interrupt
from edge_effnet.train.records import Outcome, Progress, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.progress import Reporter
    from edge_effnet.train.interrupt import Request
    from edge_effnet.train.records import RunPlan

__all__ = ["Task", "restore_best", "run"]

_ALONE = Worker()
_HALF = 2


class Task(Protocol):
    """What is trained. Epochs and steps are counted from 0."""

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield the batches of an epoch from step ``start`` on; the same whenever it is asked."""

    def step(self, batch: Any, step: int) -> Mapping[str, float]:
        """Learn from a batch at a step of the whole run; return figures, ``loss`` among them."""

    def judge(self, epoch: int) -> Mapping[str, float]:
        """Return figures on pictures that are not learnt from, after an epoch; may be empty."""

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of everything that a run goes on from."""

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `state` gave."""


def run(
    task: Task,
    plan: RunPlan,
    folder: Path,
    *,
    resume: bool,
    force: bool = False,
    reporter: Reporter | None = None,
    deadline_s: float | None = None,
    worker: Worker = _ALONE,
) -> Outcome:
    """Carry out a run, or go on with it; on return the task is in the state of the last epoch.

    Ctrl-C writes a checkpoint at the end of the step and raises ``KeyboardInterrupt``; a second one raises at once.

    Args:
        task: What is trained.
        plan: What to do.
        folder: Where the run is kept, see `edge_effnet.train.folder`.
        resume: Go on with the run in the folder; begin where there is none.
        force: Begin anew over a run in the folder.
        reporter: Hears of each epoch and step.
        deadline_s: Begin no epoch that would end later than this after the start, judged by the one before it.
        worker: Which of several processes this is.

    Raises:
        UsageError: The folder holds a run, and neither ``resume`` nor ``force`` is given.
        DataError: The run in the folder is another one, or its checkpoint is damaged.
        ConversionError: The loss or the state is no longer finite; the last good checkpoint is kept.
        EnvironmentFault: Memory does not suffice.
    """
    reporter = Silent() if reporter is None else reporter
    session = _Session(task, plan, RunFolder(folder), reporter, worker)
    with deferred_interrupt(reporter) as request, closing(session):
        try:
            session.open(resume=resume, force=force)
            return session.carry_out(request, deadline_s)
        except Exception as error:
            if _is_memory(error):
                raise _memory_fault(plan.batch_size) from error
            raise


def restore_best(task: Task, folder: Path) -> None:
    """Put a task into the state of its run's best epoch; of the last one where the plan watches no figure."""
    task.restore(RunFolder(folder).load_best())


class _Session:
    """One go at a run: from its beginning or a checkpoint to its end, its deadline or Ctrl-C."""

    def __init__(
        self, task: Task, plan: RunPlan, folder: RunFolder, reporter: Reporter, worker: Worker
    ) -> None:
        self._task, self._plan, self._folder = task, plan, folder
        self._reporter, self._worker = reporter, worker
        self._illustrates = plan.is_illustrated and worker.is_chief
        self._events = EventWriter(folder.events, is_on=self._illustrates)
        self._progress = Progress()
        self._started, self._past_s = time.perf_counter(), 0.0
        self._drawn_epochs = 0
        self._note: str | None = None

    def open(self, *, resume: bool, force: bool) -> None:
        """Read the checkpoint, or begin."""
        if resume and self._folder.holds_run:
            self._folder.check(self._plan.fingerprint)
            self._progress, arrays = self._folder.load()
            self._past_s = self._progress.seconds
            self._task.restore(arrays)
            return
        if resume:
            self._reporter.note("info", f"there is no run to go on with in {self._folder.path}: it begins")
        if self._worker.is_chief:
            self._folder.begin(self._plan.fingerprint, force=force)
        self._save()

    def carry_out(self, request: Request, deadline_s: float | None) -> Outcome:
        """Do the epochs that are left."""
        while (stopped := self._why_stop(deadline_s)) is None:
            began = time.perf_counter()
            self._epoch(request)
            self._finish_epoch(time.perf_counter() - began)
            self._stop_if_asked(request)
        self._draw()
        progress, steps = self._progress, self._progress.epoch * self._plan.epoch_steps
        notes = () if self._note is None else (self._note,)
        return Outcome(
            progress.history, steps, progress.epoch, progress.seconds, progress.best, stopped, notes
        )

    def close(self) -> None:
        """Write what people want to see of a session, also of one that ended in an error."""
        self._events.close()
        self._draw()

    def _draw(self) -> None:
        epochs = len(self._progress.history)
        if self._illustrates and epochs > self._drawn_epochs:
            self._drawn_epochs = epochs
            self._note = draw_curves(self._progress.history, self._folder.curves)
            if self._note is not None:
                self._reporter.note("warning", self._note)

    def _why_stop(self, deadline_s: float | None) -> str | None:
        progress, plan = self._progress, self._plan
        if progress.epoch >= plan.epochs:
            return "finished"
        best_epoch = progress.epoch if progress.best is None else progress.best.epoch
        if plan.patience is not None and progress.epoch - best_epoch >= plan.patience:
            return "early"
        expected_s = progress.history[-1]["seconds"] if progress.history else 0.0
        if deadline_s is not None and time.perf_counter() - self._started + expected_s > deadline_s:
            return "deadline"
        return None

    def _epoch(self, request: Request) -> None:
        """Take the steps of an epoch that are left."""
        epoch, total, name = self._progress.epoch, self._plan.epoch_steps, self._epoch_name
        with self._reporter.stage(name, total):
            self._reporter.advance(self._progress.step)
            batches = iter(self._task.batches(epoch, self._progress.step))
            for _ in range(self._progress.step, total):
                self._stop_if_asked(request)
                self._take(next(batches))
                self._reporter.advance()
            self._stop_if_asked(request)

    @property
    def _epoch_name(self) -> str:
        return f"epoch {self._progress.epoch + 1} of {self._plan.epochs}"

    def _take(self, batch: Any) -> None:
        step = self._progress.epoch * self._plan.epoch_steps + self._progress.step
        figures = {name: float(value) for name, value in self._task.step(batch, step).items()}
        if not math.isfinite(figures["loss"]):
            raise self._not_finite("the loss", step)
        self._progress = self._progress.after_step(figures)
        self._events.write("step", figures, step + 1)

    def _finish_epoch(self, seconds: float) -> None:
        with self._reporter.stage("judge"):
            judged = {name: float(v) for name, v in self._task.judge(self._progress.epoch).items()}
        before, steps = self._progress, (self._progress.epoch + 1) * self._plan.epoch_steps
        self._progress = before.after_epoch(judged, self._plan.monitor, seconds, steps)
        self._save()
        if self._worker.is_chief:
            self._publish(is_best=self._progress.best != before.best)
        self._reporter.note("info", _sentence(self._progress.history[-1]))

    def _publish(self, *, is_best: bool) -> None:
        """Write what is for people, and mark the best epoch."""
        if is_best:
            self._folder.keep_best()
        self._folder.write_history(self._progress)
        *_, record = self._progress.history
        self._events.write("epoch", record, int(record["step"]))

    def _save(self) -> None:
        state = self._task.state()
        if not all(_is_finite(value) for value in state.values()):
            step = self._progress.epoch * self._plan.epoch_steps + self._progress.step
            raise self._not_finite("a weight", step - 1)
        seconds = self._past_s + time.perf_counter() - self._started
        self._progress = replace(self._progress, seconds=seconds)
        if self._worker.is_chief:
            self._folder.save(self._progress, state)

    def _stop_if_asked(self, request: Request) -> None:
        if not request.is_made:
            return
        # Several workers reach different steps, and some variables are read by all of them together.
        if self._worker.count == 1:
            self._save()
        raise KeyboardInterrupt

    def _not_finite(self, what: str, step: int) -> ConversionError:
        kept = f"{self._folder.state} is the last good checkpoint"
        return ConversionError(
            f"{what} is no longer finite", got=f"step {step} of {self._plan.epochs * self._plan.epoch_steps}",
            hint=f"lower the learning rate; {kept}",
        )  # fmt: skip


def _is_finite(value: npt.NDArray[Any]) -> bool:
    return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())


def _sentence(record: Mapping[str, float]) -> str:
    figures = (
        f"{name} {value:.4g}" for name, value in record.items() if name not in ("epoch", "step", "seconds")
    )
    return f"epoch {record['epoch']}: {', '.join(figures)}; {record['seconds']:.0f} s"


def _is_memory(error: BaseException) -> bool:
    # TensorFlow's own class is told by name: this module does not import TensorFlow.
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _memory_fault(batch_size: int | None) -> EnvironmentFault:
    if batch_size is None or batch_size < _HALF:
        return EnvironmentFault("out of memory while training", hint="lower --resolution")
    return EnvironmentFault(
        "out of memory while training",
        got=f"batch size {batch_size}",
        hint=f"--batch-size {batch_size // _HALF}",
    )
