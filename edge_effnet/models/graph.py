"""The frozen graph: what a network computes at inference, with batch norm folded, as a flat list of operators.

It is the one definition that is executed in float, executed with fake quantisation, and written as a .tflite file. An
operator is one TFLite operator; a tensor is ``(1, height, width, channels)`` or ``(1, channels)`` for one image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge_effnet.variants.place import Part
    from edge_effnet.variants.spec import Normalisation

    Floats = npt.NDArray[np.float32]

__all__ = ["Graph", "Node", "NodeKind"]

NodeKind = Literal[
    "conv",
    "depthwise",
    "dense",
    "logistic",
    "hard_swish",
    "mul",
    "add",
    "mean",
    "max_pool",
    "average_pool",
    "concat",
    "pad",
    "relu",
    "softmax",
    "reshape",
]


@dataclass(frozen=True)
class Node:
    """One operator.

    Attributes:
        kind: What it does.
        name: Its output tensor's name; unique in the graph.
        inputs: Names of the tensors it reads.
        kernel: Weights, ``(h, w, in, out)`` for conv, ``(h, w, channels, 1)`` for depthwise, ``(in, out)`` for dense.
        bias: ``(out,)`` or None.
        strides: Vertical and horizontal step.
        padding: ``same``, ``valid``, or explicit ``((top, bottom), (left, right))``.
        activation: Clamp fused into the operator.
        window: Pooling window.
        layer: The Keras layer it comes from.
        block: ``stem``, ``block2a`` … or ``head``.
        part: Which part of the block it is.
    """

    kind: NodeKind
    name: str
    inputs: tuple[str, ...]
    kernel: Floats | None = None
    bias: Floats | None = None
    strides: tuple[int, int] = (1, 1)
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid"
    activation: Literal["none", "relu", "relu6"] = "none"
    window: tuple[int, int] = (1, 1)
    layer: str = ""
    block: str = ""
    part: Part = "other"


@dataclass(frozen=True)
class Graph:
    """A whole network, operators in the order in which they run.

    Attributes:
        name: Such as ``b0``.
        input_name: Name of the input tensor; what it holds is pixels (0..255), see ``normalisation``.
        resolution_px: Side of the square input.
        normalisation: What the first operators expect to have been applied to the pixels; `fold_input` of
            `edge_effnet.models.freeze` moves it into the first convolution.
        nodes: The operators.
        shapes: Shape of every tensor for one image.
        output_name: Name of the logits.
    """

    name: str
    input_name: str
    resolution_px: int
    normalisation: Normalisation
    nodes: tuple[Node, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    output_name: str = "logits"

    def consumers(self, tensor: str) -> tuple[Node, ...]:
        """Return the operators that read ``tensor``."""
        return tuple(node for node in self.nodes if tensor in node.inputs)
