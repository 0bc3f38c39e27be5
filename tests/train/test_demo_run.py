"""The demonstration's training with two steps, whole and in two sessions."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError, OutputExistsError
from edge_effnet.models import build
from edge_effnet.progress import Silent
from edge_effnet.train.demo import export, main, train
from edge_effnet.train.demo_plan import Phase, Plan
from edge_effnet.train.demo_task import DemoTask, Trainee, count_right

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel
    from edge_effnet.train import Outcome

    Whole = tuple[BuiltModel, Outcome, Path]

PLAN = Plan(
    phases=(Phase(32, 1), Phase(48, 1)),
    epoch_pictures=8,
    batch_size=8,
    warm_up_steps=1,
    validation_pictures=10,
)


class _Copier(Silent):
    """Keeps what lies in a folder after the first epoch."""

    def __init__(self, folder: Path, copy: Path) -> None:
        super().__init__()
        self._folder, self._copy = folder, copy

    def note(self, kind: str, message: str) -> None:
        """Copy when the first epoch is told of."""
        super().note(kind, message)
        if message.startswith("epoch 1:"):
            shutil.copytree(self._folder, self._copy)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run of two epochs of one step each, and a copy of its folder as it was after the first."""
    folder = tmp_path_factory.mktemp("training")
    reporter = _Copier(folder / "run", folder / "after-one")
    return *train(PLAN, folder / "run", reporter=reporter), folder


def test_the_loss_is_finite_and_every_epoch_is_in_the_history(whole: Whole):
    """One line of JSON per epoch, with its accuracy on the pictures that were seen and on those that were not."""
    _, outcome, folder = whole
    lines = [json.loads(line) for line in (folder / "run" / "history.jsonl").read_text().splitlines()]
    assert outcome.stopped == "finished"
    assert [line["epoch"] for line in lines] == [1, 2]
    assert all(np.isfinite(line["loss"]) and line["loss"] > 0 for line in lines)
    assert all(0 <= line["top1"] <= 100 and line["top1"] % 12.5 == 0 for line in lines)
    assert all(0 <= line["val_top1"] <= 100 and line["val_top1"] % 10 == 0 for line in lines)


def test_the_first_loss_is_that_of_a_guess(whole: Whole):
    """The classifier begins with zeros: ten classes, each with one tenth."""
    assert whole[1].history[0]["loss"] == pytest.approx(np.log(10.0), rel=1e-5)


def test_the_network_grows_with_its_phases():
    """Its pictures and its input have the side of the phase; weights and optimizer are carried over."""
    task = DemoTask(dataclasses.replace(PLAN, phases=(Phase(32, 1), Phase(40, 1))))
    before = task.state()
    before["slots/0000"] = before["slots/0000"] + 5
    task.restore(before)
    pixels, _ = next(task.batches(1, 0))
    assert task.built.resolution_px == pixels.shape[1] == 40
    after = task.state()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_step_changes_every_kernel_and_every_moving_statistic(whole: Whole):
    """Nothing is frozen; only gammas and betas behind a gamma of zero wait for a third step."""
    model, fresh = whole[0].keras, Trainee(PLAN, 32).built.keras
    same = {
        one.name
        for one, two in zip(model.weights, fresh.weights, strict=True)
        if np.array_equal(one.numpy(), two.numpy())
    }
    assert not [name for name in same if "kernel" in name or "moving" in name]
    assert "predictions/bias:0" not in same


def test_a_run_in_two_sessions_gives_the_weights_of_one(whole: Whole):
    """Bit for bit, on the same machine: nothing of the run is outside its checkpoint."""
    built, outcome, folder = whole
    shutil.copytree(folder / "after-one", folder / "resumed")
    resumed, again = train(PLAN, folder / "resumed")
    assert [record["epoch"] for record in again.history] == [1, 2]
    assert again.history[1]["loss"] == outcome.history[1]["loss"]
    for one, two in zip(built.keras.get_weights(), resumed.keras.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_session_without_time_does_nothing_and_keeps_what_is_there(whole: Whole):
    """The checkpoint's weights, one epoch, not finished."""
    folder = whole[2]
    shutil.copytree(folder / "after-one", folder / "late")
    before = {path.name: path.read_bytes() for path in (folder / "late").iterdir() if path.suffix == ".npz"}
    _, outcome = train(PLAN, folder / "late", deadline_s=0.0)
    assert (outcome.epochs, outcome.stopped) == (1, "deadline")
    after = {path.name: path.read_bytes() for path in (folder / "late").iterdir() if path.suffix == ".npz"}
    assert after == before


def test_a_folder_of_another_plan_is_refused(whole: Whole):
    """Before a step is made."""
    with pytest.raises(DataError, match="another one: batch_size, epoch_pictures"):
        train(Plan(), whole[2] / "run")


def test_the_weights_are_written_with_how_they_were_made(whole: Whole, tmp_path: Path):
    """Half precision, read back and judged; the record has hash, plan, log, versions and the command."""
    path = tmp_path / "weights.npz"
    built, outcome, _ = whole
    record = export(PLAN, built, outcome, path, pictures=20)
    assert json.loads(path.with_suffix(".json").read_text()) == json.loads(json.dumps(record))
    assert record["sha256"] == sha256_of_file(path)
    assert record["accuracy"]["n"] == 20
    assert record["accuracy"]["right"] == count_right(
        build("b0", weights=path, num_classes=10, resolution_px=32), "val", 20
    )
    assert (record["is_finished"], record["epochs"], record["steps"]) == (True, 2, 2)
    assert record["command"].startswith("python -m edge_effnet.train.demo -o ")
    with pytest.raises(OutputExistsError):
        export(PLAN, built, outcome, path)


def test_an_output_that_is_there_is_refused_before_training(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Exit code 2; hours are not spent on a file that cannot be written."""
    path = tmp_path / "weights.npz"
    path.write_bytes(b"mine")
    assert main(["-o", str(path), "--checkpoint", str(tmp_path / "run")]) == 2
    assert "--force" in caplog.text
    assert not (tmp_path / "run").exists()
    assert path.read_bytes() == b"mine"
