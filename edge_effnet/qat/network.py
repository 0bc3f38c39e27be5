"""The two networks of a distillation: the float teacher, and the fake-quant student with its optimizers.

References:
    Hinton et al., "Distilling the Knowledge in a Neural Network", 2015: cross-entropy against softened outputs.
    Mishra and Marr, "Apprentice", 2018: the float network as the teacher of its own low-precision twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.fold import fold_std
from edge_effnet.models.keras import import_keras, import_tensorflow
from edge_effnet.qat.features import block_ends
from edge_effnet.quantize.execute import float_function
from edge_effnet.quantize.trainable import output_of, trainable_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from edge_effnet.models.graph import Graph
    from edge_effnet.qat.settings import QatSettings
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["Distillation"]

Arrays = dict[str, Any]

_SECOND_MOMENT: Final = 0.99
"""Adam's second moment looks back on 100 steps: the usual 1,000 is longer than a run."""


class Distillation:
    """Float teacher and quantised student on the same pixels.

    Args:
        graph: The frozen float graph, its normalisation not folded in: the teacher.
        quantized: The calibrated graph that the student begins from.
        settings: The run.
    """

    def __init__(self, graph: Graph, quantized: QuantizedGraph, settings: QatSettings) -> None:
        self._tf, self._settings, self._quantized = import_tensorflow(), settings, quantized
        self._twin = fold_std(graph)
        self._teacher = float_function(self._twin)
        self.model = trainable_model(quantized, learn_grids=settings.learn_grids)
        self._ends = block_ends(quantized) if settings.feature_weight else ()
        self._student = self._with_features()
        self._groups = self._grouped(self.model.trainable_weights)
        self._optimizers = {name: self._optimizer(members) for name, members in self._groups.items()}
        side = quantized.graph.resolution_px
        self._step = self._tf.function(
            self._traced,
            input_signature=(
                self._tf.TensorSpec((None, side, side, 3), self._tf.float32),
                self._tf.TensorSpec((None, None), self._tf.float32),
            ),
            autograph=False,
        )

    def step(self, pixels: Any, targets: Any, step: int) -> dict[str, float]:
        """Learn from a batch.

        Args:
            pixels: ``(n, side, side, 3)``, RGB in 0..255.
            targets: ``(n, classes)`` probabilities of the labels; ``(n, 0)`` where there are none.
            step: Counted from 0.

        Returns:
            The loss, and the ``agreement`` of the batch's first classes with the teacher's, in percent.
        """
        share = self._settings.share_at(step)
        for name, optimizer in self._optimizers.items():
            optimizer.learning_rate.assign(share * getattr(self._settings.rates, name))
        loss, agreement = self._step(pixels, targets)
        return {"loss": float(loss), "agreement": 100.0 * float(agreement)}

    def teach(self, pixels: npt.NDArray[np.uint8], batch_size: int) -> npt.NDArray[np.float32]:
        """Return the float network's logits ``(n, classes)`` for ``(n, side, side, 3)`` pictures."""
        mean = np.asarray(self._twin.normalisation.mean, np.float32)
        run = self._tf.function(
            lambda batch: self._teacher(self._tf.cast(batch, self._tf.float32) - mean)[self._twin.output_name]
        )
        parts = [run(pixels[start : start + batch_size]) for start in range(0, len(pixels), batch_size)]
        return np.concatenate([np.asarray(part) for part in parts])

    def state(self) -> Arrays:
        """Return a copy of every variable."""
        arrays = {f"model/{index:04d}": value for index, value in enumerate(self.model.get_weights())}
        for name, optimizer in self._optimizers.items():
            arrays |= {f"{name}/{index:04d}": each.numpy() for index, each in enumerate(optimizer.variables)}
        return arrays

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        self.model.set_weights(_listed(arrays, "model/"))
        for name, optimizer in self._optimizers.items():
            for variable, value in zip(optimizer.variables, _listed(arrays, f"{name}/"), strict=True):
                variable.assign(value)

    def _traced(self, pixels: Any, targets: Any) -> tuple[Any, Any]:
        tf = self._tf
        pixels = tf.round(tf.clip_by_value(pixels, 0.0, 255.0))  # a deployed network gets whole pixels
        wanted = self._teacher(pixels - np.asarray(self._twin.normalisation.mean, np.float32))
        offset = np.asarray(self._quantized.graph.normalisation.mean, np.float32)
        with tf.GradientTape() as tape:
            logits, *features = tf.nest.flatten(self._student(pixels - offset, training=True))
            loss = self._loss(logits, features, wanted, targets)
        members = [each for group in self._groups.values() for each in group]
        gradients = iter(tape.gradient(loss, members))
        for name, group in self._groups.items():
            self._optimizers[name].apply_gradients([(next(gradients), each) for each in group])
        best = tf.argmax(wanted[self._twin.output_name], 1)
        return loss, tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), best), tf.float32))

    def _loss(self, logits: Any, features: list[Any], wanted: Mapping[str, Any], targets: Any) -> Any:
        tf, settings = self._tf, self._settings
        target = wanted[self._twin.output_name]
        loss = _divergence(tf, target, logits, settings.temperature)
        if settings.label_share:
            spread = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
            loss = (1.0 - settings.label_share) * loss + settings.label_share * spread
        loss += settings.logit_weight * tf.reduce_mean((logits - target) ** 2)
        for name, feature in zip(self._ends, features, strict=True):
            error = tf.reduce_mean((feature - wanted[name]) ** 2) / tf.math.reduce_variance(wanted[name])
            loss += settings.feature_weight / len(self._ends) * error
        return loss

    def _with_features(self) -> Any:
        outputs = [output_of(self.model, name) for name in self._ends]
        return import_keras().Model(self.model.inputs, [self.model.outputs[0], *outputs])

    def _grouped(self, variables: list[Any]) -> dict[str, list[Any]]:
        groups: dict[str, list[Any]] = {}
        for variable in variables:
            groups.setdefault(_kind(variable), []).append(variable)
        return groups

    def _optimizer(self, members: list[Any]) -> Any:
        optimizer = import_keras().optimizers.Adam(1e-3, beta_2=_SECOND_MOMENT, jit_compile=False)
        optimizer.build(members)
        return optimizer


def _divergence(tf: Any, wanted: Any, logits: Any, temperature: float) -> Any:
    """Kullback-Leibler divergence, times the temperature's square so that gradients keep their size."""
    target, given = wanted / temperature, logits / temperature
    parts = tf.nn.softmax(target) * (tf.nn.log_softmax(target) - tf.nn.log_softmax(given))
    return tf.reduce_mean(tf.reduce_sum(parts, -1)) * temperature**2


def _kind(variable: Any) -> str:
    """Return the field of `Rates` that moves a variable."""
    leaf = str(variable.name).rsplit("/", 1)[-1].split(":")[0]
    return "kernel" if leaf.endswith("kernel") else leaf.rsplit("_", 1)[-1]


def _listed(arrays: Mapping[str, Any], prefix: str) -> list[Any]:
    return [arrays[name] for name in sorted(arrays) if name.startswith(prefix)]
