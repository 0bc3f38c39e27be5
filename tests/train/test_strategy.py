"""Training on several devices and in several processes is the same training."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_network import tiny_network, write_pictures

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import EnvironmentFault, UnknownNameError
from edge_effnet.train.records import Worker
from edge_effnet.train.strategy import open_strategy

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE_S = 900


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """18 pictures to learn from, 6 to judge by."""
    root = tmp_path_factory.mktemp("pictures")
    return [str(write_pictures(root / name, count)) for name, count in (("train", 6), ("val", 2))]


def _start(strategy: str, devices: int, words: list[str], config: dict | None = None) -> subprocess.Popen:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "OMP_NUM_THREADS": "1",
    }
    environment |= {} if config is None else {"TF_CONFIG": json.dumps(config)}
    command = [sys.executable, str(HERE / "strategy_worker.py"), strategy, str(devices), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def _finished(started: dict[str, subprocess.Popen]) -> dict[str, dict]:
    """Wait for processes that work together, and return what each printed; none is left running."""
    try:
        found = {}
        for name, process in started.items():
            out, err = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, err[-3000:]
            found[name] = json.loads(out.splitlines()[-1])
        return found
    finally:
        for process in started.values():
            process.kill()
            process.communicate()


def _ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def records(folders: list[str]) -> dict[str, dict]:
    """What one device and two workers come to with the same pictures and the same batches."""
    root = Path(folders[0]).parent
    workers = [f"127.0.0.1:{port}" for port in _ports(2)]
    configs = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": place}} for place in range(2)
    ]
    started = {
        "one": _start("one", 1, [*folders, str(root / "one.weights.h5")]),
        "worker 0": _start("auto", 1, [*folders, str(root / "workers.weights.h5")], configs[0]),
        "worker 1": _start("auto", 1, [*folders, str(root / "workers.weights.h5")], configs[1]),
    }
    return _finished(started)


def _check_same(alone: dict, found: dict) -> None:
    """Losses are the same to float32's rounding, and the weights have changed between the epochs."""
    assert (alone["devices"]["replicas"], found["devices"]["replicas"]) == (1, 2)
    assert len(found["history"]) == 2
    for one, two in zip(alone["history"], found["history"], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-3)
    assert alone["history"][0]["loss"] != alone["history"][1]["loss"]


@pytest.mark.parametrize("name", ["worker 0", "worker 1"])
def test_two_workers_have_the_loss_of_one(records: dict[str, dict], name: str):
    """In every epoch, though nine pictures do not share evenly; so is the judgement."""
    assert records[name]["devices"]["workers"] == 2
    _check_same(records["one"], records[name])


@pytest.mark.slow
def test_two_devices_have_the_loss_of_one(records: dict[str, dict], folders: list[str]):
    """Of one machine, in one process."""
    output = Path(folders[0]).parent / "mirrored.weights.h5"
    found = _finished({"mirrored": _start("mirrored", 2, [*folders, str(output)])})
    _check_same(records["one"], found["mirrored"])


def test_only_the_first_worker_writes(records: dict[str, dict]):
    """Weights with a hash from it, none from the other; what it wrote is what one device writes, but for rounding."""
    from edge_effnet.models.formats import read_weights
    from edge_effnet.models.weights import Target, slots_of

    assert records["worker 1"]["sha256"] is None
    assert records["worker 0"]["sha256"] == sha256_of_file(Path(records["worker 0"]["weights"]))
    built = tiny_network()
    target = Target("lite0", slots_of(built.keras), built.normalisation)
    one, two = (read_weights(Path(records[name]["weights"]), target).tensors for name in ("one", "worker 0"))
    for layer, variables in one.items():
        for name, value in variables.items():
            np.testing.assert_allclose(two[layer][name], value, rtol=1e-2, atol=1e-4)


def test_auto_is_one_device_where_there_is_one(monkeypatch: pytest.MonkeyPatch):
    """A machine without several GPUs and without TF_CONFIG."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    distribution = open_strategy("auto")
    assert (distribution.name, distribution.replicas, distribution.worker) == ("one", 1, Worker(0, 1))


def test_several_workers_need_to_be_told_of_each_other(monkeypatch: pytest.MonkeyPatch):
    """Exit code 3, and the error shows what TF_CONFIG looks like."""
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    with pytest.raises(EnvironmentFault, match="TF_CONFIG"):
        open_strategy("multiworker")


def test_a_strategy_that_is_not_there_is_refused():
    """With the nearest name."""
    with pytest.raises(UnknownNameError, match="mirrored"):
        open_strategy("mirorred")
