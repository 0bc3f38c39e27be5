"""Trains the tiny network with a strategy through the library call of the verb and prints its record: one process of a test.

Called as ``strategy_worker.py STRATEGY DEVICES TRAIN_DIR VAL_DIR OUTPUT``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tiny_network import tiny_network

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.train import fit
from edge_effnet.train.settings import Settings


def main(strategy: str, devices: str, train: str, val: str, output: str) -> None:
    """Take two epochs of two steps, the head and then everything."""
    tf = import_tensorflow()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    if strategy == "mirrored":  # without GPUs it is told of the devices by name
        real = tf.distribute.MirroredStrategy
        tf.distribute.MirroredStrategy = lambda: real([f"CPU:{place}" for place in range(int(devices))])
    fit.build = lambda *_, **__: tiny_network()
    settings = Settings(
        epochs=2, batch_size=9, unfreeze="0:head,1:all", augment="light", dropout=0.0, learning_rate=5e-3
    )
    request = fit.TrainRequest(
        "lite0", Path(train), Path(val), Path(output), settings=settings, strategy=strategy
    )
    sys.stdout.write(json.dumps(fit.train(request).record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
