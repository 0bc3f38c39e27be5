"""Transfer learning as a task of the loop: first the classifier on features that are computed once, then more of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.train.augment_rows import central_crop
from edge_effnet.train.network import LearningNetwork
from edge_effnet.train.schedule import Cosine
from edge_effnet.train.strategy import distributed_step
from edge_effnet.train.unfreeze import HEAD
from edge_effnet.train.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from edge_effnet.models import BuiltModel
    from edge_effnet.train.data import Pictures
    from edge_effnet.train.settings import Settings
    from edge_effnet.train.strategy import Distribution

    Floats = npt.NDArray[np.float32]

__all__ = ["TransferTask"]

_JUDGED: Final = 50
"""Pictures that pass through the body at once where nothing is learnt from them."""

_SEEDS: Final = 2**31


class TransferTask:
    """A network that learns the classes of a folder.

    While only the classifier learns, pictures are seen as evaluation sees them, so that the body is run once per
    picture; from then on they are augmented.

    Args:
        built: The network with as many outputs as there are classes; made in the strategy's scope.
        settings: How it is taught.
        train: Pictures to learn from, see `edge_effnet.train.views.training_preprocessing`.
        val: Pictures to judge by, as evaluation sees them.
        distribution: Where steps are taken.
    """

    def __init__(
        self,
        built: BuiltModel,
        settings: Settings,
        train: Pictures,
        val: Pictures,
        distribution: Distribution,
    ) -> None:
        self._settings, self._train, self._val, self._distribution = settings, train, val, distribution
        self._table = settings.unfreezing
        batch_size = min(settings.batch_size, len(train))
        self._views = Views(train, built.resolution_px, batch_size, settings.seed, settings.policy)
        with distribution.strategy.scope():
            self.network = LearningNetwork(
                built, [first for _, first in self._table.rows],
                weight_decay=settings.weight_decay, batch_norm=settings.batch_norm, ema=settings.ema,
            )  # fmt: skip
        self._weights = _class_weights(train, settings.class_weights)
        self._first = ""
        self._steps: dict[str, Callable[..., Mapping[str, Any]]] = {}
        self._features: dict[str, Floats] = {}
        tf = import_tensorflow()
        self._body = tf.function(
            lambda pixels: self.network.body(self.network.normalise(pixels), training=False),
            reduce_retracing=True,
        )

    @property
    def batch_size(self) -> int:
        """Pictures in a step."""
        return self._views.batch_size

    @property
    def epoch_steps(self) -> int:
        """Steps in an epoch."""
        return self._views.steps

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Any, Any]]:
        """Yield features or pictures, and targets, of an epoch."""
        first = self._table.at(epoch)
        if first != self._first:
            self._first = first
            self.network.freeze_before(first)
        return self._cached_batches(epoch, start) if first == HEAD else self._views.batches(epoch, start)

    def _cached_batches(self, epoch: int, start: int) -> Iterator[tuple[Floats, Floats]]:
        size, order = self._views.batch_size, self._views.order(epoch)
        features, targets = (
            self._features_of("train", self._train),
            np.eye(len(self._train.classes), dtype=np.float32),
        )
        for step in range(start, self.epoch_steps):
            chosen = order[step * size :][:size]
            yield features[chosen], targets[np.asarray(self._train.labels)[chosen]]

    def step(self, batch: tuple[Any, Any], step: int) -> dict[str, float]:
        """Learn from a batch."""
        epoch = step // self.epoch_steps
        first, rate = self._table.at(epoch), self._rate_at(step)
        if first not in self._steps:
            self._steps[first] = distributed_step(
                self._distribution.strategy, self._head_step if first == HEAD else self._body_step
            )
        self.network.set_rate(rate)
        figures = self._steps[first](batch, float(step % _SEEDS))
        self.network.follow(step)
        return {"loss": float(figures["loss"]), "top1": float(figures["top1"]), "rate": rate}

    def _rate_at(self, step: int) -> float:
        """Return the rate: every row of the table of unfreezing has a warm-up and a cosine of its own."""
        epoch, settings = step // self.epoch_steps, self._settings
        begins, ends = self._table.span(epoch, settings.epochs)
        steps = (ends - begins) * self.epoch_steps
        peak = settings.head_rate if self._table.at(epoch) == HEAD else settings.learning_rate
        return Cosine(peak, steps, round(settings.warm_up * steps)).rate_at(step - begins * self.epoch_steps)

    def _head_step(self, shard: tuple[Any, Any], count: Any, step: Any) -> dict[str, Any]:
        features, targets = shard
        return self._learn(lambda: features, targets, count, step)

    def _body_step(self, shard: tuple[Any, Any], count: Any, step: Any) -> dict[str, Any]:
        pixels, targets = shard
        inputs, trains = self.network.normalise(pixels), self._settings.batch_norm == "trained"
        return self._learn(lambda: self.network.body(inputs, training=trains), targets, count, step)

    def _learn(self, features_of: Callable[[], Any], targets: Any, count: Any, step: Any) -> dict[str, Any]:
        """Take one step on one replica; what is returned adds up to the figures of the whole batch."""
        tf, network = import_tensorflow(), self.network
        learning = network.learning
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(learning)
            logits = tf.cast(network.head(self._dropped(features_of(), step)), tf.float32)
            loss = tf.reduce_sum(self._losses(targets, logits)) / count
        network.apply_gradients(tape.gradient(loss, learning))
        right = tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(targets, 1)), tf.float32)
        return {"loss": loss, "top1": 100.0 * tf.reduce_sum(right) / count}

    def _dropped(self, features: Any, step: Any) -> Any:
        tf, share = import_tensorflow(), self._settings.dropout
        if share == 0.0:
            return features
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = tf.stack([tf.constant(self._settings.seed % _SEEDS), tf.cast(step, tf.int32)])
        seed = tf.random.experimental.stateless_fold_in(seed, replica)
        return tf.nn.experimental.stateless_dropout(features, share, seed=seed)

    def _losses(self, targets: Any, logits: Any) -> Any:
        """Return the weighted cross-entropy of each picture against smoothed targets."""
        tf, smooth = import_tensorflow(), self._settings.label_smoothing
        smoothed = targets * (1.0 - smooth) + smooth / len(self._train.classes)
        losses = tf.nn.softmax_cross_entropy_with_logits(smoothed, logits)
        return losses * tf.linalg.matvec(targets, tf.constant(self._weights))

    def judge(self, epoch: int) -> dict[str, float]:
        """Return accuracy and loss on the pictures to judge by, with the mean of the weights."""
        labels = np.asarray(self._val.labels)
        self.network.swap()
        try:
            # Features stay what they are for as long as nothing but the classifier has learnt.
            seen = (
                self._features_of("val", self._val)
                if self._table.at(epoch) == HEAD
                else self._pass(self._val)
            )
            logits = np.asarray(self.network.head(seen), np.float64)
        finally:
            self.network.swap()
        right = int(np.count_nonzero(logits.argmax(axis=1) == labels))
        return {"val_loss": _mean_loss(logits, labels), "val_top1": 100.0 * right / len(labels)}

    def _features_of(self, name: str, pictures: Pictures) -> Floats:
        if name not in self._features:
            self._features[name] = self._pass(pictures)
        return self._features[name]

    def _pass(self, pictures: Pictures) -> Floats:
        """Return the features of every picture, ``(n, features)``."""
        side_px = self.network.built.resolution_px
        found = [
            np.asarray(
                self._body(np.stack([central_crop(picture, side_px) for picture in pixels])), np.float32
            )
            for pixels, _ in pictures.batches(_JUDGED)
        ]
        return np.concatenate(found)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return weights, optimizer and the mean of the weights."""
        return self.network.state()

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state."""
        self.network.restore(arrays)


def _mean_loss(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Return the mean cross-entropy in nats, without smoothing."""
    with np.errstate(invalid="ignore", over="ignore"):  # the loop tells of values that are not finite
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return float(losses.mean())


def _class_weights(pictures: Pictures, kind: str) -> Floats:
    """Return the weight of each class; over the pictures they average to 1."""
    counts = np.asarray(pictures.counts, np.float64)
    weights = np.ones_like(counts) if kind == "none" else counts.sum() / (len(counts) * counts)
    return weights.astype(np.float32)
