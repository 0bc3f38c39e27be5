"""Predicts from the file alone what the Edge TPU compiler would make of a model: which operators it takes, and the memory.

Nothing here is measured: every figure is a *prediction*, and `edge-effnet edgetpu compile` compares it with the compiler's.

References:
    tensorflow/lite/graph_info.cc: how a graph is cut into sets of nodes that a delegate takes, which the compiler uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError, GateError, UsageError
from edge_effnet.inspect.cost import cost_from_model
from edge_effnet.inspect.edgetpu_activations import live_bytes, tensor_bytes, tile_bytes
from edge_effnet.inspect.edgetpu_layers import CACHE_BUDGET_BYTES, TILES, EdgeLayer, allocated
from edge_effnet.inspect.edgetpu_ops import LATEST_RUNTIME, MAPPED, SECOND_SUBGRAPH, Status, status_of
from edge_effnet.inspect.graph import read_model
from edge_effnet.inspect.kinds import EDGETPU_CUSTOM_OP, WEIGHTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.inspect.findings import Finding
    from edge_effnet.inspect.records import Model, Operator, Subgraph, Tensor

__all__ = ["RUNTIMES", "Prediction", "edge_layers", "judged", "predict", "predict_file"]

RUNTIMES = range(10, LATEST_RUNTIME + 1)
"""Versions of the Edge TPU runtime that compiler 16 can compile for."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the compiler is predicted to make of a model.

    Attributes:
        layers: One per operator, in order; mapped or not, with the reason.
        findings: What is the matter, errors first; an error keeps the model from being compiled.
        runtime: Edge TPU runtime that it was judged for.
        cache_budget_bytes: Memory assumed for parameters.
    """

    layers: tuple[EdgeLayer, ...]
    findings: tuple[Finding, ...]
    runtime: int
    cache_budget_bytes: int

    @property
    def compiles(self) -> bool:
        """Whether nothing is known that would stop the compiler."""
        return not any(finding.severity == "error" for finding in self.findings)

    @cached_property
    def mapped(self) -> tuple[EdgeLayer, ...]:
        """The layers on the Edge TPU; none where it would not compile."""
        return tuple(layer for layer in self.layers if layer.mapped) if self.compiles else ()

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of parameters, cached and streamed, and the most that activations take at one moment in all tiles."""
        cached, streamed = (
            sum(getattr(layer, f"{kind}_bytes") for layer in self.mapped) for kind in ("cached", "streamed")
        )
        return {
            "parameter_bytes": cached + streamed,
            "cached_bytes": cached,
            "streamed_bytes": streamed,
            "activation_bytes": TILES * max((layer.tile_bytes for layer in self.mapped), default=0),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the record of `edgetpu check --json`, without the file."""
        approximate = sum(layer.parameter_bytes for layer in self.mapped if layer.is_approximate)
        return {
            "label": "predicted",
            "compiles": self.compiles,
            "mapped_ops": len(self.mapped),
            "total_ops": len(self.layers),
            "runtime": self.runtime,
            "findings": [finding.as_json() for finding in self.findings],
            "memory": {
                **self.memory,
                "approximate_bytes": approximate,
                "cache_budget_bytes": self.cache_budget_bytes,
            },
            "operators": [
                {"op_index": layer.index, "op": layer.op, "name": layer.name, "status": layer.status,
                 "on": "edgetpu" if self.compiles and layer.mapped else "cpu",
                 "cached_bytes": layer.cached_bytes, "streamed_bytes": layer.streamed_bytes}
                for layer in self.layers
            ],
        }  # fmt: skip

    def require(self, min_mapped_percent: float) -> None:
        """Hold the gate.

        Raises:
            GateError: It would not compile, or less than that share of its operators would be mapped.
        """
        if not self.compiles:
            first = self.findings[0]
            raise GateError(
                "predicted not to compile for the Edge TPU",
                got=f"{first.op or 'model'}: {first.reason}",
                hint=first.fix,
            )
        share = 100 * len(self.mapped) / len(self.layers)
        if share < min_mapped_percent:
            first_left = next(layer for layer in self.layers if not layer.mapped)
            raise GateError(
                f"predicted to map {len(self.mapped)} of {len(self.layers)} operators to the Edge TPU",
                got=f"{share:.1f} %; the first that stays: operator {first_left.index} {first_left.op}",
                allowed=f"at least {min_mapped_percent:g} % (--min-mapped)",
                hint="see the findings above",
            )


def predict_file(
    path: str | Path, *, runtime: int = LATEST_RUNTIME, budget_bytes: int = CACHE_BUDGET_BYTES
) -> tuple[Prediction, str]:
    """Judge a .tflite file; return the prediction and the file's sha256.

    Raises:
        DataError: It is missing, damaged, no TFLite model, or compiled already.
        UsageError: There is no such runtime.
    """
    model = read_model(path)
    if any(operator.name == EDGETPU_CUSTOM_OP for operator in model.main.operators):
        raise DataError(
            "the model is compiled for the Edge TPU already",
            got=path,
            hint=f"give the file that it was compiled from; what it holds: edge-effnet inspect {path}",
        )
    return predict(model, runtime=runtime, budget_bytes=budget_bytes), sha256_of_file(Path(path))


def predict(
    model: Model, *, runtime: int = LATEST_RUNTIME, budget_bytes: int = CACHE_BUDGET_BYTES
) -> Prediction:
    """Judge a model.

    Args:
        model: What `read_model` gives.
        runtime: Edge TPU runtime to compile for, one of `RUNTIMES`.
        budget_bytes: Memory for parameters.

    Raises:
        UsageError: There is no such runtime.
    """
    from edge_effnet.inspect.edgetpu_rules import findings_of

    if runtime not in RUNTIMES:
        raise UsageError("no such Edge TPU runtime", got=runtime, allowed=f"{RUNTIMES[0]} to {RUNTIMES[-1]}")
    statuses = judged(model.main, runtime)
    layers = tuple(allocated(edge_layers(model, statuses), budget_bytes))
    return Prediction(layers, findings_of(model, statuses, layers), runtime, budget_bytes)


def judged(graph: Subgraph, runtime: int = LATEST_RUNTIME) -> tuple[Status, ...]:
    """Return a status per operator, the one subgraph that the compiler takes being the first.

    Operators that can run are collected in turns: those of the Edge TPU until none is ready, then those of the CPU, and
    so on. What the Edge TPU gets in its first turn is compiled; what would come back later is not.
    """
    alone = [status_of(graph, operator, runtime) for operator in graph.operators]
    first = _first_turn(graph, [status.mapped for status in alone])
    cut = next((op for op, status in zip(graph.operators, alone, strict=True) if not status.mapped), None)
    where = f"operator {cut.index} {cut.name}" if cut else "the first part"
    later = Status(
        SECOND_SUBGRAPH,
        f"it needs what runs on the CPU after {where}: only the first part is compiled",
        f"get {where} mapped, or move it behind this operator",
    )
    return tuple(
        later if status.mapped and operator.index not in first else status
        for operator, status in zip(graph.operators, alone, strict=True)
    )


def _first_turn(graph: Subgraph, wanted: Sequence[bool]) -> set[int]:
    """Return the operators of the first set that is wanted."""
    ready = {tensor.index for tensor in graph.tensors if tensor.index not in graph.producers}
    left = list(graph.operators)
    while left:
        taking = wanted[next((o for o in left if set(o.inputs) - {-1} <= ready), left[0]).index]
        taken: set[int] = set()
        for operator in left:
            if wanted[operator.index] == taking and set(operator.inputs) - {-1} <= ready:
                taken.add(operator.index)
                ready.update(operator.outputs)
        if taking or not taken:  # a graph whose order is broken makes no progress: nothing is mapped
            return taken
        left = [operator for operator in left if operator.index not in taken]
    return set()


def edge_layers(model: Model, statuses: Sequence[Status]) -> tuple[EdgeLayer, ...]:
    """Describe every operator as the Edge TPU sees it; memory is not given out yet, see `allocated`."""
    graph, work = model.main, {layer.op_index: layer.macs for layer in cost_from_model(model).layers}
    live, in_tile = live_bytes(graph), tile_bytes(graph)
    return tuple(
        replace(
            _layer(graph, operator),
            macs=work[operator.index],
            live_bytes=live[operator.index],
            tile_bytes=in_tile[operator.index],
            mapped=status.status == MAPPED,
            status=status.status,
        )
        for operator, status in zip(graph.operators, statuses, strict=True)
    )


def _layer(graph: Subgraph, operator: Operator) -> EdgeLayer:
    data = [tensor for tensor in graph.operands(operator) if not tensor.is_constant]
    results = graph.results(operator)
    weighted = _weights(graph, operator)
    window = operator.options.window
    return EdgeLayer(
        index=operator.index,
        op=operator.name,
        name=results[0].name if results else operator.name,
        input_shape=data[0].shape[-3:] if data else (),
        output_shape=results[0].shape[-3:] if results else (),
        kernel=window or _kernel(weighted),
        strides=operator.options.strides or (1, 1),
        fan_in=_fan_in(operator, weighted),
        weighted=weighted is not None,
        input_bytes=sum(map(tensor_bytes, data)),
        output_bytes=sum(map(tensor_bytes, results)),
    )


def _weights(graph: Subgraph, operator: Operator) -> Tensor | None:
    place = WEIGHTED.get(operator.builtin)
    return None if place is None else graph.operand(operator, place.weights)


def _kernel(weights: Tensor | None) -> tuple[int, int]:
    """(out, h, w, in) and depthwise (1, h, w, out) have it in the middle; a dense layer (out, in) has none."""
    spatial = weights is not None and len(weights.shape) == 4
    return (weights.shape[1], weights.shape[2]) if weights is not None and spatial else (1, 1)


def _fan_in(operator: Operator, weights: Tensor | None) -> int:
    if weights is None or not weights.shape:
        return 0
    return 1 if operator.builtin == "DEPTHWISE_CONV_2D" else weights.shape[-1]
