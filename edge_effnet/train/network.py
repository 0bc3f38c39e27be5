"""A network that learns: its body and its classifier, what of it is frozen, its optimizer, and the mean of its weights.

Nothing in it draws random numbers of its own: dropout before the classifier is drawn from a stateless seed, and
stochastic depth is off, so that a resumed run is the same run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.errors import UsageError
from edge_effnet.models.keras import import_keras, import_tensorflow
from edge_effnet.models.weights import CLASSIFIER
from edge_effnet.train.unfreeze import learning_layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.models import BuiltModel

    Floats = npt.NDArray[np.float32]

__all__ = ["LearningNetwork", "judged_weights"]

_NOT_DECAYED: Final = ("gamma", "beta", "bias")
_BETA_2: Final = 0.99
"""AdamW's second decay: weights that join late have moments that begin at zero, which 0.9 and 0.99 cancel out in the
first step, whatever the number of steps before."""

_WARM: Final = 10.0
"""The mean of weights forgets its first values: its decay is at most (1 + step) / (10 + step), as TensorFlow's
ExponentialMovingAverage has it."""


class LearningNetwork:
    """A built network in training; must be made in the strategy's scope, as the network itself.

    Args:
        built: What learns; its weights change.
        parts: The first part that learns, for every row of the table of unfreezing; sizes the optimizer.
        weight_decay: Of kernels, relative to the learning rate.
        batch_norm: ``frozen`` uses the moving statistics and leaves them and gamma and beta as they are; ``trained``
            learns them where the layer learns.
        ema: Decay of the mean of the weights that is judged and saved; 0 judges and saves the weights themselves.
    """

    def __init__(
        self, built: BuiltModel, parts: Sequence[str], *, weight_decay: float, batch_norm: str, ema: float
    ) -> None:
        keras = import_keras()
        self.built, self._ema_decay = built, ema
        model = built.keras
        self.head = model.get_layer(CLASSIFIER)
        self.body = keras.Model(model.inputs, self.head.input)
        self._trains_norms = batch_norm == "trained"
        self._optimizer = keras.optimizers.AdamW(
            1.0, weight_decay=weight_decay, beta_2=_BETA_2, jit_compile=False
        )
        self._optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
        if self._trains_norms:
            _check_norms(model.layers)
        widest = min(parts, key=lambda part: -len(learning_layers(model.layers, CLASSIFIER, part)))
        self.freeze_before(widest)
        self._optimizer.build(self.learning)
        self._mean: dict[int, Floats] = {}
        self.freeze_before(parts[0])

    def freeze_before(self, first: str) -> None:
        """Let the part ``first`` and all behind it learn, and nothing else."""
        layers = self.built.keras.layers
        learning = {layer.name for layer in learning_layers(layers, CLASSIFIER, first)}
        for layer in layers:
            kind = type(layer).__name__
            if kind == "Dropout":
                layer.rate = 0.0
            # A batch norm that is not trainable uses its moving statistics.
            is_frozen = kind == "BatchNormalization" and not self._trains_norms
            layer.trainable = layer.name in learning and not is_frozen
        self.learning = list(self.built.keras.trainable_variables)
        chosen = {id(v) for layer in layers if layer.trainable for v in layer.weights}
        self._averaged = [place for place, v in enumerate(self.built.keras.weights) if id(v) in chosen]

    def normalise(self, pixels: Any) -> Any:
        """Return what the body takes, from pixels in 0..255."""
        tf, normalisation = import_tensorflow(), self.built.normalisation
        mean, std = (tf.constant(side, tf.float32) for side in (normalisation.mean, normalisation.std))
        return (tf.cast(pixels, tf.float32) - mean) / std

    def apply_gradients(self, gradients: Sequence[Any]) -> None:
        """Change the weights that learn; inside a step."""
        self._optimizer.apply_gradients(zip(gradients, self.learning, strict=True))

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        self._optimizer.learning_rate.assign(rate)

    def follow(self, step: int) -> None:
        """Let the mean of the weights follow them, after a step."""
        if self._ema_decay == 0.0:
            return
        decay = np.float32(min(self._ema_decay, (1.0 + step) / (_WARM + step)))
        weights = self.built.keras.weights
        for place in self._averaged:
            value = weights[place].numpy()
            mean = self._mean.get(place, value)
            with np.errstate(invalid="ignore", over="ignore"):  # the loop tells of values that are not finite
                self._mean[place] = value + decay * (mean - value)

    def swap(self) -> None:
        """Exchange the weights and their mean; a second call exchanges them back."""
        weights = self.built.keras.weights
        for place, mean in self._mean.items():
            self._mean[place] = weights[place].numpy()
            weights[place].assign(mean)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return weights, optimizer and mean as arrays."""
        arrays = {f"weights/{place:04d}": v.numpy() for place, v in enumerate(self.built.keras.weights)}
        arrays |= {f"slots/{place:04d}": v.numpy() for place, v in enumerate(self._optimizer.variables)}
        return arrays | {f"mean/{place:04d}": value.copy() for place, value in self._mean.items()}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state."""
        for place, variable in enumerate(self.built.keras.weights):
            variable.assign(arrays[f"weights/{place:04d}"])
        for place, variable in enumerate(self._optimizer.variables):
            variable.assign(arrays[f"slots/{place:04d}"])
        prefix = "mean/"
        self._mean = {
            int(name[len(prefix) :]): v.copy() for name, v in arrays.items() if name.startswith(prefix)
        }


def judged_weights(arrays: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """Return the weights that a state was judged with, in the model's order: the mean of those that learnt."""
    places = sorted(name.removeprefix("weights/") for name in arrays if name.startswith("weights/"))
    return [arrays.get(f"mean/{place}", arrays[f"weights/{place}"]) for place in places]


def _check_norms(layers: Sequence[Any]) -> None:
    """Refuse to train batch norm that was folded away: its statistics are not those of what it would see.

    Raises:
        UsageError: No batch norm of the network has a moving mean.
    """
    norms = [layer for layer in layers if type(layer).__name__ == "BatchNormalization"]
    if norms and not any(layer.moving_mean.numpy().any() for layer in norms):
        raise UsageError(
            "batch norm cannot be trained: the weights have it folded into the convolutions", got="--batch-norm trained",
            allowed="--batch-norm frozen, or weights with their batch norm",
        )  # fmt: skip
