"""What a model that this package wrote says about its own interface."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edge_effnet.inspect.findings import INTERFACES

if TYPE_CHECKING:
    from edge_effnet.inspect.findings import Interface
    from edge_effnet.inspect.records import Model

__all__ = ["CONTRACT_NAME", "declared_interface", "ends_in_softmax"]

CONTRACT_NAME = "edge_effnet_contract"
"""Metadata entry in which `edge_effnet.convert` leaves the contract; repeated here because convert audits by this stage."""

_LARGEST_CONTRACT_BYTES = 4 << 20

_PASSES_PROBABILITIES = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE"})


def declared_interface(model: Model) -> Interface:
    """Return the type of inputs and outputs that the contract inside a model declares; ``auto`` when there is none."""
    blob = model.metadata.get(CONTRACT_NAME, b"")
    if not 0 < len(blob) <= _LARGEST_CONTRACT_BYTES:
        return "auto"
    try:
        sides = json.loads(blob)["io"]
        declared = {sides[side]["dtype"] for side in ("input", "output")}
    except (ValueError, LookupError, TypeError, RecursionError):
        return "auto"  # not ours, or damaged: the model is judged by what it is
    return next((name for name in INTERFACES if declared == {name}), "auto")


def ends_in_softmax(model: Model) -> bool:
    """Return whether the model's output is a softmax, possibly behind a change of type or shape."""
    graph = model.subgraphs[0]
    producers = graph.producers
    index = graph.outputs[0] if graph.outputs else -1
    for _ in range(len(graph.operators)):
        operator = producers.get(index)
        if operator is None or operator.builtin not in _PASSES_PROBABILITIES:
            return operator is not None and operator.builtin == "SOFTMAX"
        index = operator.inputs[0] if operator.inputs else -1
    return False
