"""From a float32 .tflite file back to the frozen graph that it is, for what must run parts of it.

The same table of operators as for int8 files (`edge_effnet.verify.rows`); a file with weights of another type is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.variants.spec import Normalisation
from edge_effnet.verify.rebuild import Rebuilder, only_graph, outputs_last
from edge_effnet.verify.rows import NotRebuildable, constant_of, refusal

if TYPE_CHECKING:
    from edge_effnet.inspect import Model, Operator, Tensor
    from edge_effnet.models.graph import Graph, NodeKind

__all__ = ["rebuild_float"]


def rebuild_float(model: Model) -> Graph:
    """Rebuild the graph of a float32 file, which takes pixels less its ``normalisation.mean``.

    Args:
        model: The file, as `edge_effnet.inspect.read_model` gives it.

    Raises:
        NotRebuildable: It holds an operator, an option or a number type outside the table; the message says which.
    """
    return _FloatRebuilder(only_graph(model)).run()


class _FloatRebuilder(Rebuilder):
    """Walks one subgraph of float tensors."""

    def entry(self) -> tuple[Tensor, Normalisation, frozenset[int]]:
        """Return the tensor that the network reads, what is taken off the pixels, and the operators before it."""
        outer = self.graph.input_tensors[0]
        readers = self.graph.consumers.get(outer.index, ())
        if len(readers) != 1 or readers[0].builtin != "SUB":
            return outer, Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), frozenset()
        offset = np.broadcast_to(np.ravel(constant_of(self.graph, readers[0], 1)), 3)
        red, green, blue = offset.astype(np.float64).tolist()
        result = self.graph.results(readers[0])[0]
        return result, Normalisation((red, green, blue), (1.0, 1.0, 1.0)), frozenset({readers[0].index})

    def exit(self) -> tuple[Tensor, frozenset[int]]:
        """Return the output, behind which nothing stands."""
        return self.graph.output_tensors[0], frozenset()

    def activation(self, tensor: Tensor) -> str:
        """Note the shape of an activation; return its name."""
        if tensor.type != "FLOAT32":
            raise NotRebuildable(f"tensor {tensor.name!r} is {tensor.type}, not FLOAT32")
        self.shapes[tensor.name] = tensor.shape
        return tensor.name

    def constants(self, operator: Operator, kind: NodeKind, name: str, source: str) -> dict[str, Any]:
        """Read kernel and bias."""
        del name, source
        kernel, bias = (self.graph.operand(operator, position) for position in (1, 2))
        stored = None if kernel is None else kernel.data()
        if stored is None or stored.dtype != np.float32:
            raise refusal(operator, "has weights that are not float32 constants")
        kept = outputs_last(kind, stored)
        biases = np.zeros(kept.shape[-1], np.float32) if bias is None else bias.data()
        if biases is None or biases.dtype != np.float32 or biases.shape != (kept.shape[-1],):
            raise refusal(operator, "has a bias that is not a float32 constant")
        return {"kernel": kept[..., np.newaxis] if kind == "depthwise" else kept, "bias": biases}
