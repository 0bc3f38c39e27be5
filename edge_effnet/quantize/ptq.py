"""Post-training quantisation, one pass through the network: refit, equalise, find the range, round, go on.

Two copies of the calibration images travel through the network side by side, one through the float network and one
through what is quantised so far. Each layer is fitted to what the float network computes from what it will really get.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from edge_effnet.calibrate.prefetch import prefetch
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.equalise import choose_factors
from edge_effnet.quantize.execute import fake_quantize, input_values, integer_weights, run_node
from edge_effnet.quantize.factors import CARRIERS, follower, is_absorbed, swish_behind
from edge_effnet.quantize.importance import channel_importance
from edge_effnet.quantize.ranges import histogram, search_range
from edge_effnet.quantize.reconstruct import ROWS_PER_INPUT, fit_line, refit
from edge_effnet.quantize.sampling import as_array, sample_patches, sample_rows
from edge_effnet.quantize.scheme import (
    FIXED_GRIDS,
    SHARED_GRID,
    Grid,
    channels_last,
    grid_from_range,
    input_grid,
    quantize_graph,
    quantize_weights,
)
from edge_effnet.quantize.segments import cut_into_segments, last_uses
from edge_effnet.quantize.stores import Pairs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.progress import Reporter
    from edge_effnet.quantize.scheme import QuantizedGraph, QuantizedWeights
    from edge_effnet.quantize.segments import Segment

    Floats = npt.NDArray[np.float32]

__all__ = ["Memory", "Settings", "quantize_by_reconstruction"]

_MIN_ROWS: Final = 10_000
_MIN_IMAGES: Final = 32
_STEPS_AHEAD: Final = 4
_RANGE_VALUES_PER_IMAGE: Final = 10_000
_LINE_VALUES: Final = 200_000
_LINE_IMAGES: Final = 48
_FACTOR_ROWS: Final = 2_000
_FACTOR_MIN_ROWS: Final = 1_000


@dataclass(frozen=True)
class Settings:
    """What a recipe turns on.

    Attributes:
        refit: Fit every convolution and dense layer anew to what the float layer gives.
        reach: How far a refit may go: ``offsets`` (the biases of depthwise layers alone), ``lines`` (offsets and gains of
            all layers) or ``weights`` (ridge regression of every weight as well).
        equalise: Scale outlier channels down through swish.
        ranges: ``search`` (smallest weighted error after the activation) or ``minmax``.
    """

    refit: bool = True
    equalise: bool = True
    ranges: str = "search"
    reach: str = "weights"


@dataclass(frozen=True)
class Memory:
    """How much memory the pass may take for activations; weights and the runtime come on top."""

    live_bytes: int = 1_200_000_000
    store_bytes: int = 600_000_000


class _Pass:
    """The state of one pass: what is known of every tensor so far."""

    def __init__(self, graph: Graph, settings: Settings, kept: Collection[str]) -> None:
        self.graph, self.settings, self.kept = graph, settings, frozenset(kept)
        self.importance = channel_importance(graph)
        self.last = last_uses(graph)
        self.index = {node.name: position for position, node in enumerate(graph.nodes)}
        self.factors: dict[str, Floats] = {}
        self.ranges: dict[str, tuple[float, float]] = {}
        self.grids: dict[str, Grid] = {graph.input_name: input_grid(graph)}
        self.nodes: dict[str, Node] = {}
        self.weights: dict[str, QuantizedWeights] = {}
        self.chosen: dict[str, str] = {}

    def scaled(self, node: Node) -> Node:
        """Return a node whose weights undo the factors of its input's channels."""
        factors = self.factors.get(node.inputs[0])
        if factors is None or node.kernel is None:
            return node
        return replace(node, kernel=(node.kernel * factors[:, None]).astype(np.float32))

    def refitted(self, node: Node, given: Any, wanted: Any) -> Node:
        """Refit a convolution or dense layer; a depthwise one gets a gain and an offset per channel."""
        bias = np.zeros(wanted.shape[-1], np.float32) if node.bias is None else node.bias
        if node.kind == "depthwise":
            depthwise = channels_last(node)[..., np.newaxis]
            output = run_node(node, [given[:_LINE_IMAGES]], (depthwise, bias), activate=False)
            rows = max(_LINE_VALUES // wanted.shape[-1], 1)
            line = fit_line(
                sample_rows(output, rows), sample_rows(wanted[:_LINE_IMAGES], rows), self.settings.reach
            )
            gain, offset, self.chosen[node.name] = line
            return replace(node, kernel=depthwise * gain[:, None], bias=bias * gain + offset)
        kernel = channels_last(node).reshape(-1, wanted.shape[-1])
        inputs, outputs = sample_patches(node, given, wanted, max(_MIN_ROWS, ROWS_PER_INPUT * len(kernel)))
        result = refit(inputs, outputs, kernel, bias, self.settings.reach)
        self.chosen[node.name] = result.choice
        return replace(node, kernel=result.kernel.reshape(channels_last(node).shape), bias=result.bias)

    def equalised(self, node: Node, wanted: Any) -> Node:
        """Divide outlier channels of what goes into a swish."""
        rows = sample_rows(wanted, _FACTOR_ROWS)
        if node.part == "se" or len(rows) < _FACTOR_MIN_ROWS or node.kernel is None or node.bias is None:
            return node
        factors = choose_factors(rows, self.importance[node.name])
        self.factors[node.name] = factors
        spread = factors[:, None] if node.kind == "depthwise" else factors
        return replace(
            node,
            kernel=(node.kernel / spread).astype(np.float32),
            bias=(node.bias / factors).astype(np.float32),
        )

    def fit(self, node: Node, given: Any, wanted: Any) -> None:
        """Decide the integers of a weighted operator from its quantised input and its float pre-activation."""
        fitted = self.scaled(node)
        if node.name not in self.kept:
            fitted = self.changed(fitted, given, wanted)
        self.nodes[node.name] = fitted
        self.weights[node.name] = quantize_weights(fitted, self.grids[node.inputs[0]].scale)

    def changed(self, fitted: Node, given: Any, wanted: Any) -> Node:
        """Refit and equalise, as far as the recipe goes; the errors that this makes good are those of integers."""
        # Clipping shrinks what a layer gives. An offset alone moves the mean of all values to make that good; behind a
        # pointwise layer it does more harm than good (B0: 1.6 dB at the logits instead of 12.9), behind a depthwise one not.
        alone = self.settings.reach == "offsets" and fitted.kind != "depthwise"
        if self.settings.refit and not alone:
            fitted = self.refitted(fitted, given, wanted)
        swish = swish_behind(self.graph, fitted.name) if self.settings.equalise else None
        if swish is not None and is_absorbed(self.graph, swish):
            fitted = self.equalised(fitted, wanted)
        return fitted

    def run_quantised(self, node: Node, inputs: list[Any]) -> Any:
        """Run an operator with its integers (one that is kept, in float), before its output is rounded."""
        weights = self.weights.get(node.name)
        if weights is None or node.name in self.kept:
            return run_node(self.nodes.get(node.name, node), inputs)
        return run_node(node, inputs, integer_weights(node, weights, self.grids[node.inputs[0]].scale))

    def choose_grid(self, node: Node, values: Any) -> Grid:
        """Choose the grid of an operator's output."""
        if node.kind in FIXED_GRIDS:
            return FIXED_GRIDS[node.kind]
        if node.kind in SHARED_GRID and node.kind != "concat":
            return self.grids[node.inputs[0]]
        rows = sample_rows(values, max(_RANGE_VALUES_PER_IMAGE * len(values) // values.shape[-1], 1))
        pooled = len(values.shape) == 2 or tuple(values.shape[1:3]) == (1, 1)
        if pooled or self.settings.ranges == "minmax":
            whole = as_array(values)
            self.ranges[node.name] = (float(whole.min()), float(whole.max()))
        else:
            factors = self.factors.get(node.name)
            weights = self.importance[node.name] * (
                1.0 if factors is None else factors.astype(np.float64) ** 2
            )
            self.ranges[node.name] = search_range(histogram(rows, weights), follower(self.graph, node.name))
        return grid_from_range(*self.ranges[node.name])

    def rounded(self, node: Node, output: Any) -> Any:
        """Round an operator's output to its grid, unless it stays among operators that are kept."""
        readers = {reader.name for reader in self.graph.consumers(node.name)} if self.kept else set()
        if node.name in self.kept and readers and readers <= self.kept:
            return output
        return fake_quantize(output, self.grids[node.name])

    def pass_factors_on(self, node: Node) -> None:
        """A product, a mean or a pool of scaled channels is scaled as they are."""
        known = [self.factors[name] for name in node.inputs if name in self.factors]
        if known and node.kind in CARRIERS:
            self.factors[node.name] = np.prod(known, axis=0, dtype=np.float32)

    def float_steps(self, segment: Segment, exact: Any) -> Iterator[Any]:
        """Yield the float pre-activation of every operator of a segment, in order, worked out ahead in a thread."""
        floats = {segment.source: exact}

        def step(node: Node) -> Any:
            wanted = run_node(node, [floats[name] for name in node.inputs], activate=False)
            floats[node.name] = _activated(node, wanted)
            self.forget(floats, node)
            return wanted

        return prefetch(step, segment.nodes, workers=1, ahead=_STEPS_AHEAD)

    def forget(self, tensors: dict[str, Any], node: Node) -> None:
        """Drop the inputs of an operator that nothing after it reads."""
        for name in node.inputs:
            if self.last[name] <= self.index[node.name]:
                tensors.pop(name, None)

    def solve(self, segment: Segment, exact: Any, given: Any) -> tuple[Any, Any]:
        """Decide everything inside a segment on some images; return its float and its quantised result."""
        rounded, wanted = {segment.source: given}, exact
        for node, wanted in zip(segment.nodes, self.float_steps(segment, exact), strict=True):
            if node.kernel is not None:
                self.fit(node, rounded[node.inputs[0]], wanted)
            self.pass_factors_on(node)
            output = self.run_quantised(node, [rounded[name] for name in node.inputs])
            self.grids[node.name] = self.choose_grid(node, output)
            rounded[node.name] = self.rounded(node, output)
            self.forget(rounded, node)
        return _activated(segment.nodes[-1], wanted), rounded[segment.result]

    def forward(self, segment: Segment, exact: Any, given: Any) -> tuple[Any, Any]:
        """Run further images through a segment that is solved."""
        steps = self.float_steps(segment, exact)
        rounded, wanted = {segment.source: given}, exact
        for node in segment.nodes:
            wanted = next(steps)
            output = self.run_quantised(node, [rounded[name] for name in node.inputs])
            rounded[node.name] = self.rounded(node, output)
            self.forget(rounded, node)
        return _activated(segment.nodes[-1], wanted), rounded[segment.result]


def _activated(node: Node, values: Any) -> Any:
    if node.activation == "none":
        return values
    tf = import_tensorflow()
    return tf.nn.relu6(values) if node.activation == "relu6" else tf.nn.relu(values)


def _images_needed(segment: Segment, graph: Graph, count: int, memory: Memory) -> int:
    """Return how many images a segment is solved on: enough rows for its widest layer, as far as memory allows."""
    needed = _MIN_IMAGES
    for node in segment.nodes:
        if node.kernel is not None and node.kind != "depthwise":
            rows = max(_MIN_ROWS, ROWS_PER_INPUT * math.prod(node.kernel.shape[:-1]))
            needed = max(needed, math.ceil(rows / math.prod(graph.shapes[node.name][1:-1] or (1,))))
    affordable = max(2, memory.live_bytes // (3 * segment.peak_bytes))
    return min(needed, affordable, count)


def _joined(chunks: tuple[Floats, ...]) -> Floats:
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)


def _pixels(graph: Graph, batches: Iterable[npt.NDArray[np.uint8]]) -> Iterator[tuple[Floats, Floats]]:
    for batch in batches:
        values = input_values(graph, batch)
        yield values, values


def quantize_by_reconstruction(
    graph: Graph,
    feed: Any,
    settings: Settings,
    reporter: Reporter,
    memory: Memory | None = None,
    kept: Collection[str] = (),
) -> QuantizedGraph:
    """Quantise a folded graph on calibration images, without labels and without gradients.

    Args:
        graph: The graph, with its normalisation folded in.
        feed: Has ``count`` and ``batches(size)``, ``(n, height, width, 3) uint8``.
        settings: What the recipe turns on.
        reporter: Told of every segment.
        memory: Limits; the defaults suit a machine with 4 GB.
        kept: Operators that will stay in float; what comes after them is fitted to what they then give. They get grids
            and integers all the same, which describe their borders and are otherwise of no use.
    """
    with threadpool_limits(1, "blas"):  # its small matrices are done before a second thread has woken up
        state = _Pass(graph, settings, kept)
        return _quantize(state, feed, reporter, memory or Memory())


def _quantize(state: _Pass, feed: Any, reporter: Reporter, limits: Memory) -> QuantizedGraph:
    tf, graph = import_tensorflow(), state.graph
    segments = cut_into_segments(graph)
    peak_bytes = max(segment.peak_bytes for segment in segments)
    chunk = int(np.clip(limits.live_bytes // (6 * peak_bytes), 1, 32))
    needed = [_images_needed(segment, graph, feed.count, limits) for segment in segments]
    source: Iterable[tuple[Floats, Floats]] = _pixels(graph, feed.batches(chunk))
    with contextlib.ExitStack() as stores:
        for position, segment in enumerate(segments):
            iterator = iter(source)
            images = needed[position]
            head = list(itertools.islice(iterator, math.ceil(images / chunk)))
            exact, given = (tf.constant(_joined(side)) for side in zip(*head, strict=True))
            count = int(exact.shape[0])
            result = [as_array(half) for half in state.solve(segment, exact, given)]
            store = Pairs(state.grids[segment.result], limits.store_bytes)
            stores.callback(store.close)
            # In one piece where the next segment is solved on all of them too: nothing is cut up and joined again.
            step = count if min(needed[position : position + 2]) >= feed.count else chunk
            for start in range(0, count, step):
                store.append(*(half[start : start + step] for half in result))
            del exact, given, result, head
            for pair in iterator:
                halves = state.forward(segment, *(tf.constant(half) for half in pair))
                store.append(*(as_array(half) for half in halves))
            if isinstance(source, Pairs):
                source.close()
            source = store
            reporter.advance()
    fitted = replace(graph, nodes=tuple(state.nodes.get(node.name, node) for node in graph.nodes))
    return quantize_graph(fitted, state.ranges, state.factors)
