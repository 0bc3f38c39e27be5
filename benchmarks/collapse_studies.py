"""What `collapse.py` computes itself: what each kind of tensor costs alone, and the tensor that costs most, looked at.

A study runs the float graph and rounds chosen tensors to the grids of a min-max file, which has the same tensor names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.execute import fake_quantize, input_values, integer_weights, run_node
from edge_effnet.quantize.factors import swish_behind
from edge_effnet.quantize.scheme import BIAS_LIMIT
from edge_effnet.quantize.segments import cut_into_segments, last_uses
from edge_effnet.verify.stats import PowerSums, ranking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.quantize.scheme import Grid, QuantizedGraph, QuantizedWeights

    Floats = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]
    Kernels = Mapping[str, tuple[Floats, Floats]]

__all__ = [
    "BEND",
    "ROWS",
    "TensorSpread",
    "kind_study",
    "kinds_of",
    "simulated",
    "softmax_ties",
    "spread_of",
    "tensor_study",
    "with_corrected_biases",
]

BEFORE: Final = "before swish: stem, expansions, head"
AFTER: Final = "after swish: stem, expansions, head"
GATED: Final = "product of squeeze-and-excite"
DEPTHWISE_BEFORE: Final = "before swish: depthwise"
DEPTHWISE_AFTER: Final = "after swish: depthwise"
OTHER: Final = "every other activation"
KINDS: Final = (BEFORE, AFTER, GATED, DEPTHWISE_BEFORE, DEPTHWISE_AFTER, OTHER)

ROWS: Final[tuple[tuple[str, tuple[str, ...], bool], ...]] = (
    ("everything", KINDS, True),
    ("all activations, float weights", KINDS, False),
    ("all weights, float activations", (), True),
    *((kind, (kind,), False) for kind in KINDS),
    ("everything but the first three kinds", (DEPTHWISE_BEFORE, DEPTHWISE_AFTER, OTHER), True),
)
"""Name of a row -> the kinds of activations that are rounded, and whether the weights are."""

BEND: Final = 4.0
"""Between -4 and 4 swish is neither 0 nor the identity: it differs from them by more than 0.07."""

_BATCH: Final = 8
_INNER: Final = (0.0005, 0.9995)
_SAMPLED: Final = 20_000
"""Values of a tensor that are kept of each picture, for quantiles."""


@dataclass(frozen=True)
class TensorSpread:
    """How the values of one tensor are spread.

    Attributes:
        lows: ``(channels,)`` smallest value of each channel.
        highs: ``(channels,)`` largest value.
        inner: Ends of the interval that holds the central 99.9 % of all values.
        n: Pictures.
    """

    lows: Floats
    highs: Floats
    inner: tuple[float, float]
    n: int


def kinds_of(graph: Graph) -> dict[str, str]:
    """Return the kind of every tensor that an operator writes: a member of `KINDS`."""
    swishes = {node.name: swish_behind(graph, node.name) for node in graph.nodes}
    products = {product: name for name, product in swishes.items() if product is not None}
    nodes = {node.name: node for node in graph.nodes}
    return {
        node.name: _kind(node, swishes[node.name], nodes.get(products.get(node.name, "")))
        for node in graph.nodes
    }


def _kind(node: Node, swish: str | None, source: Node | None) -> str:
    """Return a node's kind, given the swish that its result goes into, or the node whose swish it is."""
    layer = node if swish is not None else source
    if layer is None:
        return GATED if node.kind == "mul" else OTHER
    if layer.part == "se":
        return OTHER
    table = {(True, True): DEPTHWISE_BEFORE, (True, False): BEFORE, (False, True): DEPTHWISE_AFTER}
    return table.get((swish is not None, layer.kind == "depthwise"), AFTER)


def simulated(
    nodes: Sequence[Node],
    tensors: Mapping[str, Any],
    keep: Collection[str],
    *,
    grids: Mapping[str, Grid] | None = None,
    kernels: Kernels | None = None,
) -> dict[str, Any]:
    """Run operators in float, but for what is rounded.

    Args:
        nodes: In the order in which they run.
        tensors: What the first ones read.
        keep: Tensors to return; any other is dropped after its last use.
        grids: Result that is rounded -> its grid.
        kernels: Operator -> real kernel and bias that its integers stand for.
    """
    grids, kernels = grids or {}, kernels or {}
    last = {name: index for index, node in enumerate(nodes) for name in node.inputs}
    alive = dict(tensors)
    for index, node in enumerate(nodes):
        value = run_node(node, [alive[name] for name in node.inputs], kernels.get(node.name))
        alive[node.name] = fake_quantize(value, grids[node.name]) if node.name in grids else value
        for name in set(node.inputs).difference(keep):
            if last[name] <= index:
                del alive[name]
    return {name: alive[name] for name in keep}


def kind_study(graph: Graph, quantized: QuantizedGraph, pixels: Pixels) -> list[dict[str, Any]]:
    """Round one kind of tensor at a time and look at the logits; a row per member of `ROWS` that has something to round."""
    kinds, kernels = kinds_of(graph), _kernels(graph, quantized)
    chosen: dict[str, tuple[dict[str, Grid], Kernels]] = {}
    for name, members, with_weights in ROWS:
        grids = {tensor: quantized.grids[tensor] for tensor, kind in kinds.items() if kind in members}
        if grids or with_weights:
            chosen[name] = grids, kernels if with_weights else {}
    sums = {name: _Sums() for name in chosen}
    output = graph.output_name
    for first in _inputs(graph, _batches(pixels)):
        wanted = simulated(graph.nodes, first, (output,))[output]
        for name, (grids, weights) in chosen.items():
            found = simulated(graph.nodes, first, (output,), grids=grids, kernels=weights)[output]
            sums[name].add(wanted, found)
    return [{"name": name, "tensors": len(chosen[name][0]), **sums[name].to_record()} for name in chosen]


def tensor_study(graph: Graph, quantized: QuantizedGraph, pixels: Pixels) -> list[dict[str, Any]]:
    """Round each tensor before a swish alone; return a row per tensor, the one that costs most first."""
    kinds, output = kinds_of(graph), graph.output_name
    sums = {name: _Sums() for name, kind in kinds.items() if kind in {BEFORE, DEPTHWISE_BEFORE}}
    place = {node.name: index for index, node in enumerate(graph.nodes)}
    segments = cut_into_segments(graph)
    sources = {segment.source for segment in segments}
    for first in _inputs(graph, _batches(pixels)):
        exact = simulated(graph.nodes, first, {*sources, output})
        for segment in segments:
            rest = graph.nodes[place[segment.nodes[0].name] :]
            given = {segment.source: exact[segment.source]}
            for name in (node.name for node in segment.nodes if node.name in sums):
                found = simulated(rest, given, (output,), grids={name: quantized.grids[name]})
                sums[name].add(exact[output], found[output])
    rows = [{"name": name, "kind": kinds[name], **total.to_record()} for name, total in sums.items()]
    return sorted(rows, key=lambda row: float(row["sqnr_db"]))


def spread_of(graph: Graph, tensor: str, batches: Iterable[Pixels], seed: int = 0) -> TensorSpread:
    """Return how the values of a tensor are spread over pictures; the quantiles are of a sample of its values."""
    place = next(index for index, node in enumerate(graph.nodes) if node.name == tensor)
    generator = np.random.default_rng(seed)
    lows, highs, sample, count = [], [], [], 0
    for first in _inputs(graph, batches):
        values = np.asarray(simulated(graph.nodes[: place + 1], first, (tensor,))[tensor])
        rows = values.reshape(-1, values.shape[-1])
        lows.append(rows.min(axis=0))
        highs.append(rows.max(axis=0))
        sample.append(generator.choice(values.ravel(), _SAMPLED * len(values)))
        count += len(values)
    low, high = np.quantile(np.concatenate(sample), _INNER).tolist()
    return TensorSpread(np.min(lows, axis=0), np.max(highs, axis=0), (low, high), count)


def with_corrected_biases(graph: Graph, quantized: QuantizedGraph, pixels: Pixels) -> QuantizedGraph:
    """Move every bias by the mean error of its operator's result, operator by operator: the textbook correction.

    Args:
        graph: The float network.
        quantized: A quantised graph with the same tensors, whose grids stay as they are.
        pixels: ``(n, height, width, 3) uint8``; all travel at once.
    """
    first = import_tensorflow().constant(input_values(graph, pixels))
    exact, given, corrected = {graph.input_name: first}, {graph.input_name: first}, dict(quantized.weights)
    last = last_uses(graph)
    for index, node in enumerate(graph.nodes):
        wanted = run_node(node, [exact[name] for name in node.inputs], activate=False)
        if node.kernel is not None:
            found = _given(node, given, quantized, corrected[node.name], activate=False)
            error = np.asarray(wanted - found, np.float64).reshape(-1, wanted.shape[-1]).mean(axis=0)
            corrected[node.name] = _moved(corrected[node.name], error, quantized.grids[node.inputs[0]].scale)
        rounded = _given(node, given, quantized, corrected.get(node.name))
        given[node.name] = fake_quantize(rounded, quantized.grids[node.name])
        exact[node.name] = run_node(node, [exact[name] for name in node.inputs])
        for name in set(node.inputs):
            if last[name] <= index:
                del exact[name], given[name]
    return replace(quantized, weights=corrected)


def _given(
    node: Node,
    tensors: Mapping[str, Any],
    quantized: QuantizedGraph,
    weights: QuantizedWeights | None,
    *,
    activate: bool = True,
) -> Any:
    """Run an operator with its integers, before its result is rounded."""
    scale = quantized.grids[node.inputs[0]].scale
    real = None if weights is None else integer_weights(node, weights, scale)
    return run_node(node, [tensors[name] for name in node.inputs], real, activate=activate)


def _moved(weights: QuantizedWeights, error: npt.NDArray[np.float64], input_scale: float) -> QuantizedWeights:
    steps = np.rint(error / (weights.scales.astype(np.float64) * input_scale))
    return replace(weights, bias=np.clip(weights.bias + steps, -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32))


def softmax_ties(logits: Floats) -> float:
    """Return on how many pictures two classes share the first place once probabilities are in steps of 1/256, percent.

    Args:
        logits: ``(pictures, classes)``.
    """
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    codes = np.minimum(np.rint(256.0 * powers / powers.sum(axis=1, keepdims=True)), 255.0)
    return 100.0 * float(np.mean((codes == codes.max(axis=1, keepdims=True)).sum(axis=1) > 1))


class _Sums:
    """The logits of a study against the float network's."""

    def __init__(self) -> None:
        self.noise, self.same, self.n = PowerSums(), 0, 0

    def add(self, exact: Any, found: Any) -> None:
        """Count ``(pictures, classes)`` of both."""
        wanted, given = np.asarray(exact), np.asarray(found)
        self.noise.add(wanted, given)
        self.same += int(np.count_nonzero(ranking(wanted, 1) == ranking(given, 1)))
        self.n += len(wanted)

    def to_record(self) -> dict[str, Any]:
        """Return SQNR in decibels, agreement in percent, and the number of pictures."""
        return {"sqnr_db": self.noise.sqnr_db, "agreement": 100.0 * self.same / self.n, "n": self.n}


def _kernels(graph: Graph, quantized: QuantizedGraph) -> Kernels:
    return {
        node.name: integer_weights(node, quantized.weights[node.name], quantized.grids[node.inputs[0]].scale)
        for node in graph.nodes
        if node.kernel is not None
    }


def _batches(pixels: Pixels) -> Iterator[Pixels]:
    return (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))


def _inputs(graph: Graph, batches: Iterable[Pixels]) -> Iterator[dict[str, Any]]:
    """Yield what the graph reads for each batch."""
    tf = import_tensorflow()
    return ({graph.input_name: tf.constant(input_values(graph, batch))} for batch in batches)
