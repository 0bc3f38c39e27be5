"""The loop: what a run keeps, and that sessions leave no trace in its result."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_task import EPOCH_STEPS, FINGERPRINT, Line, Listener

from edge_effnet.errors import ConversionError, DataError, EnvironmentFault, UsageError
from edge_effnet.train import Best, RunPlan, Worker, restore_best, run

if TYPE_CHECKING:
    from pathlib import Path

PLAN = RunPlan(4, EPOCH_STEPS, FINGERPRINT, "val_top1", batch_size=4, is_illustrated=False)
STEPS = PLAN.epochs * PLAN.epoch_steps


def _ctrl_c_at(steps: set[int]):
    """Press Ctrl-C before some steps."""

    def press(step: int) -> None:
        if step in steps:
            os.kill(os.getpid(), signal.SIGINT)

    return press


def _without_seconds(history) -> list[dict]:
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory):
    """A run without a break: its task, its outcome and its folder."""
    folder, task = tmp_path_factory.mktemp("whole") / "run", Line()
    return task, run(task, PLAN, folder, resume=False), folder


def test_a_run_learns_and_says_how(whole):
    """One record per epoch with the means of its steps, in memory and in history.jsonl; the loss falls."""
    task, outcome, folder = whole
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert records == list(outcome.history)
    assert [(record["epoch"], record["step"]) for record in records] == [(1, 5), (2, 10), (3, 15), (4, 20)]
    assert records[-1]["loss"] < 0.1 * records[0]["loss"]
    assert (outcome.steps, outcome.epochs, outcome.stopped) == (STEPS, 4, "finished")
    assert all(record["rate"] == pytest.approx(0.3) for record in records)
    np.testing.assert_allclose(task.weights, [3, -1], atol=0.2)


@settings(max_examples=25, deadline=None)
@given(stops=st.sets(st.integers(0, STEPS - 1), min_size=1, max_size=4))
def test_a_run_in_sessions_is_the_run_in_one(
    whole, tmp_path_factory: pytest.TempPathFactory, stops: set[int]
):
    """Ctrl-C before any steps: weights, optimizer and history are bit for bit those of a run without a break."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    for _ in range(len(stops)):
        with pytest.raises(KeyboardInterrupt):
            run(Line(_ctrl_c_at(stops)), PLAN, folder, resume=True)
        stops = stops - {min(stops)}
    task = Line()
    outcome = run(task, PLAN, folder, resume=True)
    assert task.state()["weights"].tobytes() == whole[0].state()["weights"].tobytes()
    assert task.state()["optimizer/speed"].tobytes() == whole[0].state()["optimizer/speed"].tobytes()
    assert _without_seconds(outcome.history) == _without_seconds(whole[1].history)


def test_the_step_of_ctrl_c_is_finished_and_kept(tmp_path: Path):
    """The state on disk is that between two steps; the reporter says what happens."""
    seen: list[int] = []
    reporter = Listener()

    def press(step: int) -> None:
        seen.append(step)
        _ctrl_c_at({7})(step)

    with pytest.raises(KeyboardInterrupt):
        run(Line(press), PLAN, tmp_path / "run", resume=False, reporter=reporter)
    assert seen == list(range(8))
    assert any("Ctrl-C again" in message for _, message in reporter.notes)
    run(Line(seen.append), PLAN, tmp_path / "run", resume=True)
    assert seen == list(range(STEPS))


def test_the_second_ctrl_c_stops_at_once(tmp_path: Path):
    """In the middle of a step; the last checkpoint is that of the epoch before."""

    def press_twice(step: int) -> None:
        if step == 7:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(Line(press_twice), PLAN, tmp_path / "run", resume=False)
    assert signal.getsignal(signal.SIGINT) is before
    seen: list[int] = []
    run(Line(seen.append), PLAN, tmp_path / "run", resume=True)
    assert seen[0] == EPOCH_STEPS


def test_a_run_outside_the_main_thread_works(tmp_path: Path):
    """Where no signal can be caught."""
    outcomes: list[object] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(run(Line(), PLAN, tmp_path / "run", resume=False))
    )
    thread.start()
    thread.join()
    assert len(outcomes) == 1


def test_the_best_epoch_is_kept(tmp_path: Path):
    """The first of equals; its state comes back, and that of the last epoch is the task's."""
    task, states = Line(), {}
    task.judged = [1.0, 5.0, 5.0, 2.0]
    watched = Line(lambda step: states.setdefault(step, watched.weights.copy()))
    watched.judged = task.judged
    outcome = run(watched, PLAN, tmp_path / "run", resume=False)
    assert outcome.best == Best(2, 5.0)
    assert not np.array_equal(watched.weights, states[2 * EPOCH_STEPS])
    restore_best(watched, tmp_path / "run")
    np.testing.assert_array_equal(watched.weights, states[2 * EPOCH_STEPS])


def test_a_figure_that_is_no_number_is_never_the_best(tmp_path: Path):
    """Whatever comes after it."""
    task = Line()
    task.judged = [math.nan, 1.0, math.nan, 0.5]
    assert run(task, PLAN, tmp_path / "run", resume=False).best == Best(2, 1.0)


def test_a_run_without_a_better_epoch_stops_early(tmp_path: Path):
    """After ``patience`` epochs; going on with it does nothing more."""
    task = Line()
    task.judged = [3.0, 2.0, 1.0, 9.0]
    plan = dataclasses.replace(PLAN, patience=2)
    outcome = run(task, plan, tmp_path / "run", resume=False)
    assert (outcome.stopped, outcome.epochs) == ("early", 3)
    assert run(task, plan, tmp_path / "run", resume=True).epochs == 3


def test_a_run_past_its_deadline_stops_and_goes_on_later(tmp_path: Path, whole):
    """No epoch is begun that would end too late."""
    first = run(Line(), PLAN, tmp_path / "run", resume=False, deadline_s=0.0)
    assert (first.stopped, first.epochs) == ("deadline", 0)
    second = run(Line(), PLAN, tmp_path / "run", resume=True)
    assert _without_seconds(second.history) == _without_seconds(whole[1].history)
    assert second.seconds > first.seconds


class _Breaking(Line):
    """Gives a value that is no number at one step, in its loss or in its weights."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__()
        self._at, self._what = at, what

    def step(self, batch, step):
        figures = super().step(batch, step)
        if step == self._at and self._what == "weights":
            self.weights = self.weights * np.inf
        return {**figures, "loss": math.nan} if (step, self._what) == (self._at, "loss") else figures


@pytest.mark.parametrize(("what", "at"), [("loss", 7), ("weights", 9)])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, what: str, at: int):
    """Exit code 5 with the step and the last good checkpoint, which is that of the epoch before."""
    with pytest.raises(ConversionError) as caught:
        run(_Breaking(at, what), PLAN, tmp_path / "run", resume=False)
    assert caught.value.exit_code == 5
    assert f"step {at} of {STEPS}" in str(caught.value)
    assert str(tmp_path / "run" / "state.npz") in str(caught.value)
    good = Line()
    assert run(good, PLAN, tmp_path / "run", resume=True, deadline_s=0.0).epochs == 1
    assert np.isfinite(good.weights).all()


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize("kind", [MemoryError, ResourceExhaustedError])
@pytest.mark.parametrize(("batch_size", "fix"), [(4, "--batch-size 2"), (1, "--resolution")])
def test_an_error_about_memory_says_what_to_try(
    tmp_path: Path, kind: type[Exception], batch_size: int, fix: str
):
    """Half the batch, or smaller pictures where the batch is one already."""

    def burst(step: int) -> None:
        raise kind

    plan = dataclasses.replace(PLAN, batch_size=batch_size)
    with pytest.raises(EnvironmentFault, match="out of memory") as caught:
        run(Line(burst), plan, tmp_path / "run", resume=False)
    assert fix in str(caught.value)


def test_a_folder_that_holds_a_run_is_refused(whole, tmp_path: Path):
    """Without --resume and --force; the latter begins anew and leaves other files alone."""
    folder = tmp_path / "run"
    shutil.copytree(whole[2], folder)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="--resume"):
        run(Line(), PLAN, folder, resume=False)
    seen: list[int] = []
    run(Line(seen.append), PLAN, folder, resume=False, force=True)
    assert seen[0] == 0
    assert (folder / "mine.txt").exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [({"seed": 8}, "seed"), ({"data": "abc"}, "data"), ({"model": "parabola"}, "model")],
)
def test_going_on_with_another_run_is_refused(whole, change: dict, name: str):
    """Exit code 4, and the error names what differs, with both values."""
    plan = dataclasses.replace(PLAN, fingerprint=FINGERPRINT | change)
    with pytest.raises(DataError) as caught:
        run(Line(), plan, whole[2], resume=True)
    assert caught.value.exit_code == 4
    assert str(caught.value).startswith(f"the run in this folder is another one: {name} differs")
    assert str(change[name]) in str(caught.value.got)


def test_resume_without_a_run_begins_one(tmp_path: Path):
    """So that the same command line begins and goes on; it is said."""
    reporter = Listener()
    assert run(Line(), PLAN, tmp_path / "new", resume=True, reporter=reporter).epochs == 4
    assert any("it begins" in message for _, message in reporter.notes)
    assert reporter.steps == STEPS


def test_a_worker_that_is_not_the_chief_writes_nothing(tmp_path: Path):
    """Several processes share one folder."""
    run(Line(), PLAN, tmp_path / "run", resume=False, worker=Worker(1, 2))
    assert not (tmp_path / "run").exists()


def test_the_loop_needs_no_tensorflow():
    """A run of the line in a fresh process imports none."""
    import subprocess
    from pathlib import Path

    program = "import sys; import edge_effnet.train.loop; print('tensorflow' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"epoch_steps": 0}, {"patience": 1, "monitor": None}])
def test_a_plan_that_cannot_be_carried_out_is_refused(wrong: dict):
    """Before any work."""
    with pytest.raises(UsageError):
        dataclasses.replace(PLAN, **wrong)
