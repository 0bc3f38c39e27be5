"""Mixed precision: only where a GPU has it, always recorded, and a network that computes in it still learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tiny_network import tiny_network, tiny_pictures

from edge_effnet.errors import UnknownNameError
from edge_effnet.models.keras import import_keras, import_tensorflow
from edge_effnet.train import precision
from edge_effnet.train.precision import choose_precision, precision_of_layers
from edge_effnet.train.settings import Settings
from edge_effnet.train.strategy import open_strategy
from edge_effnet.train.transfer import TransferTask

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """Pretend that GPUs of some compute capabilities are there."""

    def pretend(*capabilities: tuple[int, int]) -> None:
        config = import_tensorflow().config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: list(capabilities))
        monkeypatch.setattr(
            config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu}
        )

    return pretend


def test_without_a_gpu_training_is_in_float32(gpus):
    """And whoever asked for mixed precision is told so."""
    gpus()
    assert choose_precision("auto") == ("float32", None)
    policy, note = choose_precision("mixed")
    assert policy == "float32"
    assert "float32" in note


def test_with_gpus_that_all_have_bfloat16_it_is_mixed(gpus):
    """Unless float32 is asked for."""
    gpus((8, 0), (9, 0))
    assert choose_precision("auto") == ("mixed_bfloat16", None)
    assert choose_precision("float32") == ("float32", None)
    gpus((9, 0), (7, 5))
    assert choose_precision("auto") == ("float32", None)


def test_a_precision_that_is_not_there_is_refused():
    """With the choices."""
    with pytest.raises(UnknownNameError, match="mixed"):
        choose_precision("half")


def test_a_network_in_mixed_precision_learns(tmp_path: Path):
    """Layers compute in bfloat16 on weights in float32; the loss is near that of float32, and falls."""
    pictures, val = tiny_pictures(tmp_path / "train", 8), tiny_pictures(tmp_path / "val", 2)
    settings = Settings(
        epochs=2, batch_size=12, unfreeze="0:head,1:all", augment="none", dropout=0.0, learning_rate=0.01
    )
    losses = {}
    for policy in ("float32", precision._MIXED):
        with precision_of_layers(policy):
            built = tiny_network()
        assert {layer.compute_dtype for layer in built.keras.layers if layer.weights} == {
            policy.removeprefix("mixed_")
        }
        task = TransferTask(built, settings, pictures, val, open_strategy("one"))
        batches = [
            (epoch, step, batch) for epoch in range(2) for step, batch in enumerate(task.batches(epoch, 0))
        ]
        losses[policy] = [task.step(batch, 2 * epoch + step)["loss"] for epoch, step, batch in batches]
        assert {value.dtype.name for name, value in task.state().items() if name.startswith("weights")} == {
            "float32"
        }
        assert np.isfinite(task.judge(1)["val_loss"])
    assert import_keras().mixed_precision.global_policy().name == "float32"
    assert losses[precision._MIXED] == pytest.approx(losses["float32"], rel=0.05)
    assert losses[precision._MIXED][-1] < losses[precision._MIXED][0]
