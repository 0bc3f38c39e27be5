"""verify.locate: the layer that does the damage is named, with its block and part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from verify.tiny_networks import Tiny, damaged, pictures, rewritten, tiny, without_a_name

from edge_effnet.convert.contract import record_from_factors
from edge_effnet.models.fold import fold_normalisation
from edge_effnet.progress import Silent
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction
from edge_effnet.verify import Located, verify
from edge_effnet.verify.figures import FALL_DB, LOW_DB, LayerResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verify.bench import Bench

    from edge_effnet.models.graph import Graph


def _located(bench: Bench, int8_model: Path) -> Located:
    found = verify(bench.float_model, int8_model, bench.images, engines=["xnnpack"], layer_images=3)
    return found.located


def _zeroed(codes: np.ndarray) -> np.ndarray:
    """Set every other output channel to zero."""
    changed = codes.copy()
    changed[..., ::2] = 0
    return changed


def test_a_sound_file_diverges_nowhere(bench: Bench) -> None:
    """Every layer of the float file is found; none falls below the rule."""
    located = _located(bench, bench.int8_model)
    assert located.n == 3
    assert [layer.name for layer in located.layers][:2] == ["stem_conv", "stem_activation"]
    assert located.layers[-1].name == "predictions"
    assert located.first_divergence is None
    assert all(layer.sqnr_db > LOW_DB for layer in located.layers)
    assert [block.name for block in sorted(located.blocks, key=lambda block: block.name)] == [
        "block1a",
        "head",
        "stem",
    ]
    assert {operator.kind for operator in located.operators} == {
        node.kind for node in tiny().quantized.graph.nodes
    }


@pytest.mark.parametrize(
    ("operator", "layer", "block", "part"),
    [
        ("block1a_project_conv", "block1a_project_conv", "block1a", "project"),
        ("block1a_expand_conv", "block1a_expand_activation", "block1a", "expand"),
        ("block1a_dwconv", "block1a_activation", "block1a", "depthwise"),
        ("stem_conv", "stem_activation", "stem", "stem"),
        ("predictions", "predictions", "head", "head"),
    ],
)
def test_the_damaged_layer_is_the_first_to_diverge(
    bench: Bench, operator: str, layer: str, block: str, part: str
) -> None:
    """Half its channels are zero: it is named, and its own noise is the worst although later layers inherit it."""
    located = _located(bench, bench.int8(damaged(tiny(), operator, _zeroed)))
    first = located.first_divergence
    assert first is not None
    assert (first.name, first.block, first.part) == (layer, block, part)
    assert located.worst_layers(1)[0].name == layer
    assert (located.blocks[0].name, located.blocks[0].worst.name) == (block, layer)


def test_a_layers_own_noise_does_not_depend_on_what_comes_before(bench: Bench) -> None:
    """With the stem ruined, later layers have the same noise of their own and more in all."""
    sound = {layer.name: layer for layer in _located(bench, bench.int8_model).layers}
    ruined = _located(bench, bench.int8(damaged(tiny(), "stem_conv", _zeroed)))
    late = next(layer for layer in ruined.layers if layer.name == "block1a_project_conv")
    assert late.own_sqnr_db == pytest.approx(sound[late.name].own_sqnr_db)
    assert late.sqnr_db < sound[late.name].sqnr_db - FALL_DB


def test_channel_factors_multiply_the_layer_that_they_are_of(bench: Bench) -> None:
    """Factors of 2 on a network that is not scaled: that layer is off by its own amplitude, 0 dB, and no other is."""
    plain = {layer.name: layer for layer in _located(bench, bench.int8_model).layers}
    path = bench.int8(channel_factors=record_from_factors({"avg_pool": np.full(16, 2.0, np.float32)}))
    doubled = {layer.name: layer for layer in _located(bench, path).layers}
    assert doubled["avg_pool"].sqnr_db == pytest.approx(0.0, abs=0.5)
    assert doubled["block1a_add"].sqnr_db == plain["block1a_add"].sqnr_db
    # Alone, the layer that reads it is given the float value over the factor: half of what this network expects.
    assert plain["predictions"].own_sqnr_db > LOW_DB
    assert doubled["predictions"].own_sqnr_db < LOW_DB / 2


def test_a_network_whose_outliers_were_scaled_down_is_compared_as_it_means(bench: Bench) -> None:
    """With the factors that quantisation leaves in the contract, scaled layers agree; without them they seem ruined."""
    network = _with_outliers()
    quantized = quantize_by_reconstruction(fold_normalisation(network), _Feed(), Settings(), Silent())
    scaled = {name for name, values in quantized.factors.items() if values.max() > 2}
    assert {"top_activation/swish", "avg_pool"} <= scaled
    twin = Tiny(network, quantized)
    bench.write("float.tflite", twin.float_file())
    told = _located(bench, bench.int8(twin, channel_factors=record_from_factors(quantized.factors)))
    untold = _located(bench, bench.int8(twin))
    pairs = zip(told.layers, untold.layers, strict=True)
    falls = {one.name: (one.sqnr_db, one.sqnr_db - two.sqnr_db) for one, two in pairs}
    sqnr_db, fall_db = falls["top_activation"]
    assert sqnr_db > LOW_DB
    assert fall_db > 2 * FALL_DB
    assert told.first_divergence is None
    assert untold.first_divergence is not None
    own_db = {layer.name: layer.own_sqnr_db for layer in told.layers}
    assert own_db["avg_pool"] > LOW_DB
    assert own_db["predictions"] > LOW_DB


class _Feed:
    """Calibration pictures for the one-pass quantiser."""

    count = 32

    def batches(self, size: int) -> Iterator[np.ndarray]:
        images = pictures(self.count, seed=2)
        yield from (images[start : start + size] for start in range(0, self.count, size))


def _with_outliers() -> Graph:
    """Return the float network with two of a layer's channels far beyond swish's knee, where it is linear."""
    graph = tiny().float_graph
    far = np.where(np.arange(16) % 8 == 3, 70, 0).astype(np.float32)
    nodes = {node.name: node for node in graph.nodes}
    top = nodes["top_conv"]
    nodes["top_conv"] = replace(top, bias=top.bias + far)
    return replace(graph, nodes=tuple(nodes.values()))


def test_borders_that_both_files_have_are_no_layers_to_rebuild(bench: Bench) -> None:
    """Two files with uint8 borders share names of which the rebuilt network, int8 throughout, has no operator."""
    path = bench.int8(io="uint8")
    found = verify(path, path, bench.images, engines=["xnnpack"], layer_images=3)
    assert found.located.first_divergence is None


def test_files_without_a_common_name_have_no_layers_and_a_note(bench: Bench) -> None:
    """The engines are compared all the same."""

    def rename(model: Any) -> None:
        for index, tensor in enumerate(model.subgraphs[0].tensors):
            tensor.name = f"tensor{index}".encode()

    other = bench.write("renamed.tflite", rewritten(bench.int8_model.read_bytes(), rename))
    found = verify(bench.float_model, other, bench.images, engines=["xnnpack"], layer_images=2)
    assert found.located.layers == found.located.blocks == ()
    assert "namesake" in found.located.notes[0]
    assert found.engines[0].n == 6
    assert found.to_record()["layers"] == []


def test_a_file_that_cannot_be_rebuilt_has_layers_without_their_own_noise(bench: Bench) -> None:
    """The layers that have a name are compared; the reason for what is missing is noted."""
    path = bench.write("nameless.tflite", without_a_name(bench.int8_model.read_bytes(), "block1a_add"))
    located = _located(bench, path)
    names = [layer.name for layer in located.layers]
    assert "block1a_project_conv" in names
    assert "block1a_add" not in names
    assert {layer.own_sqnr_db for layer in located.layers} == {None}
    assert located.operators == ()
    assert "the same name, or none" in located.notes[0]
    assert located.blocks[0].sqnr_db == min(block.sqnr_db for block in located.blocks)


def _layer(sqnr_db: float, fed_db: float, *, gated: bool = False) -> LayerResult:
    return LayerResult("x", "block1a", "expand", sqnr_db, None, fed_db, gated)


@pytest.mark.parametrize(
    ("layer", "diverges"),
    [
        (_layer(LOW_DB - 1, LOW_DB + FALL_DB), True),
        (_layer(LOW_DB + 1, LOW_DB + 30), False),
        (_layer(LOW_DB - 1, LOW_DB + FALL_DB - 2), False),
        (_layer(LOW_DB - 1, np.inf), True),
        (_layer(LOW_DB - 1, np.inf, gated=True), False),
    ],
)
def test_the_rule_of_divergence_is_low_and_a_fall_and_not_before_a_swish(
    layer: LayerResult, diverges: bool
) -> None:
    """Each half of the rule is needed."""
    assert layer.diverges is diverges
