"""The demonstration's network in training: its first weights, its steps, and its state as plain arrays."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.calibrate.demo import labelled_batches
from edge_effnet.models import build
from edge_effnet.models.keras import import_keras, import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from edge_effnet.images import Pixels
    from edge_effnet.models import BuiltModel
    from edge_effnet.train.demo_plan import Plan

    Batch = tuple[Pixels, npt.NDArray[np.int64]]

__all__ = ["DemoTask", "Trainee", "count_right"]

_EVALUATION_BATCH = 50

_NOT_DECAYED = ("gamma", "beta", "bias")
_FIRST_NORM = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}


class Trainee:
    """A network at one resolution, with its optimizer.

    Args:
        plan: The run.
        resolution_px: Side of the pictures.
    """

    def __init__(self, plan: Plan, resolution_px: int) -> None:
        self.built: BuiltModel = build(plan.model_id, num_classes=plan.classes, resolution_px=resolution_px)
        self._plan = plan
        self._tf, keras = import_tensorflow(), import_keras()
        _prepare(self.built.keras, plan)
        self._optimizer = keras.optimizers.AdamW(
            plan.peak_rate, weight_decay=plan.weight_decay, beta_2=0.99, jit_compile=False
        )
        self._optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
        self._optimizer.build(self.built.keras.trainable_variables)
        self._loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=plan.label_smoothing
        )
        pixels = self._tf.TensorSpec((None, resolution_px, resolution_px, 3), self._tf.uint8)
        labels = self._tf.TensorSpec((None,), self._tf.int64)
        self._step = self._tf.function(self._traced_step, input_signature=(pixels, labels))

    def step(
        self, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], rate: float
    ) -> tuple[float, int]:
        """Learn from a batch.

        Args:
            pixels: ``(n, resolution, resolution, 3)``.
            labels: ``(n,)``.
            rate: Learning rate.

        Returns:
            The loss before the step, and how many pictures were right.
        """
        self._optimizer.learning_rate.assign(rate)
        loss, right = self._step(pixels, labels)
        return float(loss), int(right)

    def _traced_step(self, pixels: Any, labels: Any) -> tuple[Any, Any]:
        tf, model = self._tf, self.built.keras
        normalisation = self.built.normalisation
        inputs = (tf.cast(pixels, tf.float32) - normalisation.mean) / normalisation.std
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            loss = self._loss(tf.one_hot(labels, self._plan.classes), logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        self._optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        right = tf.reduce_sum(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.int32))
        return loss, right

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of everything that a run goes on from; it fits the network at every resolution."""
        weights, slots = self.built.keras.get_weights(), [v.numpy() for v in self._optimizer.variables]
        arrays = {f"weights/{index:04d}": value for index, value in enumerate(weights)}
        return arrays | {f"slots/{index:04d}": value for index, value in enumerate(slots)}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state, of this or another resolution."""
        self.built.keras.set_weights(_listed(arrays, "weights/"))
        for variable, value in zip(self._optimizer.variables, _listed(arrays, "slots/"), strict=True):
            variable.assign(value)


class DemoTask:
    """The demonstration's training as the loop knows it; its pictures are drawn while they are used.

    Args:
        plan: The run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._trainee = Trainee(plan, plan.resolution_at(0))

    @property
    def built(self) -> BuiltModel:
        """The network at the resolution of the last epoch that was begun."""
        return self._trainee.built

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Draw the pictures of an epoch; the network changes to its resolution."""
        plan, side_px = self._plan, self._plan.resolution_at(epoch)
        if self._trainee.built.resolution_px != side_px:
            state, self._trainee = self._trainee.state(), Trainee(plan, side_px)
            self._trainee.restore(state)
        first = epoch * plan.epoch_pictures
        indices = range(first + start * plan.batch_size, first + plan.epoch_pictures)
        return labelled_batches("train", indices, plan.batch_size, side_px, hardest=plan.hardest_at(epoch))

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Learn from a batch."""
        pixels, labels = batch
        rate = self._plan.rate_at(step)
        loss, hits = self._trainee.step(pixels, labels, rate)
        return {"loss": loss, "top1": 100.0 * hits / len(labels), "rate": rate}

    def judge(self, epoch: int) -> dict[str, float]:
        """Count what is right on the split ``val``."""
        del epoch
        pictures = self._plan.validation_pictures
        return {"val_top1": 100.0 * count_right(self.built, "val", pictures) / pictures}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return a copy of everything that a run goes on from."""
        return self._trainee.state()

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state."""
        self._trainee.restore(arrays)


def count_right(built: BuiltModel, split: str, pictures: int) -> int:
    """Return how many of the first ``pictures`` of a split a network gets right, at its own resolution."""
    batches = labelled_batches(split, range(pictures), _EVALUATION_BATCH, built.resolution_px)
    hits = (built.predict_logits(pixels).argmax(axis=1) == labels for pixels, labels in batches)
    return sum(int(np.count_nonzero(each)) for each in hits)


def _listed(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> list[npt.NDArray[Any]]:
    return [arrays[name] for name in sorted(arrays) if name.startswith(prefix)]


def _prepare(model: Any, plan: Plan) -> None:
    """Give a model the weights that training starts from, and the settings of so short a training.

    Kernels are normal with variance 2 / fan-out, as in EfficientNet's reference code; the classifier is zero, and
    so is the last gamma of every residual branch: the network starts shallow (Goyal et al., "Accurate, Large
    Minibatch SGD", 2017).
    """
    ends = {
        node.name for layer in model.layers if layer.name.endswith("_add") for node in _residual_norms(layer)
    }
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Dropout":
            layer.rate = 0.0
        elif kind == "BatchNormalization":
            layer.momentum = plan.bn_momentum
            first = _FIRST_NORM | ({"gamma": 0.0} if layer.name in ends else {})
            layer.set_weights([np.full(v.shape, first[_leaf(v)], np.float32) for v in layer.weights])
        elif layer.weights:
            layer.set_weights([_first_value(layer, variable, plan.seed) for variable in layer.weights])


def _residual_norms(add: Any) -> list[Any]:
    """Return the batch norm whose output is the first term of a sum, dropout between them or not."""
    layer = add.inbound_nodes[0].inbound_layers[0]
    if type(layer).__name__ == "Dropout":
        layer = layer.inbound_nodes[0].inbound_layers
    return [layer]


def _leaf(variable: Any) -> str:
    return str(variable.name).rsplit("/", 1)[-1].split(":")[0]


def _first_value(layer: Any, variable: Any, seed: int) -> npt.NDArray[np.float32]:
    shape, name = tuple(int(side) for side in variable.shape), _leaf(variable)
    if name == "bias" or len(shape) == 2:
        return np.zeros(shape, np.float32)
    rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
    fan_out = shape[0] * shape[1] * (1 if name == "depthwise_kernel" else shape[3])
    kernel: npt.NDArray[np.float64] = rng.standard_normal(shape) * np.sqrt(2.0 / fan_out)
    return kernel.astype(np.float32)
