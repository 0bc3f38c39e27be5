"""Where the student is compared with the teacher inside: at the ends of the blocks."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_effnet.quantize.scheme import QuantizedGraph

__all__ = ["block_ends"]


def block_ends(quantized: QuantizedGraph) -> tuple[str, ...]:
    """Return the tensors that end a block, those left out whose channels are scaled against the float network's."""
    nodes = quantized.graph.nodes
    ends = (node for node, after in itertools.pairwise(nodes) if node.block != after.block)
    return tuple(node.name for node in ends if node.name not in quantized.factors)
