"""verify.sensitivity: what each block alone costs at the logits."""

from __future__ import annotations

import builtins
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from verify.tiny_networks import CLASSES, damaged, pictures, tiny, without_a_name

from edge_effnet.convert.tflite import tflite_from_graph
from edge_effnet.errors import DataError, OutputExistsError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.models.fold import fold_std
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.progress import Silent
from edge_effnet.quantize.exact import kernel_runner
from edge_effnet.quantize.execute import fake_quantize, float_function, input_values
from edge_effnet.runtimes import LocalModel
from edge_effnet.verify import BlockSensitivity, NotRebuildable, block_sensitivity, verify
from edge_effnet.verify.rebuild_float import rebuild_float
from edge_effnet.verify.sensitivity import common_blocks
from edge_effnet.verify.sensitivity_plot import MISSING, draw_sensitivity
from edge_effnet.verify.stats import sqnr_db, top1_agreement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verify.bench import Bench
    from verify.tiny_networks import Tiny

IMAGES = 6


def _batches() -> Iterator[np.ndarray]:
    images = pictures(IMAGES)
    yield from (images[start : start + 2] for start in range(0, IMAGES, 2))


def _rows(network: Tiny, **options: Any) -> dict[str, BlockSensitivity]:
    found = block_sensitivity(
        network.quantized, _batches(), float_graph=fold_std(network.float_graph), **options
    )
    return {row.name: row for row in found}


def _zeroed(codes: np.ndarray) -> np.ndarray:
    changed = codes.copy()
    changed[..., ::2] = 0
    return changed


def test_every_block_has_its_rank() -> None:
    """In the order in which they run; 1 is the lowest SQNR; the number of pictures is every picture of every batch."""
    rows = _rows(tiny())
    assert list(rows) == ["stem", "block1a", "head"]
    falling = sorted(rows.values(), key=lambda row: row.sqnr_db)
    assert [row.rank for row in falling] == [1, 2, 3]
    assert {row.n for row in rows.values()} == {IMAGES}
    assert all(math.isfinite(row.sqnr_db) for row in rows.values())
    worst = falling[0]
    assert worst.noise_percent == pytest.approx(100 / 10 ** (worst.sqnr_db / 10))


@pytest.mark.parametrize(
    ("operator", "block"), [("stem_conv", "stem"), ("block1a_project_conv", "block1a"), ("top_conv", "head")]
)
def test_a_ruined_block_costs_the_most_and_the_others_what_they_cost_before(
    operator: str, block: str
) -> None:
    """One block at a time: what is wrong in one is in no other's figure."""
    sound, ruined = _rows(tiny()), _rows(damaged(tiny(), operator, _zeroed))
    assert ruined[block].rank == 1
    assert ruined[block].sqnr_db < sound[block].sqnr_db - 6
    others = set(sound) - {block}
    assert {name: ruined[name].sqnr_db for name in others} == {name: sound[name].sqnr_db for name in others}


def test_the_figures_are_what_the_definition_says() -> None:
    """The head by hand: float to its input, its grid, its operators on integers, and the logits against the float ones."""
    network, row = tiny(), _rows(tiny())["head"]
    exact = LocalModel(network.float_file(), "builtin", keep_tensors=True)
    nodes = [node for node in network.quantized.graph.nodes if node.block == "head"]
    wanted, found = [], []
    for picture in pictures(IMAGES):
        wanted.append(exact.logits(picture))
        source = nodes[0].inputs[0]
        reals = import_tensorflow().constant(exact.tensor(source))
        tensors = {source: fake_quantize(reals, network.quantized.grids[source])}
        for node in nodes:
            tensors[node.name] = kernel_runner(network.quantized, node)(
                [tensors[name] for name in node.inputs]
            )
        found.append(np.asarray(tensors["predictions"]).reshape(CLASSES))
    assert row.sqnr_db == pytest.approx(sqnr_db(np.stack(wanted), np.stack(found)), abs=0.05)
    assert row.top1_agreement == top1_agreement(np.stack(wanted), np.stack(found))


def test_a_network_that_scales_channels_is_compared_as_it_means() -> None:
    """The factors of the quantised graph bring its tensors to the float network's scale, unless others are given."""
    quantized = replace(tiny().quantized, factors={"block1a_add": np.full(8, 2.0, np.float32)})
    told, other = _rows(replace(tiny(), quantized=quantized)), _rows(tiny())
    assert told["block1a"].sqnr_db < other["block1a"].sqnr_db - 6
    assert told["stem"] == replace(other["stem"], rank=told["stem"].rank)
    ignored = _rows(replace(tiny(), quantized=quantized), factors={})
    assert ignored == other


def test_what_a_block_reads_is_clipped_to_its_grid() -> None:
    """A grid that ends at zero takes the negative half from the block that writes it and from the one that reads it."""
    grids = tiny().quantized.grids
    low = {**grids, "block1a_add": replace(grids["block1a_add"], zero_point=-128)}
    sound, cut = _rows(tiny()), _rows(replace(tiny(), quantized=replace(tiny().quantized, grids=low)))
    assert cut["block1a"].sqnr_db < sound["block1a"].sqnr_db - 6
    assert cut["head"].sqnr_db < sound["head"].sqnr_db - 6
    assert cut["stem"].sqnr_db == sound["stem"].sqnr_db


def test_a_network_without_block_names_is_cut_at_its_joins() -> None:
    """Wherever one tensor is alive in both networks; the pieces hold every operator once."""
    graph, float_graph = tiny("mixed").quantized.graph, fold_std(tiny("mixed").float_graph)
    blocks = common_blocks(graph, float_graph)
    assert len(blocks) > 1
    assert [node for block in blocks for node in block.nodes] == list(graph.nodes)
    assert [block.source for block in blocks[1:]] == [block.result for block in blocks[:-1]]
    assert list(_rows(tiny("mixed"))) == [block.name for block in blocks]


def test_what_cannot_be_measured_is_refused() -> None:
    """No picture, and another network."""
    network = tiny()
    with pytest.raises(DataError, match="no picture"):
        block_sensitivity(network.quantized, [], float_graph=fold_std(network.float_graph))
    shorter = replace(fold_std(network.float_graph), output_name="avg_pool")
    for other in (fold_std(tiny("mixed").float_graph), shorter):
        with pytest.raises(DataError, match="another output"):
            block_sensitivity(network.quantized, _batches(), float_graph=other)


@pytest.mark.parametrize("kind", ["swish", "mixed"])
def test_a_float_file_gives_back_the_graph_that_it_is(kind: str) -> None:
    """Weights, offset, strides and clamps: the rebuilt graph computes the file's logits."""
    content = tiny(kind).float_file()
    graph = rebuild_float(read_model_bytes(content))
    found = float_function(graph)(input_values(graph, pictures(4)))[graph.output_name]
    model = LocalModel(content, "builtin")
    wanted = np.stack([model.logits(picture) for picture in pictures(4)])
    np.testing.assert_allclose(np.asarray(found), wanted, atol=2e-5 * float(np.abs(wanted).max()))


@pytest.mark.parametrize("precision", ["fp16", "w8-dynamic", "int8"])
def test_a_file_with_other_weights_is_no_float_graph(precision: str) -> None:
    """Nearly the float network is not the float network."""
    graph = fold_std(tiny().float_graph)
    content = tiny().int8_file() if precision == "int8" else tflite_from_graph(graph, precision)
    with pytest.raises(NotRebuildable):
        rebuild_float(read_model_bytes(content))


def test_verify_measures_it_on_the_files(bench: Bench) -> None:
    """From two files alone, the rows that the two graphs give; so many pictures as were asked for."""
    options: dict[str, Any] = {"engines": ["fake_quant"], "layer_images": 0, "sensitivity_images": IMAGES}
    found = verify(bench.float_model, bench.int8_model, bench.images, seed=0, **options)
    wanted = _rows(tiny())
    assert [row.name for row in found.sensitivity] == list(wanted)
    for row in found.sensitivity:
        assert row.sqnr_db == pytest.approx(wanted[row.name].sqnr_db, abs=0.05)
        assert row.n == IMAGES
    record = found.to_record()
    assert [row["rank"] for row in record["sensitivity"]] == [row.rank for row in found.sensitivity]
    options["sensitivity_images"] = 2
    assert verify(bench.float_model, bench.int8_model, bench.images, **options).sensitivity[0].n == 2


def test_why_there_is_no_sensitivity_is_noted(bench: Bench) -> None:
    """A float file that cannot be rebuilt, and an int8 file that cannot."""
    half = bench.write("half.tflite", tflite_from_graph(fold_std(tiny().float_graph), "fp16"))
    nameless = bench.write("nameless.tflite", without_a_name(bench.int8_model.read_bytes(), "block1a_add"))
    options: dict[str, Any] = {"engines": ["builtin"], "layer_images": 0, "sensitivity_images": 1}
    for pair in ((half, bench.int8_model), (bench.float_model, nameless)):
        found = verify(*pair, bench.images, **options)
        assert found.sensitivity == ()
        assert any(note.startswith("no sensitivity: ") for note in found.notes)


def test_the_reporter_advances_once_per_picture() -> None:
    """A progress bar that reaches its end."""

    class Counting(Silent):
        steps = 0

        def advance(self, steps: int = 1) -> None:
            self.steps += steps

    reporter = Counting()
    _rows(tiny(), reporter=reporter)
    assert reporter.steps == IMAGES


ROWS = (
    BlockSensitivity("stem", 20.0, 100.0, 4, 2),
    BlockSensitivity("block1a", math.inf, 100.0, 4, 3),
    BlockSensitivity("head", 10.0, 75.0, 4, 1),
)


def test_the_plot_has_a_bar_per_block_with_its_rank_and_a_text(tmp_path: Path) -> None:
    """An SVG whose words are text: title, blocks in network order, ranks, and a sentence for those who do not see it."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "plot.svg"
    assert draw_sensitivity(ROWS, path, title="m.tflite & co") is None
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert root.get("role") == "img"
    label = root.get("aria-label", "")
    assert label.startswith("m.tflite & co. Bars in network order")
    assert label.index("head 10 % (10.0 dB)") < label.index("stem 1 % (20.0 dB)") < label.index("block1a 0 %")
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "m.tflite & co"
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [word for word in words if word in {"stem", "block1a", "head"}] == ["stem", "block1a", "head"]
    assert [word for word in words if word in {"1.", "2.", "3."}] == ["2.", "3.", "1."]


def test_the_same_figures_give_the_same_plot_which_is_never_overwritten(tmp_path: Path) -> None:
    """No date and no random names in it; --force is needed to replace one."""
    pytest.importorskip("matplotlib")
    paths = tmp_path / "a.svg", tmp_path / "b.svg"
    for path in paths:
        draw_sensitivity(ROWS, path, title="t")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(OutputExistsError):
        draw_sensitivity(ROWS[:1], paths[0], title="t")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    draw_sensitivity(ROWS[:1], paths[0], title="t", force=True)
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_without_matplotlib_there_is_a_note_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is there all the same."""
    known = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return known(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert draw_sensitivity(ROWS, tmp_path / "plot.svg", title="t") == MISSING
    assert not list(tmp_path.iterdir())
