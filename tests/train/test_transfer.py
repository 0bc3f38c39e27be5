"""Transfer learning: what learns, what is judged, and that sessions leave no trace."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tiny_network import tiny_network, tiny_pictures

from edge_effnet.errors import UsageError
from edge_effnet.train import RunPlan, run
from edge_effnet.train.settings import Settings
from edge_effnet.train.strategy import open_strategy
from edge_effnet.train.transfer import TransferTask

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.train.data import Pictures

QUICK = Settings(epochs=2, batch_size=6, head_rate=0.02, learning_rate=0.01, augment="none")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pictures, Pictures]:
    """24 pictures to learn from, 12 to judge by, three classes."""
    root = tmp_path_factory.mktemp("pictures")
    return tiny_pictures(root / "train", 8), tiny_pictures(root / "val", 4, seed=1)


def _task(folders: tuple[Pictures, Pictures], settings: Settings = QUICK, **network: float) -> TransferTask:
    return TransferTask(tiny_network(**network), settings, *folders, open_strategy("one"))


def _epochs(task: TransferTask, epochs: range) -> list[dict[str, float]]:
    """Take every step of some epochs."""
    return [
        task.step(batch, epoch * task.epoch_steps + step)
        for epoch in epochs
        for step, batch in enumerate(task.batches(epoch, 0))
    ]


def _changed(task: TransferTask) -> set[str]:
    model, fresh = task.network.built.keras, tiny_network().keras
    return {
        one.name.split(":")[0]
        for one, two in zip(model.weights, fresh.weights, strict=True)
        if not np.array_equal(one.numpy(), two.numpy())
    }


def test_while_the_head_learns_nothing_else_changes(folders):
    """Kernel and bias of the classifier, from features of pictures as evaluation sees them."""
    task = _task(folders, Settings(**{**vars(QUICK), "head_only": True}))
    features, targets = next(task.batches(0, 0))
    assert features.shape == (6, 8)
    np.testing.assert_array_equal(targets.sum(axis=1), 1.0)
    figures = _epochs(task, range(2))
    assert _changed(task) == {"predictions/kernel", "predictions/bias"}
    assert len(figures) == 2 * task.epoch_steps == 8


def test_the_rows_of_the_table_say_what_learns(folders):
    """Kernels from that part on; frozen batch norm keeps its statistics, gamma and beta."""
    task = _task(folders, Settings(**{**vars(QUICK), "unfreeze": "0:head,1:block1"}))
    _epochs(task, range(2))
    assert _changed(task) == {
        "predictions/kernel",
        "predictions/bias",
        "top_conv/kernel",
        "block1a_project_conv/kernel",
    }


def test_batch_norm_learns_where_it_is_asked_to(folders):
    """Gamma, beta and the moving statistics, of the layers that learn."""
    task = _task(folders, Settings(**{**vars(QUICK), "unfreeze": "0:block1", "batch_norm": "trained"}))
    _epochs(task, range(1))
    norm = "block1a_project_bn"
    leaves = ("gamma", "beta", "moving_mean", "moving_variance")
    assert {f"{norm}/{leaf}" for leaf in leaves} <= _changed(task)
    assert not any(name.startswith("stem") for name in _changed(task))


def test_batch_norm_that_was_folded_away_is_not_trained(folders):
    """Its statistics are those of nothing."""
    with pytest.raises(UsageError, match="folded"):
        _task(folders, Settings(**{**vars(QUICK), "batch_norm": "trained"}), moving_mean=0.0)


def test_the_loss_is_the_weighted_smoothed_cross_entropy(folders):
    """Against numpy, for the first batch, without dropout."""
    smooth = 0.1
    task = _task(folders, Settings(**{**vars(QUICK), "dropout": 0.0, "class_weights": "auto"}))
    features, targets = next(task.batches(0, 0))
    logits = np.asarray(task.network.head(features), np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -((targets * (1 - smooth) + smooth / 3) * logs).sum(axis=1).mean()
    assert task.step((features, targets), 0)["loss"] == pytest.approx(expected, rel=1e-5)


def test_rare_classes_count_more_where_it_is_asked_for(tmp_path: Path, folders):
    """Inverse to their share; over the pictures the weights average to 1."""
    for path in (
        sorted((tmp_path / "train" / "red").glob("*"))[2:] if tiny_pictures(tmp_path / "train", 8) else ()
    ):
        path.unlink()
    from edge_effnet.images import Preprocessing
    from edge_effnet.train.data import open_pictures

    pictures = open_pictures(tmp_path / "train", Preprocessing(16, 1.0))
    assert pictures.counts == (8, 8, 2)
    task = _task((pictures, folders[1]), Settings(**{**vars(QUICK), "class_weights": "auto"}))
    np.testing.assert_allclose(task._weights, [18 / 24, 18 / 24, 18 / 6])
    assert np.mean(task._weights[pictures.labels]) == pytest.approx(1.0)


def test_the_mean_of_the_weights_is_judged_and_the_weights_go_on(folders):
    """The figures are those of the mean; afterwards the weights are what they were."""
    task = _task(folders)
    _epochs(task, range(1))
    before = {name: value for name, value in task.state().items() if name.startswith("weights/")}
    judged = task.judge(0)
    after = task.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    task.network.swap()
    assert not all(np.array_equal(value, task.state()[name]) for name, value in before.items())
    pixels = folders[1].cache
    logits = task.network.built.predict_logits(pixels)
    right = np.mean(logits.argmax(axis=1) == folders[1].labels)
    assert judged["val_top1"] == pytest.approx(100 * right)


def test_the_mean_follows_its_formula(folders):
    """Decay (1 + step) / (10 + step) until that exceeds the one that was asked for."""
    task = _task(folders, Settings(**{**vars(QUICK), "ema": 0.2}))
    bias, means, mean = task.network.head.bias, [], 0.0
    for step, batch in enumerate(task.batches(0, 0)):
        task.step(batch, step)
        value = bias.numpy()
        mean = value if step == 0 else value + min(0.2, (1 + step) / (10 + step)) * (mean - value)
        means.append(mean)
    task.network.swap()
    np.testing.assert_allclose(bias.numpy(), means[-1], rtol=1e-5)


def test_every_row_of_the_table_has_its_own_warm_up_and_cosine(folders):
    """The head's rate in the first epoch, the other one in the second; both rise from below and fall."""
    settings = Settings(**{**vars(QUICK), "unfreeze": "0:head,1:top", "warm_up": 0.5})
    rates = [figures["rate"] for figures in _epochs(_task(folders, settings), range(2))]
    assert rates[:2] == [0.01, 0.02]
    assert rates[4:6] == [0.005, 0.01]
    assert rates[3] < rates[2] <= rates[1]
    assert rates[7] < rates[6] <= rates[5]


def test_a_network_learns_colours(folders):
    """Three classes that differ in one channel: right after a few epochs, and better than at first."""
    task = _task(folders, Settings(**{**vars(QUICK), "epochs": 12, "unfreeze": "0:head,2:all"}))
    first = task.step(next(task.batches(0, 0)), 0)["loss"]
    figures = _epochs(task, range(12))
    assert figures[-1]["loss"] < 0.7 * first
    assert task.judge(11)["val_top1"] > 90


def _press(task: TransferTask, at: int) -> TransferTask:
    """Press Ctrl-C during a step of a task."""
    real = task.step

    def step(batch, number: int) -> dict[str, float]:
        if number == at:
            os.kill(os.getpid(), signal.SIGINT)
        return real(batch, number)

    task.step = step  # type: ignore[method-assign]
    return task


@pytest.mark.parametrize(("at", "augment"), [(2, "none"), (6, "strong")])
def test_training_in_two_sessions_is_training_in_one(tmp_path: Path, folders, at: int, augment: str):
    """Stopped while the head learns or while all learns, augmented and mixed: weights bit for bit the same."""
    settings = Settings(**{**vars(QUICK), "unfreeze": "0:head,1:all", "augment": augment})
    plan = RunPlan(2, 4, {"seed": 0}, "val_top1", is_illustrated=False)
    whole = _task(folders, settings)
    run(whole, plan, tmp_path / "whole", resume=False)
    with pytest.raises(KeyboardInterrupt):
        run(_press(_task(folders, settings), at), plan, tmp_path / "parts", resume=False)
    parts = _task(folders, settings)
    run(parts, plan, tmp_path / "parts", resume=True)
    one, two = whole.state(), parts.state()
    assert one.keys() == two.keys()
    assert [name for name in one if one[name].tobytes() != two[name].tobytes()] == []
