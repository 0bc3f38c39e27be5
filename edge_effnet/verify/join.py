"""Which tensors of two .tflite files are the same layer, by name, and which layers feed which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.variants.place import layer_of, place_of

if TYPE_CHECKING:
    from edge_effnet.inspect import Model, Subgraph, Tensor

__all__ = ["Joined", "join_layers", "result_shapes"]

_GATED: Final = ({"LOGISTIC", "MUL"}, {"HARD_SWISH"})
"""Readers of a tensor that goes into a swish or a hard swish, and nowhere else."""


@dataclass(frozen=True)
class Joined:
    """A layer that both files have.

    Attributes:
        name: The Keras layer.
        tensor: Its last tensor, which is its result.
        fed_by: Names of the joined layers that its operators read, directly or through tensors that are not judged;
            empty where it reads the picture.
        before_activation: Whether its result goes into a swish: what the int8 network clips there on purpose, because
            the swish makes nothing of it, looks like an error and is none.
    """

    name: str
    tensor: str
    fed_by: tuple[str, ...]
    before_activation: bool

    @property
    def place(self) -> tuple[str, str]:
        """Block and part, such as ``("block2a", "expand")``."""
        return place_of(self.name)


def result_shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of everything that an operator writes."""
    return {
        tensor.name: tensor.shape
        for operator in model.main.operators
        for tensor in model.main.results(operator)
    }


def join_layers(integer: Model, twin: Model) -> tuple[Joined, ...]:
    """Return the layers whose results have the same name and shape in both files, in the order in which they run."""
    theirs, graph = result_shapes(twin), integer.main
    feeds: dict[int, frozenset[str]] = {}
    joined: dict[str, Joined] = {}
    for operator in graph.operators:
        reads = frozenset[str]().union(*(feeds.get(index, frozenset()) for index in operator.inputs))
        for tensor in graph.results(operator):
            feeds[tensor.index] = reads
            if theirs.get(tensor.name) != tensor.shape or tensor.type != "INT8":
                continue
            name = layer_of(tensor.name)
            earlier = joined.pop(name, None)
            fed_by = (reads | frozenset(earlier.fed_by if earlier else ())) - {name}
            clipped = _goes_into_a_swish(graph, tensor)
            joined[name] = Joined(name, tensor.name, tuple(sorted(fed_by)), clipped)
            if not clipped:
                feeds[tensor.index] = frozenset({name})
    return tuple(joined.values())


def _goes_into_a_swish(graph: Subgraph, tensor: Tensor) -> bool:
    return {operator.builtin for operator in graph.consumers.get(tensor.index, ())} in _GATED
