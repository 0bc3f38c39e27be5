"""Makes the model of a rung; what several rungs share is made once."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.calibrate import split
from edge_effnet.calibrate.sources import Subset
from edge_effnet.convert import finish, prepare
from edge_effnet.convert.contract import record_from_factors
from edge_effnet.convert.converter import tflite_from_converter
from edge_effnet.convert.mixed import mixed_record, require_mixed
from edge_effnet.convert.outputs import Outputs
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.errors import DataError
from edge_effnet.models.fold import fold_std
from edge_effnet.quantize.factors import swish_behind
from edge_effnet.quantize.ptq import quantize_by_reconstruction
from edge_effnet.quantize.recipes import DEFAULT_RECIPE, get_recipe
from edge_effnet.quantize.segments import cut_into_segments
from edge_effnet.tune.rungs import Situation
from edge_effnet.verify.sensitivity import block_sensitivity, common_blocks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy.typing as npt

    from edge_effnet.calibrate import CalibrationFeed
    from edge_effnet.convert import Prepared
    from edge_effnet.images import Pixels
    from edge_effnet.progress import Reporter
    from edge_effnet.quantize.scheme import QuantizedGraph
    from edge_effnet.tune.distil import Distiller
    from edge_effnet.tune.request import TuneRequest
    from edge_effnet.tune.rungs import Rung
    from edge_effnet.verify.figures import BlockSensitivity

__all__ = ["Workshop"]

_IO: Final = "int8"
_RANKING_PICTURES: Final = 16
_RANKING_BATCH: Final = 4


class Workshop:
    """Everything that can be made for one request.

    Args:
        request: What was asked for.
        distil: Trains a quantised graph.
        reporter: Told of every stage.
    """

    def __init__(self, request: TuneRequest, distil: Distiller, reporter: Reporter) -> None:
        self._request, self._distil, self._reporter = request, distil, reporter
        # Nothing is written under this name here; the climb has checked that it may be.
        first = prepare(request.conversion(request.output), reporter)
        self._prepared: dict[str | None, Prepared] = {None: first}
        self._quantized: dict[str | None, QuantizedGraph] = {}

    @property
    def prepared(self) -> Prepared:
        """The network as it was asked for."""
        return self._prepared[None]

    @property
    def situation(self) -> Situation:
        """What decides which rungs apply."""
        graph = self.prepared.folded
        return Situation(
            has_swish=any(swish_behind(graph, node.name) for node in graph.nodes if node.kernel is not None),
            is_variant=self.prepared.built.architecture is not None,
            allow_mixed=self._request.allow_mixed,
            has_folder=Path(self._request.calibration).is_dir(),
        )

    def make(self, rung: Rung, path: Path) -> dict[str, Any]:
        """Make a rung's model at ``path``; return what is worth knowing beside its accuracy.

        Raises:
            ConversionError: The converter or the training failed.
            GateError: The result is not what the rung promises.
        """
        if rung.mixed:
            return self._make_mixed(rung, path)
        if rung.distil:
            return self._make_distilled(rung, path)
        if rung.recipe == DEFAULT_RECIPE:
            return self._write(rung, path, self._by_default(None))
        settings = get_recipe(rung.recipe).settings
        if settings is not None:
            prepared = self.prepared
            with self._reporter.stage(rung.name, len(cut_into_segments(prepared.folded))):
                quantized = quantize_by_reconstruction(
                    prepared.folded, prepared.feed, settings, self._reporter
                )
            return self._write(rung, path, quantized)
        with self._reporter.stage(rung.name):
            model = tflite_from_converter(self.prepared.folded, self.feed, _IO, self._reporter)
        self._finish(rung, path, model, {})
        return {}

    @property
    def feed(self) -> CalibrationFeed:
        """The calibration pictures."""
        assert self.prepared.feed is not None  # noqa: S101 - an integer conversion has one
        return self.prepared.feed

    def _for(self, activation: str | None) -> Prepared:
        if activation not in self._prepared:
            request = self._request.conversion(self.prepared.outputs.model, activation)
            self._prepared[activation] = prepare(request, self._reporter)
        return self._prepared[activation]

    def _by_default(self, activation: str | None, kept: Collection[str] = ()) -> QuantizedGraph:
        """Quantise by the default recipe, once for every activation."""
        if activation in self._quantized and not kept:
            return self._quantized[activation]
        settings, prepared = get_recipe(DEFAULT_RECIPE).settings, self._for(activation)
        assert settings is not None  # noqa: S101 - the default recipe is this package's own
        with self._reporter.stage("ptq", len(cut_into_segments(prepared.folded))):
            quantized = quantize_by_reconstruction(
                prepared.folded, prepared.feed, settings, self._reporter, kept=kept
            )
        if not kept:
            self._quantized[activation] = quantized
        return quantized

    def _make_mixed(self, rung: Rung, path: Path) -> dict[str, Any]:
        """Keep the blocks in float that cost most, and fit the others to what these then give."""
        rows = self._rank()
        blocks = [row.name for row in rows[: self._request.keep_blocks]]
        prepared = self.prepared
        parts = common_blocks(prepared.folded, prepared.graph)
        kept = tuple(node.name for part in parts if part.name in blocks for node in part.nodes)
        record = mixed_record(blocks, kept)
        self._reporter.note(
            "warning",
            f"mixed: {', '.join(blocks)} stay in float32 ({len(kept)} operators): NOT full integer",
        )
        quantized = self._by_default(None, kept)
        model = tflite_from_quantized(quantized, io=_IO, kept=kept)
        choices = {**record, "channel_factors": record_from_factors(quantized.factors)}
        self._finish(rung, path, model, choices, kept)
        return {**record, "sensitivity": [_row(row) for row in rows]}

    def _rank(self) -> tuple[BlockSensitivity, ...]:
        """Return what each block costs alone, the dearest first, on pictures that were not calibrated on."""
        quantized, twin = self._by_default(None), fold_std(self.prepared.graph)
        with self._reporter.stage("sensitivity", _RANKING_PICTURES):
            rows = block_sensitivity(quantized, _unseen(self.feed), float_graph=twin, reporter=self._reporter)
        return tuple(sorted(rows, key=lambda row: row.rank))

    def _make_distilled(self, rung: Rung, path: Path) -> dict[str, Any]:
        prepared, quantized = self._for(rung.activation), self._by_default(rung.activation)
        found = self._distil(
            prepared,
            quantized,
            teacher=self.prepared,
            pictures=Path(self._request.calibration),
            steps=self._request.steps,
            seed=self._request.seed,
            folder=path.parent,
            reporter=self._reporter,
        )
        self._write(rung, path, found.quantized, {"training": found.training})
        return {"distillation": found.record}

    def _write(
        self, rung: Rung, path: Path, quantized: QuantizedGraph, choices: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        model = tflite_from_quantized(quantized, io=_IO)
        factors = {"channel_factors": record_from_factors(quantized.factors)}
        self._finish(rung, path, model, {**factors, **(choices or {})})
        return {}

    def _finish(
        self, rung: Rung, path: Path, model: bytes, choices: dict[str, Any], kept: Collection[str] = ()
    ) -> None:
        """Write a rung's model with its contract; the gate is full integer, or exactly the named operators."""
        prepared = self._for(rung.activation)
        request = self._request.conversion(path, rung.activation)
        gate = (lambda content: require_mixed(content, _IO, kept)) if kept else None
        record = {"recipe": rung.name, **choices}
        finish(request, prepared, model, record, Outputs(path, force=True), self._reporter, gate=gate)


def _row(found: BlockSensitivity) -> dict[str, Any]:
    """Return one entry of ``sensitivity``; a block without any noise has null, since JSON has no infinity."""
    finite = bool(np.isfinite(found.sqnr_db))
    return {**asdict(found), "sqnr_db": found.sqnr_db if finite else None}


def _unseen(feed: CalibrationFeed) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield batches of pictures of the same source that were not calibrated on; the feed's last ones where it has none."""
    pictures = list(itertools.islice(_unused(feed), _RANKING_PICTURES))
    if not pictures:
        part = split(feed, min(0.5, _RANKING_PICTURES / feed.count))[1] or feed
        yield from itertools.islice(part.batches(_RANKING_BATCH), _RANKING_PICTURES // _RANKING_BATCH)
    for start in range(0, len(pictures), _RANKING_BATCH):
        yield np.stack(pictures[start : start + _RANKING_BATCH])


def _unused(feed: CalibrationFeed) -> Iterator[Pixels]:
    """Yield the readable pictures of a source that the feed leaves aside."""
    if not isinstance(feed.source, Subset):
        return
    used = set(feed.source.indices)
    for index in range(len(feed.source.parent)):
        if index not in used:
            with contextlib.suppress(DataError):
                yield feed.source.parent.load(index)
