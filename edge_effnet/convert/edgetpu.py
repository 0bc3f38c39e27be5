"""What `convert --target edgetpu` does to a quantised graph: the same numbers, in operators that map better.

* A dense layer becomes a 1x1 convolution and a RESHAPE. The integers are the same; the kernel rounds twice where that of the
  dense layer rounds once, so a logit may differ by one step.
* MEAN over a large map becomes average pooling of small windows and MEAN of what is left, which has the mean's own grid. The
  averages are rounded to steps of their input in between, so the result may differ by one step.

Nothing else changes: squeeze-and-excite and swish stay, for leaving them out makes another network.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from edge_effnet.errors import UsageError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.edgetpu import predict
from edge_effnet.inspect.edgetpu_layers import LARGE_MEAN_PLACES
from edge_effnet.quantize.recipes import get_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from edge_effnet.convert.request import ConvertRequest
    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.scheme import Grid, QuantizedGraph, QuantizedWeights

__all__ = ["check_request", "edgetpu_notes", "for_edgetpu", "pooling_window"]


def check_request(request: ConvertRequest) -> None:
    """Refuse what cannot be mapped, before any work is done.

    Raises:
        UsageError: The request is not for integers, or has an option whose result stays on the CPU.
    """
    if not request.integer:
        raise UsageError(
            "--target edgetpu is for --int8", got=request.precision, hint="the Edge TPU has integers only"
        )
    if request.io == "float32":
        raise UsageError(
            "--io float32 begins with an operator that stays on the CPU, and all behind it would stay too",
            got=request.io,
            allowed="int8 or uint8",
        )
    if request.activation == "hard_swish":
        raise UsageError(
            "hard_swish is not among the operators of the Edge TPU",
            got=request.activation,
            allowed="swish, relu6 or relu",
        )
    if get_recipe(request.recipe).settings is None:
        raise UsageError(
            f"--recipe {request.recipe} leaves the graph to TensorFlow's converter",
            hint="--target edgetpu goes with the other recipes",
        )


def for_edgetpu(quantized: QuantizedGraph) -> QuantizedGraph:
    """Return the graph in operators that map better; see the module for what may differ."""
    graph = quantized.graph
    nodes: list[Node] = []
    shapes, grids = dict(graph.shapes), dict(quantized.grids)
    weights, factors = dict(quantized.weights), dict(quantized.factors)
    for node in graph.nodes:
        shape = shapes[node.inputs[0]]
        if node.kind == "dense" and math.prod(shape[:-1]) == 1 and len(shape) == 4:
            nodes.extend(_as_convolution(node, shapes, grids, weights, factors))
        elif node.kind == "mean" and pooling_window(shape[1], shape[2]) is not None:
            nodes.extend(_in_two_steps(node, shapes, grids, factors))
        else:
            nodes.append(node)
    return replace(
        quantized,
        graph=replace(graph, nodes=tuple(nodes), shapes=shapes),
        grids=grids,
        weights=weights,
        factors=factors,
    )


def pooling_window(height: int, width: int) -> tuple[int, int] | None:
    """Return the window that cuts a large map into equal parts, about as many as each has places; None to leave it."""
    if height * width < LARGE_MEAN_PLACES:
        return None
    window = _divisor(height), _divisor(width)
    return None if 1 in window else window


def _divisor(side: int) -> int:
    """Return the divisor nearest the square root; 1 where the side is prime."""
    root = math.sqrt(side)
    return min((d for d in range(1, side) if side % d == 0), key=lambda d: (abs(d - root), d))


def _as_convolution(
    node: Node,
    shapes: dict[str, tuple[int, ...]],
    grids: dict[str, Grid],
    weights: dict[str, QuantizedWeights],
    factors: dict[str, npt.NDArray[np.float32]],
) -> Iterator[Node]:
    """The last name stays that of the result; the convolution gets the other."""
    assert node.kernel is not None  # noqa: S101 - a dense layer has weights
    name, integers = f"{node.name}/map", weights.pop(node.name)
    inputs, outputs = node.kernel.shape
    shapes[name], grids[name] = (1, 1, 1, outputs), grids[node.name]
    weights[name] = replace(integers, kernel=integers.kernel.reshape(1, 1, inputs, outputs))
    if node.name in factors:
        factors[name] = factors[node.name]
    kernel = node.kernel.reshape(1, 1, inputs, outputs)
    yield replace(node, kind="conv", name=name, kernel=kernel, padding="valid")
    yield replace(
        node, kind="reshape", inputs=(name,), kernel=None, bias=None, padding="valid", activation="none"
    )


def _in_two_steps(
    node: Node,
    shapes: dict[str, tuple[int, ...]],
    grids: dict[str, Grid],
    factors: dict[str, npt.NDArray[np.float32]],
) -> Iterator[Node]:
    source, name = node.inputs[0], f"{node.name}/windows"
    _, height, width, channels = shapes[source]
    window = pooling_window(height, width)
    assert window is not None  # noqa: S101 - the caller has looked
    shapes[name] = (1, height // window[0], width // window[1], channels)
    grids[name] = grids[source]
    if source in factors:
        factors[name] = factors[source]
    yield replace(node, kind="average_pool", name=name, window=window, strides=window, padding="valid")
    yield replace(node, inputs=(name,))


def edgetpu_notes(model: bytes) -> tuple[str, ...]:
    """Return what the Edge TPU compiler is predicted to make of the result, and what may go wrong there."""
    prediction = predict(read_model_bytes(model))
    counts = f"{len(prediction.mapped)} of {len(prediction.layers)} operators predicted on the Edge TPU"
    seen = [finding for finding in prediction.findings if finding.severity != "info"]
    return (counts, *(f"{finding.op or 'model'}: {finding.reason}; {finding.fix}" for finding in seen))
