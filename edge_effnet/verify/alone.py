"""What each part of the fake-quant graph does alone, given exactly what came before it.

Two questions, both about one picture at a time. `OwnNoise`: how much noise does a layer or a block add by itself, given
the float network's values? `OperatorSteps`: how far is an int8 kernel from the fake-quant graph, given the same codes?
Errors that come in from before would hide the answer to either. Both round as the reference kernels do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.exact import kernel_runner
from edge_effnet.quantize.execute import fake_quantize
from edge_effnet.verify.figures import OperatorResult
from edge_effnet.verify.stats import CodeSteps, PowerSums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.models.graph import Node
    from edge_effnet.quantize.scheme import Grid, QuantizedGraph

    Floats = npt.NDArray[np.float32]

__all__ = ["OperatorSteps", "OwnNoise", "codes_on"]


def codes_on(grid: Grid, reals: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the codes of real values that lie on a grid."""
    codes: npt.NDArray[np.int64] = (
        np.rint(np.asarray(reals, np.float64) / grid.scale).astype(np.int64) + grid.zero_point
    )
    return codes


class _Part:
    """Runs single nodes of a quantised graph."""

    def __init__(self, quantized: QuantizedGraph) -> None:
        self.quantized = quantized
        self._run = {node.name: kernel_runner(quantized, node) for node in quantized.graph.nodes}

    def run(self, node: Node, inputs: Sequence[Any]) -> Any:
        return self._run[node.name](inputs)


class OwnNoise:
    """The noise that groups of operators add by themselves.

    Args:
        quantized: The fake-quant graph.
        factors: Tensor -> what makes its channels comparable with the float network's.
        groups: Group -> names of its nodes, in the order in which they run; the last is its result.
    """

    def __init__(
        self,
        quantized: QuantizedGraph,
        factors: Mapping[str, Floats],
        groups: Mapping[str, Sequence[str]],
    ) -> None:
        self._part, self._factors = _Part(quantized), factors
        nodes = {node.name: node for node in quantized.graph.nodes}
        self._groups = {group: [nodes[name] for name in names] for group, names in groups.items()}
        self.sums = {group: PowerSums() for group in groups}

    def add(self, exact: Callable[[str], Floats], given: Floats) -> None:
        """Count one picture.

        Args:
            exact: Returns a tensor of the float network by name.
            given: What the int8 input stands for.
        """
        for group, nodes in self._groups.items():
            tensors: dict[str, Any] = {}
            for node in nodes:
                for name in node.inputs:
                    if name not in tensors:
                        tensors[name] = self._rounded(name, exact, given)
                tensors[node.name] = self._part.run(node, [tensors[name] for name in node.inputs])
            result = nodes[-1].name
            values = np.asarray(tensors[result]) * self._factors.get(result, np.float32(1))
            self.sums[group].add(exact(result), values)

    def _rounded(self, name: str, exact: Callable[[str], Floats], given: Floats) -> Any:
        """Return a float tensor as the int8 network would hold it."""
        if name == self._part.quantized.graph.input_name:
            return given
        scaled = exact(name) / self._factors.get(name, np.float32(1))
        return fake_quantize(import_tensorflow().constant(scaled), self._part.quantized.grids[name])


class OperatorSteps:
    """How far the int8 kernels of an engine are from the fake-quant graph, operator by operator.

    Args:
        quantized: The fake-quant graph.
        engine: Name of the engine.
    """

    def __init__(self, quantized: QuantizedGraph, engine: str = "") -> None:
        self.engine, self._part = engine, _Part(quantized)
        self.steps: dict[str, CodeSteps] = {}
        self.counts: dict[str, int] = {}
        for node in quantized.graph.nodes:
            self.steps.setdefault(node.kind, CodeSteps())
            self.counts[node.kind] = self.counts.get(node.kind, 0) + 1

    def add(self, found: Callable[[str], Floats]) -> None:
        """Count one picture; ``found`` returns a tensor that the engine computed, as real values, by name."""
        grids = self._part.quantized.grids
        for node in self._part.quantized.graph.nodes:
            wanted = np.asarray(self._part.run(node, [found(name) for name in node.inputs]))
            got = found(node.name).reshape(wanted.shape)
            self.steps[node.kind].add(codes_on(grids[node.name], got), codes_on(grids[node.name], wanted))

    def results(self) -> tuple[OperatorResult, ...]:
        """Return a row per operator kind."""
        return tuple(
            OperatorResult(
                self.engine,
                kind,
                self.counts[kind],
                steps.values,
                steps.largest,
                steps.mean_lsb,
                steps.within_1_lsb,
                steps.equal,
            )
            for kind, steps in self.steps.items()
        )
