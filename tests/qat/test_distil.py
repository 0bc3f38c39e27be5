"""Distillation: it learns, it never leaves a worse graph, and it goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tiny_graphs import Feed, pictures

from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.errors import ConversionError, DataError
from edge_effnet.progress import Silent
from edge_effnet.qat.distil import distil
from edge_effnet.qat.settings import QatSettings, settings_from
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.models.graph import Graph
    from edge_effnet.qat.distil import Distilled
    from edge_effnet.qat.pictures import TrainingPictures
    from edge_effnet.quantize.scheme import QuantizedGraph
    from edge_effnet.train.loop import Task

    Opened = Callable[[QatSettings], TrainingPictures]

SHORT = settings_from(20.0, steps=40, batch_size=8)


@dataclass(frozen=True)
class Float:
    """The part of a prepared conversion that a distillation reads."""

    graph: Graph
    folded: Graph


@pytest.fixture
def run(graph: Graph, start: QuantizedGraph, opened: Opened, tmp_path: Path) -> Callable[..., Distilled]:
    """Carry out a run; the folder is the test's own."""

    def go(
        settings: QatSettings = SHORT, *, begin: QuantizedGraph = start, pictures: Any = None, folder: str = "run",
        **options: Any,
    ) -> Distilled:  # fmt: skip
        prepared: Any = Float(graph, graph)
        shown = opened(settings) if pictures is None else pictures
        return distil(prepared, begin, shown, settings, tmp_path / folder, Silent(), **options)

    return go


def test_distillation_brings_the_int8_graph_nearer_to_the_float_network(
    run: Callable[..., Distilled],
) -> None:
    """Without a label, on pictures that were held out."""
    done = run()
    assert done.kept != "calibrated"
    assert done.judgements[done.kept].divergence < 0.7 * done.judgements["calibrated"].divergence
    assert done.judgements[done.kept].sqnr_db > done.judgements["calibrated"].sqnr_db + 0.5
    assert 50.0 < done.outcome.history[-1]["agreement"] <= 100.0, "in percent, as on held-out pictures"


def test_what_training_spoils_is_not_kept(run: Callable[..., Distilled], graph: Graph) -> None:
    """A rate that is far too high leaves the graph that training began from, and says so."""
    good = quantize_by_reconstruction(graph, Feed(pictures(24)), Settings(), Silent())
    done = run(settings_from(1e4, steps=4, batch_size=8, reestimate=False), begin=good)
    assert done.kept == "calibrated"
    assert tflite_from_quantized(done.quantized) == tflite_from_quantized(good)


def test_features_and_labels_enter_the_loss(run: Callable[..., Distilled]) -> None:
    """The error at the ends of the blocks adds to the loss."""
    plain = run(replace(SHORT, steps=4), folder="plain").outcome.history[0]["loss"]
    more = run(replace(SHORT, steps=4, feature_weight=1.0), folder="more").outcome.history[0]["loss"]
    assert more > plain


class Interrupted(Exception):  # noqa: N818 - stands for Ctrl-C
    """Stops a run in the middle of an epoch."""


def test_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_does(
    run: Callable[..., Distilled], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, optimizers, order and crops of the pictures: all follow from the checkpoint."""
    settings = replace(SHORT, steps=20, longest_epoch=10)
    whole = run(settings, folder="whole")
    stop_at(13, monkeypatch)
    with pytest.raises(Interrupted):
        run(settings, folder="parts")
    monkeypatch.undo()
    parts = run(settings, folder="parts", resume=True)
    assert tflite_from_quantized(parts.quantized) == tflite_from_quantized(whole.quantized)
    losses = [[record["loss"] for record in each.outcome.history] for each in (whole, parts)]
    assert losses[0] == losses[1]


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run break off before a step."""
    from edge_effnet.qat.task import DistilTask

    taken = DistilTask.step

    def limited(task: Task, batch: Any, number: int) -> Any:
        if number == step:
            raise Interrupted
        return taken(task, batch, number)  # type: ignore[arg-type]

    monkeypatch.setattr(DistilTask, "step", limited)


def test_a_run_does_not_go_on_with_other_pictures_or_rates(
    run: Callable[..., Distilled], labelled: Path
) -> None:
    """The error names what differs."""
    from opened_pictures import open_labelled

    run(replace(SHORT, steps=2))
    with pytest.raises(DataError, match="settings"):
        run(replace(SHORT, steps=3), resume=True)
    with pytest.raises(DataError, match="pictures"):
        run(replace(SHORT, steps=2), pictures=open_labelled(labelled, replace(SHORT, steps=2)), resume=True)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    run: Callable[..., Distilled], tmp_path: Path
) -> None:
    """Exit code 5 with the step, and the last good state is there."""
    with pytest.raises(ConversionError, match="no longer finite") as caught:
        run(settings_from(1e38, steps=8, batch_size=8))
    assert "step" in str(caught.value.got)
    with np.load(tmp_path / "run" / "state.npz") as archive:
        assert all(
            np.isfinite(archive[name]).all() for name in archive.files if archive[name].dtype.kind == "f"
        )
