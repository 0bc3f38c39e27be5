"""What each block costs alone: quantise one block, leave the rest of the network in float, and look at the logits.

A block takes what the float network computes up to it, rounded to its own input grid, runs as the int8 reference kernels
run it, and the float network goes on from its result. Unlike the noise that a block adds at its own output, this counts
how much the rest of the network makes of that noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.progress import Silent
from edge_effnet.quantize.exact import kernel_runner
from edge_effnet.quantize.execute import fake_quantize, input_values, run_node
from edge_effnet.quantize.segments import cut_into_segments
from edge_effnet.verify.figures import BlockSensitivity
from edge_effnet.verify.rebuild import Rebuilt
from edge_effnet.verify.stats import PowerSums, ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.models.graph import Graph, Node
    from edge_effnet.progress import Reporter
    from edge_effnet.quantize.execute import NodeFunction
    from edge_effnet.quantize.scheme import QuantizedGraph

    Floats = npt.NDArray[np.float32]

__all__ = ["Block", "block_sensitivity", "common_blocks"]

Tensor = Any


@dataclass(frozen=True)
class Block:
    """A piece of the network that reads one tensor and leaves one.

    Attributes:
        name: Such as ``block2a``.
        source: The tensor that it reads.
        result: The tensor that it leaves; both networks have it.
        nodes: Its operators in the quantised graph.
        rest: The float network's operators behind it.
    """

    name: str
    source: str
    result: str
    nodes: tuple[Node, ...]
    rest: tuple[Node, ...]


def common_blocks(graph: Graph, float_graph: Graph) -> tuple[Block, ...]:
    """Cut the network where both graphs have the same tensor and nothing else is alive, in order.

    Raises:
        DataError: They do not have the same output.
    """
    theirs = {segment.result for segment in cut_into_segments(float_graph)}
    theirs = {name for name in theirs if float_graph.shapes[name] == graph.shapes.get(name)}
    if graph.output_name != float_graph.output_name or graph.output_name not in theirs:
        got = f"{float_graph.output_name}, for {graph.output_name}"
        raise DataError("the float network has another output, by name or shape", got=got)
    place = {node.name: index + 1 for index, node in enumerate(float_graph.nodes)}
    blocks: list[Block] = []
    nodes: tuple[Node, ...] = ()
    source = graph.input_name
    for segment in cut_into_segments(graph):
        nodes += segment.nodes
        if segment.result in theirs:
            rest = float_graph.nodes[place[segment.result] :]
            blocks.append(Block(segment.name, source, segment.result, nodes, rest))
            nodes, source = (), segment.result
    return tuple(blocks)


def block_sensitivity(
    quantized: QuantizedGraph,
    batches: Iterable[npt.NDArray[np.uint8]],
    *,
    float_graph: Graph,
    factors: Mapping[str, Floats] | None = None,
    reporter: Reporter | None = None,
) -> tuple[BlockSensitivity, ...]:
    """Quantise one block at a time, weights and activations, and compare the logits with the float network's.

    Args:
        quantized: The quantised graph, as the quantiser leaves it or as `edge_effnet.verify.rebuild` reads it.
        batches: ``(n, height, width, 3) uint8`` pixels; a few at a time, since memory grows with ``n``.
        float_graph: The float network with the same tensor names, which takes pixels less its ``normalisation.mean``
            (as `edge_effnet.models.fold.fold_std` leaves it).
        factors: Tensor -> what each of its channels must be multiplied by to be comparable with the float network's;
            None takes those of ``quantized``.
        reporter: Advanced once per picture.

    Returns:
        A row per block, in the order in which they run; rank 1 costs the most.

    Raises:
        DataError: The two networks have different outputs, or there is no picture.
    """
    search = _Search(quantized, float_graph, quantized.factors if factors is None else factors)
    reporter = reporter or Silent()
    for pixels in batches:
        search.add(pixels)
        reporter.advance(len(pixels))
    return search.result()


class _Search:
    """Sums over batches, one per block."""

    def __init__(self, quantized: QuantizedGraph, float_graph: Graph, factors: Mapping[str, Floats]) -> None:
        self._quantized, self._float, self._factors = quantized, float_graph, factors
        self._blocks = common_blocks(quantized.graph, float_graph)
        self._kernels = {node.name: kernel_runner(quantized, node) for node in quantized.graph.nodes}
        self._noise = [PowerSums() for _ in self._blocks]
        self._same = [0] * len(self._blocks)
        self._n = 0

    def add(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Count a batch."""
        tf = import_tensorflow()
        output = self._float.output_name
        values = tf.constant(input_values(self._float, pixels))
        exact = _run(
            self._float.nodes,
            {self._float.input_name: values},
            _float_node,
            {output, *(block.result for block in self._blocks)},
        )
        exact[self._quantized.graph.input_name] = tf.constant(Rebuilt(self._quantized).input_values(pixels))
        wanted = np.asarray(exact[output])
        best = ranking(wanted, 1)
        for index, block in enumerate(self._blocks):
            found = np.asarray(self._logits(block, exact))
            self._noise[index].add(wanted, found)
            self._same[index] += int(np.count_nonzero(ranking(found, 1) == best))
        self._n += len(pixels)

    def _logits(self, block: Block, exact: Mapping[str, Tensor]) -> Tensor:
        """Run one block on integers and the rest in float."""
        rounded = fake_quantize(
            exact[block.source] / self._factor(block.source), self._quantized.grids[block.source]
        )
        inside = _run(
            block.nodes, {block.source: rounded}, lambda node: self._kernels[node.name], {block.result}
        )
        result = {block.result: inside[block.result] * self._factor(block.result)}
        return _run(block.rest, result, _float_node, {self._float.output_name})[self._float.output_name]

    def _factor(self, name: str) -> Any:
        return self._factors.get(name, np.float32(1))

    def result(self) -> tuple[BlockSensitivity, ...]:
        """Put the figures together and rank them."""
        if self._n == 0:
            raise DataError("there is no picture to measure the sensitivity on")
        rows = [
            BlockSensitivity(block.name, noise.sqnr_db, 100.0 * same / self._n, self._n, 0)
            for block, noise, same in zip(self._blocks, self._noise, self._same, strict=True)
        ]
        order = sorted(range(len(rows)), key=lambda index: rows[index].sqnr_db)
        ranks = {index: rank for rank, index in enumerate(order, 1)}
        return tuple(replace(row, rank=ranks[index]) for index, row in enumerate(rows))


def _float_node(node: Node) -> NodeFunction:
    return lambda inputs: run_node(node, list(inputs))


def _run(
    nodes: Sequence[Node],
    tensors: Mapping[str, Tensor],
    run_one: Callable[[Node], NodeFunction],
    keep: set[str],
) -> dict[str, Tensor]:
    """Run operators in order; a tensor that is not kept is dropped after its last use."""
    last = {name: index for index, node in enumerate(nodes) for name in node.inputs}
    alive = dict(tensors)
    for index, node in enumerate(nodes):
        alive[node.name] = run_one(node)([alive[name] for name in node.inputs])
        for name in set(node.inputs) - keep:
            if last[name] <= index:
                del alive[name]
    return alive
