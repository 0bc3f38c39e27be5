"""Where the error arises: both files run with every tensor kept, joined by layer name, on a few pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_effnet.errors import EdgeEffnetError, EnvironmentFault
from edge_effnet.inspect import read_model_bytes
from edge_effnet.runtimes import LocalModel, Missing
from edge_effnet.variants.place import layer_of
from edge_effnet.verify.alone import OperatorSteps, OwnNoise
from edge_effnet.verify.figures import BlockResult, LayerResult
from edge_effnet.verify.join import join_layers, result_shapes
from edge_effnet.verify.record import Located
from edge_effnet.verify.stats import PowerSums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from edge_effnet.inspect import Model
    from edge_effnet.progress import Reporter
    from edge_effnet.verify.join import Joined
    from edge_effnet.verify.rebuild import Rebuilt
    from edge_effnet.verify.subjects import FloatModel, IntegerModel

__all__ = ["ENGINE", "EXACT", "locate"]

ENGINE: Final = "builtin"
"""The fastest engine that keeps every tensor."""

EXACT: Final = "reference"
"""The engine whose kernels the fake-quant graph follows bit for bit."""


def locate(
    twin: FloatModel,
    subject: IntegerModel,
    rebuilt: Rebuilt | Missing,
    pictures: Sequence[npt.NDArray[np.uint8]],
    reporter: Reporter,
) -> Located:
    """Compare layer by layer.

    Args:
        twin: The float network.
        subject: The int8 file.
        rebuilt: Its fake-quant graph; without one, neither a layer's own noise nor the operators are known.
        pictures: ``(height, width, 3) uint8`` each.
        reporter: Advanced once per picture.

    Returns:
        Empty with a note where the two files have no layer in common or cannot be run with every tensor kept.
    """
    try:
        content = twin.twin()
        exact, given = (LocalModel(side, ENGINE, keep_tensors=True) for side in (content, subject.content))
        reference = LocalModel(subject.content, EXACT, keep_tensors=True)
    except (EnvironmentFault, EdgeEffnetError) as error:
        return Located(notes=(f"no layers: {error.message}",))
    model = read_model_bytes(content)
    search = _Search(subject, rebuilt, join_layers(subject.model, model), model)
    for picture in pictures:
        exact.run_pixels(picture)
        given.run_pixels(picture)
        search.add(exact, given, picture)
        if search.operators:
            reference.run_pixels(picture)
            search.add_operators({ENGINE: given, EXACT: reference})
        reporter.advance()
    return search.result(len(pictures))


class _Search:
    """Sums over pictures."""

    def __init__(
        self, subject: IntegerModel, rebuilt: Rebuilt | Missing, joined: tuple[Joined, ...], twin: Model
    ) -> None:
        self._joined, self._factors = joined, subject.factors
        self._noise = {layer.name: PowerSums() for layer in joined}
        self._rebuilt = None if isinstance(rebuilt, Missing) else rebuilt
        self._own: dict[str, OwnNoise] = {}
        self.operators: tuple[OperatorSteps, ...] = ()
        self._why_not = rebuilt.reason if isinstance(rebuilt, Missing) else None
        if self._rebuilt is not None:
            quantized, shapes = self._rebuilt.quantized, result_shapes(twin)
            self.operators = (OperatorSteps(quantized, EXACT), OperatorSteps(quantized, ENGINE))
            for kind, groups in _groups(self._rebuilt, joined).items():
                known = {name: nodes for name, nodes in groups.items() if self._is_known(nodes, shapes)}
                self._own[kind] = OwnNoise(quantized, subject.factors, known)

    def _is_known(self, names: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Return whether the float network has everything that goes into a group and what comes out of it; a border has nothing in it."""
        assert self._rebuilt is not None  # noqa: S101 - the caller has looked
        graph = self._rebuilt.quantized.graph
        inside = {graph.input_name, *names}
        reads = {name for node in graph.nodes if node.name in inside for name in node.inputs} - inside
        results = (*reads, *names[-1:])
        return bool(names) and all(shapes.get(name) == graph.shapes[name] for name in results)

    def add(self, exact: LocalModel, given: LocalModel, picture: npt.NDArray[np.uint8]) -> None:
        """Count the picture that both models have just run on."""
        for layer in self._joined:
            factors = self._factors.get(layer.tensor, np.float32(1))
            self._noise[layer.name].add(exact.tensor(layer.tensor), given.tensor(layer.tensor) * factors)
        if self._rebuilt is None:
            return
        values = self._rebuilt.input_values(picture[np.newaxis])
        for own in self._own.values():
            own.add(exact.tensor, values)

    def add_operators(self, engines: Mapping[str, LocalModel]) -> None:
        """Count what each engine's kernels made of the picture that they have just run on."""
        for steps in self.operators:
            steps.add(engines[steps.engine].tensor)

    def result(self, count: int) -> Located:
        """Put the figures together."""
        layers = tuple(self._layer(layer) for layer in self._joined)
        return Located(
            n=count,
            engine=ENGINE,
            layers=layers,
            blocks=self._blocks(layers),
            operators=tuple(row for steps in self.operators for row in steps.results()),
            notes=self._notes(),
        )

    def _layer(self, layer: Joined) -> LayerResult:
        block, part = layer.place
        fed = [self._noise[name].sqnr_db for name in layer.fed_by]
        return LayerResult(
            layer.name,
            block,
            part,
            self._noise[layer.name].sqnr_db,
            self._own_db("layer", layer.name),
            min(fed, default=math.inf),
            layer.before_activation,
        )

    def _own_db(self, kind: str, name: str) -> float | None:
        sums = self._own[kind].sums.get(name) if kind in self._own else None
        return None if sums is None else sums.sqnr_db

    def _blocks(self, layers: tuple[LayerResult, ...]) -> tuple[BlockResult, ...]:
        members: dict[str, list[LayerResult]] = {}
        for layer in layers:
            if layer.block:
                members.setdefault(layer.block, []).append(layer)
        blocks = []
        for name, found in members.items():
            worst = Located(layers=tuple(found)).worst_layers(1) or (found[-1],)
            blocks.append(BlockResult(name, found[-1].sqnr_db, self._own_db("block", name), worst[0]))
        return tuple(sorted(blocks, key=_noisiness))

    def _notes(self) -> tuple[str, ...]:
        if not self._joined:
            return (
                "no layers: no tensor of the int8 file has a namesake of the same shape in the float model",
            )
        if self._why_not is not None:
            return (f"a layer's own noise and the operators are not known: {self._why_not}",)
        return ()


def _noisiness(block: BlockResult) -> float:
    return block.sqnr_db if block.own_sqnr_db is None else block.own_sqnr_db


def _groups(rebuilt: Rebuilt, joined: tuple[Joined, ...]) -> dict[str, dict[str, list[str]]]:
    """Return the nodes of every joined layer and of every block, in the order in which they run.

    A swish has those of the layer before it too: that layer is judged by what the swish makes of it.
    """
    layers: dict[str, list[str]] = {layer.name: [] for layer in joined}
    blocks: dict[str, list[str]] = {layer.place[0]: [] for layer in joined if layer.place[0]}
    clipped = {layer.tensor: layer.name for layer in joined if layer.before_activation}
    for node in rebuilt.quantized.graph.nodes:
        own = layers.get(layer_of(node.name))
        if own is not None:
            before = [name for tensor in node.inputs if tensor in clipped for name in layers[clipped[tensor]]]
            own.extend(name for name in (*before, node.name) if name not in own)
        if node.block in blocks:
            blocks[node.block].append(node.name)
    return {"layer": layers, "block": blocks}
