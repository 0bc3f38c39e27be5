"""Class activation maps: where in the picture the evidence for a class lies, from an int8 model's own last feature map.

A network that ends in a mean over its last feature map and one layer of weights has a score for each place of that map,
whose mean is the logit (less the bias): ``map[y, x] = sum over channels of weight[class, channel] * feature[y, x, channel]``.
Both come from the file: the map is its second output (``convert --with-features``), the weights are a constant in it.

References:
    Zhou et al. 2016, Learning Deep Features for Discriminative Localization, https://arxiv.org/abs/1512.04150.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_effnet.inspect import Model, Tensor
    from edge_effnet.model_contract import Explain

    Floats = npt.NDArray[np.float32]
    Codes = npt.NDArray[Any]

__all__ = ["ActivationMap", "activation_map_of_model", "shown"]


@dataclass(frozen=True, eq=False)
class ActivationMap:
    """What turns feature maps into maps of a class.

    Attributes:
        weights: ``(classes, channels)`` float32.
        features: Which of the model's outputs has the features.
        scale: Real value of one step of the features; 1 for float ones.
        zero_point: Code of their zero.
    """

    weights: Floats
    features: int
    scale: float
    zero_point: int

    def scores(self, features: Codes, index: int) -> Floats:
        """Return the score of a class at each place, ``(height, width)`` float32, in units of the logits.

        Args:
            features: The model's output, ``(1, height, width, channels)``.
            index: The class.
        """
        reals = np.float32(self.scale) * (features[0].astype(np.float32) - np.float32(self.zero_point))
        return np.asarray(reals @ self.weights[index], np.float32)


def shown(scores: Floats) -> Floats:
    """Return what a heat map shows: what speaks for the class, 0 to 1; all 0 where nothing does."""
    positive = np.maximum(scores, np.float32(0.0))
    largest = positive.max()
    return np.asarray(positive / largest if largest > 0 else positive, np.float32)


def activation_map_of_model(model: Model, said: Explain) -> ActivationMap:
    """Return what the contract says about maps, found in the model.

    Raises:
        DataError: The contract speaks of something that the model does not have.
    """
    tensor = next((one for one in model.main.tensors if one.name == said.weights), None)
    if tensor is None:
        raise DataError("the contract's explain.weights is no tensor of the model", got=said.weights)
    weights = _matrix(tensor)
    outputs = model.main.output_tensors
    features = outputs[said.features_output] if said.features_output < len(outputs) else None
    if features is None or len(features.shape) != 4 or features.shape[3] != weights.shape[1]:
        raise DataError(
            "the model has no feature map where its contract says",
            got=f"output {said.features_output}: {None if features is None else list(features.shape)}",
            allowed=f"(1, height, width, {weights.shape[1]})",
        )
    if outputs[0].shape[-1] != len(weights):
        raise DataError(
            "explain.weights does not fit the model's classes",
            got=f"{len(weights)} rows, {outputs[0].shape[-1]} classes",
        )
    scale, zero_point = features.scale, features.zero_point
    return ActivationMap(
        weights,
        said.features_output,
        1.0 if scale is None else scale,
        0 if zero_point is None else zero_point,
    )


def _matrix(tensor: Tensor) -> Floats:
    """Return a dense or 1x1 kernel, ``(classes, channels)`` or ``(classes, 1, 1, channels)``, as real values."""
    codes = tensor.data()
    if (
        codes is None
        or len(tensor.shape) not in (2, 4)
        or tensor.elements != tensor.shape[0] * tensor.shape[-1]
    ):
        raise DataError(
            "explain.weights is no layer of weights",
            got=f"{tensor.name} {tensor.type} {list(tensor.shape)}",
            allowed="a constant (classes, channels) or (classes, 1, 1, channels)",
        )
    matrix = codes.reshape(tensor.shape[0], tensor.shape[-1]).astype(np.float32)
    if tensor.quantisation is None:
        return matrix
    scales, zeros = (
        np.asarray(values, np.float32).reshape(-1, 1)
        for values in (tensor.quantisation.scales, tensor.quantisation.zero_points)
    )
    return np.asarray((matrix - zeros) * scales, np.float32)
