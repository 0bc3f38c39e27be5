"""Files in which some blocks are float: exactly those, and what they compute is what the float network computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat import census
from tiny_graphs import Feed, every_kind, pictures, small_mbconv, sqnr_db

from edge_effnet.convert.mixed import MIXED_PRECISION, mixed_record, require_mixed
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.errors import GateError
from edge_effnet.progress import Silent
from edge_effnet.quantize.execute import float_function, input_values
from edge_effnet.quantize.ptq import Memory, Settings, quantize_by_reconstruction
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph

GRAPH = small_mbconv()
BLOCKS = ("stem", "block1a", "block1b", "head")
UNSEEN = pictures(12, seed=5)


def _kept(graph: Graph, *blocks: str) -> set[str]:
    return {node.name for node in graph.nodes if node.block in blocks}


def _quantized(kept: set[str], graph: Graph = GRAPH, store_bytes: int = 1 << 30) -> QuantizedGraph:
    memory = Memory(store_bytes=store_bytes)
    return quantize_by_reconstruction(graph, Feed(pictures(24)), Settings(), Silent(), memory, kept)


def _sqnr_db(content: bytes, graph: Graph = GRAPH, engine: str = "xnnpack") -> float:
    model = LocalModel(content, engine)
    wanted = float_function(graph)(input_values(graph, UNSEEN))[graph.output_name].numpy()
    return sqnr_db(wanted, np.stack([model.logits(picture) for picture in UNSEEN]))


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("blocks", [*((name,) for name in BLOCKS), ("block1a", "block1b"), BLOCKS])
def test_exactly_the_named_blocks_are_float(blocks: tuple[str, ...], io: str) -> None:
    """Side by side they are converted once at each end; the gate passes with their names and with no other."""
    kept = _kept(GRAPH, *blocks)
    content = tflite_from_quantized(_quantized(kept), io=io, kept=kept)
    require_mixed(content, io, kept)
    border = {"int8": (0, 0), "uint8": (2, 0), "float32": (1, 1)}[io]
    counts = census(content)
    assert (counts["QUANTIZE"], counts["DEQUANTIZE"]) == (1 + border[0], 1 + border[1])
    for wrong in (kept - {min(kept)}, kept | {"absent"}):
        with pytest.raises(GateError, match="other operators than the named ones"):
            require_mixed(content, io, wrong)


@pytest.mark.parametrize("engine", ["xnnpack", "builtin", "reference"])
def test_a_network_that_is_float_throughout_is_the_float_network(engine: str) -> None:
    """Up to the rounding of its logits, which are int8: half a step at most."""
    kept = _kept(GRAPH, *BLOCKS)
    quantized = _quantized(kept)
    model = LocalModel(tflite_from_quantized(quantized, kept=kept), engine)
    wanted = float_function(GRAPH)(input_values(GRAPH, UNSEEN))[GRAPH.output_name].numpy()
    grid = quantized.grids[GRAPH.output_name]
    inside = np.clip(wanted, grid.minimum, grid.maximum)
    found = np.stack([model.logits(picture) for picture in UNSEEN])
    assert np.abs(found - inside).max() <= 0.51 * grid.scale


@pytest.mark.parametrize("block", BLOCKS)
def test_keeping_a_block_costs_no_accuracy(block: str) -> None:
    """The file stays close to the float network whichever block is float, scaled channels at its borders included."""
    kept = _kept(GRAPH, block)
    content = tflite_from_quantized(_quantized(kept), kept=kept)
    whole = tflite_from_quantized(_quantized(set()))
    assert _sqnr_db(content) > _sqnr_db(whole) - 1.0
    assert _sqnr_db(content, engine="reference") > 20.0


def test_every_kind_of_operator_can_be_kept() -> None:
    """All of a network's operators in float, pools, pads and concatenations among them."""
    graph = every_kind()
    kept = {node.name for node in graph.nodes}
    content = tflite_from_quantized(_quantized(kept, graph), kept=kept)
    require_mixed(content, "int8", kept)
    assert _sqnr_db(content, graph) > 30.0


def test_blocks_side_by_side_are_kept_also_where_activations_go_to_disk() -> None:
    """A cut between two kept blocks may be stored as codes: what is stored there is close to what is not."""
    kept = _kept(GRAPH, "block1a", "block1b")
    contents = [tflite_from_quantized(_quantized(kept, store_bytes=size), kept=kept) for size in (0, 1 << 30)]
    assert _sqnr_db(contents[0]) > _sqnr_db(contents[1]) - 3.0


def test_nothing_kept_is_the_full_integer_file() -> None:
    """Byte for byte; and the gate of a mixed file refuses it where a block was named."""
    quantized = _quantized(set())
    content = tflite_from_quantized(quantized)
    assert content == tflite_from_quantized(quantized, kept=())
    with pytest.raises(GateError, match="other operators than the named ones"):
        require_mixed(content, "int8", _kept(GRAPH, "stem"))


def test_the_gate_still_judges_the_int8_part() -> None:
    """Kept blocks excuse themselves and nothing else: an interface of another type than declared is an error."""
    kept = _kept(GRAPH, "block1a")
    content = tflite_from_quantized(_quantized(kept), io="uint8", kept=kept)
    with pytest.raises(GateError, match="the int8 part"):
        require_mixed(content, "int8", kept)


def test_the_record_of_a_mixed_file_says_so() -> None:
    """Not full integer, which blocks, in what, and why not in 16-bit integers."""
    record = mixed_record(["stem"], _kept(GRAPH, "stem"))
    assert record["full_integer"] is False
    assert record["precision"] == MIXED_PRECISION
    assert record["mixed"]["blocks"] == ["stem"]
    assert record["mixed"]["operators"] == 3
    assert "int16" in record["mixed"]["why_not_a16w8"]
