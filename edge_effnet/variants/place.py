"""Where a Keras layer stands in the network: its block and the part of the block, read from its name."""

from __future__ import annotations

import re
from typing import Final, Literal

__all__ = ["Part", "layer_of", "place_of"]

Part = Literal["stem", "expand", "depthwise", "se", "project", "residual", "head", "other"]

_INNER: Final = frozenset({"sigmoid", "swish", "hard_swish", "softmax", "relu", "relu6", "depthwise"})
"""What the frozen graph appends to a Keras layer's name where the layer becomes several operators."""

_PARTS: tuple[tuple[str, Part], ...] = (
    ("expand", "expand"),
    ("dwconv", "depthwise"),
    ("bn", "depthwise"),
    ("activation", "depthwise"),
    ("se_", "se"),
    ("project", "project"),
    ("add", "residual"),
    ("drop", "residual"),
)
"""Prefix of what follows the block's name -> part; Keras applications' layer names."""

_BLOCK = re.compile(r"^(block\d+[a-z]+)_(.*)$")
_HEAD = ("top", "avg_pool", "predictions")


def layer_of(tensor: str) -> str:
    """Return the Keras layer that a tensor belongs to: ``top_activation`` of ``top_activation/swish``."""
    layer, slash, inner = tensor.rpartition("/")
    return layer if slash and inner in _INNER else tensor


def place_of(layer_name: str) -> tuple[str, Part]:
    """Return ``(block, part)`` of a layer, such as ``("block2a", "expand")``; ``("", "other")`` when unknown."""
    match = _BLOCK.match(layer_name)
    if match:
        block, rest = match.groups()
        return block, next((part for prefix, part in _PARTS if rest.startswith(prefix)), "other")
    if layer_name.startswith("stem"):
        return "stem", "stem"
    if layer_name.startswith(_HEAD):
        return "head", "head"
    return "", "other"
