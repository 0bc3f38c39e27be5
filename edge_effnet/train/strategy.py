"""On how many devices a step is taken: one interface over tf.distribute.

A step is written for one replica: it gets its share of the batch and the number of pictures in the whole batch, divides
its sums by that number, and what the replicas return is added up. Gradients are added up by the optimizer. So the same
step with the same batch gives the same loss on one device and on many.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import EnvironmentFault, UnknownNameError
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.train.records import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STRATEGIES", "Distribution", "distributed_step", "open_strategy"]

STRATEGIES: Final = ("auto", "one", "mirrored", "multiworker")


@dataclass(frozen=True)
class Distribution:
    """Where a run takes its steps.

    Attributes:
        name: ``one``, ``mirrored`` or ``multiworker``.
        strategy: The tf.distribute strategy; models and optimizers are made in its ``scope()``.
        worker: Which of several processes this is.
    """

    name: str
    strategy: Any
    worker: Worker = Worker()  # noqa: RUF009 - frozen

    @property
    def replicas(self) -> int:
        """How many copies of the network learn together."""
        return int(self.strategy.num_replicas_in_sync)

    def to_record(self) -> dict[str, Any]:
        """Return what is written into records."""
        return {"strategy": self.name, "replicas": self.replicas, "workers": self.worker.count}


def open_strategy(name: str = "auto") -> Distribution:
    """Open a strategy; several workers must do so before TensorFlow does anything else.

    Args:
        name: One of `STRATEGIES`. ``auto`` is ``multiworker`` where ``TF_CONFIG`` names several workers, ``mirrored``
            where there are several GPUs, else ``one``.

    Raises:
        UnknownNameError: There is no such strategy.
        EnvironmentFault: ``multiworker`` without a usable ``TF_CONFIG``.
    """
    if name not in STRATEGIES:
        raise UnknownNameError("strategy", name, STRATEGIES)
    workers = _worker()
    if name == "auto":
        name = "multiworker" if workers is not None and workers.count > 1 else _local_choice()
    tf = import_tensorflow()
    if name == "multiworker":
        if workers is None:
            raise EnvironmentFault(
                "the strategy multiworker needs the variable TF_CONFIG", got=os.environ.get("TF_CONFIG"),
                allowed='{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}',
            )  # fmt: skip
        return Distribution(name, tf.distribute.MultiWorkerMirroredStrategy(), workers)
    strategy = tf.distribute.MirroredStrategy() if name == "mirrored" else tf.distribute.get_strategy()
    return Distribution(name, strategy)


def _local_choice() -> str:
    return "mirrored" if len(import_tensorflow().config.list_physical_devices("GPU")) > 1 else "one"


def _worker() -> Worker | None:
    """Read ``TF_CONFIG``; None where it is missing or names no workers."""
    try:
        config = json.loads(os.environ.get("TF_CONFIG", ""))
        return Worker(int(config["task"]["index"]), len(config["cluster"]["worker"]))
    except (ValueError, KeyError, TypeError):
        return None


def distributed_step(
    strategy: Any, function: Callable[..., Mapping[str, Any]]
) -> Callable[..., Mapping[str, Any]]:
    """Make a step of one replica a step of all.

    Args:
        strategy: The strategy in whose scope model and optimizer were made.
        function: ``function(shard, count, *scalars)``: ``shard`` is a tuple of tensors, this replica's share of the
            batch; ``count`` the pictures of the whole batch, a float32 tensor. It returns scalars that add up over the
            replicas. It is traced once.

    Returns:
        ``step(batch, *scalars)``: ``batch`` is the tuple of whole tensors, the same in every worker; ``scalars`` are
        passed on as float32. Gives the sums.
    """
    tf = import_tensorflow()

    def whole(shards: Any, count: Any, *scalars: Any) -> dict[str, Any]:
        parts = strategy.run(function, args=(shards, count, *scalars))
        return {name: strategy.reduce("SUM", part, axis=None) for name, part in parts.items()}

    traced = tf.function(whole)

    def step(batch: tuple[Any, ...], *scalars: float) -> Mapping[str, Any]:
        count = tf.constant(len(batch[0]), tf.float32)
        figures: Mapping[str, Any] = traced(
            _shards(strategy, batch), count, *(tf.constant(scalar, tf.float32) for scalar in scalars)
        )
        return figures

    return step


def _shards(strategy: Any, batch: tuple[Any, ...]) -> Any:
    """Deal the pictures of a batch to the replicas in turns."""
    tf = import_tensorflow()
    if strategy.num_replicas_in_sync == 1:
        return tuple(tf.convert_to_tensor(each) for each in batch)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tuple(
            tf.convert_to_tensor(each[context.replica_id_in_sync_group :: context.num_replicas_in_sync])
            for each in batch
        )
    )
