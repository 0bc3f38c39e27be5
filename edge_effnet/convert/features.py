"""The feature map behind a class activation map: the last map before the mean, as a second output of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.errors import UsageError
from edge_effnet.quantize.recipes import get_recipe

if TYPE_CHECKING:
    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["FeatureMap", "check_features_request", "find_feature_map", "write_quantized"]

_CHANGES_NO_ORDER: Final = frozenset({"softmax", "reshape"})
_CLASSIFIERS: Final = frozenset({"dense", "conv"})
_POOLS: Final = frozenset({"mean", "average_pool"})


@dataclass(frozen=True)
class FeatureMap:
    """Where a graph has its last feature map, and what turns it into scores.

    Attributes:
        tensor: The map, ``(1, height, width, channels)``.
        classifier: The operator whose weights, ``(channels, classes)``, follow the mean of the map.
    """

    tensor: str
    classifier: str

    def to_record(self) -> dict[str, Any]:
        """Return what the contract says under ``explain``."""
        return {
            "method": "cam",
            "features_output": 1,
            "weights": f"{self.classifier}/kernel",
            "normalisation": "relu, divided by the maximum",
        }


def check_features_request(request: ConvertRequest) -> None:
    """Refuse what has no feature map to give, before any work is done.

    Raises:
        UsageError: The file is written by TensorFlow's converter, or is not full integer.
    """
    if not request.integer:
        raise UsageError("--with-features is for --int8", got=request.precision)
    if get_recipe(request.recipe).settings is None:
        raise UsageError(
            f"--recipe {request.recipe} leaves the file to TensorFlow's converter",
            hint="--with-features goes with the other recipes",
        )


def find_feature_map(graph: Graph) -> FeatureMap:
    """Return the map that the mean and one layer of weights turn into scores.

    References:
        Zhou et al. 2016, Learning Deep Features for Discriminative Localization: what this structure allows.

    Raises:
        UsageError: The network does not end like that.
    """
    makers = {node.name: node for node in graph.nodes}
    classifier = _behind(graph.output_name, makers, _CHANGES_NO_ORDER)
    if classifier is not None and classifier.kind in _CLASSIFIERS:
        pool = makers.get(classifier.inputs[0])
        source = _behind(classifier.inputs[0], makers, _POOLS)
        if pool is not None and pool.kind in _POOLS and source is not None:
            return FeatureMap(source.name, classifier.name)
    raise UsageError(
        "the network does not end in a mean and one layer of weights, so it has no class activation map",
        got=graph.name,
        hint="convert it without --with-features",
    )


def write_quantized(
    request: ConvertRequest, quantized: QuantizedGraph, choices: dict[str, Any]
) -> tuple[bytes, dict[str, Any]]:
    """Return the file's bytes, with the feature map where the request asks for it, and what the contract says of it."""
    if not request.with_features:
        return tflite_from_quantized(quantized, io=request.io), choices
    found = find_feature_map(quantized.graph)
    model = tflite_from_quantized(quantized, io=request.io, also=[found.tensor])
    return model, {**choices, "explain": found.to_record()}


def _behind(name: str, makers: dict[str, Node], kinds: frozenset[str]) -> Node | None:
    """Return the first operator, from a tensor backwards, that is of no such kind; None at the input."""
    node = makers.get(name)
    while node is not None and node.kind in kinds:
        node = makers.get(node.inputs[0])
    return node
