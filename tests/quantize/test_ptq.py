"""The one-pass quantiser on small networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tiny_graphs import ABSORBED, NOT_ABSORBED, Feed, behind_swish, pictures, sqnr_db

from edge_effnet.errors import UnknownNameError
from edge_effnet.progress import Silent
from edge_effnet.quantize.recipes import DEFAULT_RECIPE, RECIPES, get_recipe
from edge_effnet.quantize.scheme import BIAS_LIMIT, FIXED_GRIDS, Grid
from edge_effnet.quantize.segments import cut_into_segments

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")

from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.quantize import ptq
from edge_effnet.quantize.execute import float_function, input_values, quantized_function
from edge_effnet.quantize.ptq import Memory, Settings, quantize_by_reconstruction

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph
    from edge_effnet.quantize.segments import Segment

DIRECT = {name: recipe.settings for name, recipe in RECIPES.items() if recipe.settings is not None}
UNSEEN = pictures(12, seed=5)


def _quantize(graph: Graph, settings: Settings, feed: Feed, memory: Memory | None = None) -> QuantizedGraph:
    return quantize_by_reconstruction(graph, feed, settings, Silent(), memory)


def _sqnr_db(graph: Graph, quantized: QuantizedGraph) -> float:
    """Return the logits' signal-to-noise ratio on pictures that were not calibrated on."""
    values = input_values(graph, UNSEEN)
    wanted = float_function(graph)(values)[graph.output_name].numpy()
    found = quantized_function(quantized, keep={graph.output_name})(values)[graph.output_name].numpy()
    factors = quantized.factors.get(graph.output_name, np.ones(1))
    return sqnr_db(wanted, found * factors)


@pytest.mark.parametrize("recipe", sorted(DIRECT))
def test_every_recipe_gives_a_full_integer_model_that_computes_the_network(
    recipe: str, any_tiny_graph: Graph, feed: Feed
) -> None:
    """No finding of the integer audit is an error, and the logits carry signal on unseen pictures."""
    quantized = _quantize(any_tiny_graph, DIRECT[recipe], feed)
    result = audit(read_model_bytes(tflite_from_quantized(quantized)), io="int8")
    assert result.full_integer, [finding.reason for finding in result.findings]
    assert _sqnr_db(any_tiny_graph, quantized) > 20.0


def test_the_same_pictures_give_the_same_bytes(any_tiny_graph: Graph, feed: Feed) -> None:
    """Nothing in the pass is drawn from a clock or a global random state."""
    first, second = (tflite_from_quantized(_quantize(any_tiny_graph, Settings(), feed)) for _ in range(2))
    assert first == second


def test_other_pictures_give_other_bytes(tiny_graph: Graph, feed: Feed) -> None:
    """The comparison above looks at something that depends on the pictures."""
    first = tflite_from_quantized(_quantize(tiny_graph, Settings(), feed))
    assert first != tflite_from_quantized(_quantize(tiny_graph, Settings(), Feed(pictures(24, seed=1))))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_pictures_is_enough_for_an_answer(tiny_graph: Graph, count: int) -> None:
    """One picture gives pooled tensors one row; no value that is not a number comes of it."""
    quantized = _quantize(tiny_graph, Settings(), Feed(pictures(count)))
    for node in quantized.graph.nodes:
        assert np.isfinite(quantized.grids[node.name].scale)
        if node.kernel is not None:
            assert np.isfinite(node.kernel).all()
            assert np.abs(quantized.weights[node.name].bias.astype(np.int64)).max() <= BIAS_LIMIT * (1 + 1e-6)


def test_little_memory_gives_a_network_all_the_same(tiny_graph: Graph, feed: Feed) -> None:
    """With room for a few images at a time, layers are fitted to fewer rows, and everything goes through the disk."""
    peak = max(segment.peak_bytes for segment in cut_into_segments(tiny_graph))
    quantized = _quantize(tiny_graph, Settings(), feed, Memory(live_bytes=12 * peak, store_bytes=0))
    assert _sqnr_db(tiny_graph, quantized) > 12.0


def test_where_activations_wait_hardly_matters(tiny_graph: Graph, feed: Feed) -> None:
    """On disk they have half precision, which moves the logits by less than the rounding to int8 does."""
    kept = _quantize(tiny_graph, Settings(), feed, Memory(store_bytes=1 << 30))
    spilled = _quantize(tiny_graph, Settings(), feed, Memory(store_bytes=0))
    assert abs(_sqnr_db(tiny_graph, kept) - _sqnr_db(tiny_graph, spilled)) < 3.0


def test_every_segment_is_reported(tiny_graph: Graph, feed: Feed) -> None:
    """A progress bar with as many steps as segments comes to its end."""

    class Counting(Silent):
        steps = 0

        def advance(self, steps: int = 1) -> None:
            self.steps += steps

    reporter = Counting()
    quantize_by_reconstruction(tiny_graph, feed, Settings(), reporter)
    assert reporter.steps == len(cut_into_segments(tiny_graph))


def test_grids_are_those_that_the_kernels_demand(tiny_quantized: QuantizedGraph) -> None:
    """Raw pixels at scale 1, sigmoids at 1/256."""
    assert tiny_quantized.grids["input"] == Grid(1.0, -1)
    for node in tiny_quantized.graph.nodes:
        if node.kind in FIXED_GRIDS:
            assert tiny_quantized.grids[node.name] == Grid(1 / 256, -128)


@pytest.mark.parametrize("behind", [*ABSORBED, *NOT_ABSORBED])
def test_scaled_channels_are_scaled_back_whatever_reads_them(behind: str, feed: Feed) -> None:
    """Without any refit that could mend it, the network with factors is as close to the float one as without."""
    graph = behind_swish(behind)
    plain, scaled = (_quantize(graph, Settings(refit=False, equalise=on), feed) for on in (False, True))
    factors = scaled.factors.get("first/swish", np.ones(12))
    assert (factors.max() > 1.5) == (behind in ABSORBED)
    assert _sqnr_db(graph, scaled) > _sqnr_db(graph, plain) - 3.0


def test_a_refit_gains_on_a_network_with_errors_to_mend(feed: Feed) -> None:
    """What a scaled swish and clipping leave is partly linear, and the weights take it back."""
    graph = behind_swish("conv")
    plain, refitted = (_quantize(graph, Settings(refit=refit), feed) for refit in (False, True))
    assert _sqnr_db(graph, refitted) > _sqnr_db(graph, plain)


def test_a_correction_of_biases_changes_nothing_else(tiny_graph: Graph, feed: Feed) -> None:
    """Same integers, some other biases, all of them of depthwise layers; and the recipe after it goes further."""
    settings = {name: DIRECT[name] for name in ("ranges", "bias", "equalise")}
    plain, moved, further = (_quantize(tiny_graph, found, feed).graph for found in settings.values())
    changed = {"bias": set(), "kernel": set(), "further": set()}
    for before, after, last in zip(plain.nodes, moved.nodes, further.nodes, strict=True):
        if before.kernel is None or before.bias is None:
            continue
        assert after.kernel is not None
        assert last.kernel is not None
        changed["bias"] |= set() if np.array_equal(before.bias, after.bias) else {before.kind}
        changed["kernel"] |= set() if np.array_equal(before.kernel, after.kernel) else {before.kind}
        changed["further"] |= set() if np.array_equal(before.kernel, last.kernel) else {before.kind}
    assert changed == {"bias": {"depthwise"}, "kernel": set(), "further": changed["further"]}
    assert {"conv", "depthwise"} <= changed["further"]


def test_recipes_are_looked_up_by_name() -> None:
    """The default is one of them, and a wrong name is answered with the right one."""
    assert get_recipe(DEFAULT_RECIPE) is RECIPES[DEFAULT_RECIPE]
    with pytest.raises(UnknownNameError, match="minmax"):
        get_recipe("min-max")
    assert all(recipe.summary for recipe in RECIPES.values())


@pytest.mark.parametrize("images", [6, 70])
@pytest.mark.parametrize("live_images", [12, 10_000])
def test_every_image_reaches_the_end_of_the_network(
    tiny_graph: Graph, images: int, live_images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However segments are solved and chunks are cut, no image is lost and none comes twice."""
    seen: dict[str, int] = {}

    def counting(name: str) -> Callable[..., Any]:
        original = getattr(ptq._Pass, name)

        def run(self: Any, segment: Segment, exact: Any, given: Any) -> Any:
            assert len(exact) == len(given)
            seen[segment.result] = seen.get(segment.result, 0) + len(exact)
            return original(self, segment, exact, given)

        return run

    for name in ("solve", "forward"):
        monkeypatch.setattr(ptq._Pass, name, counting(name))
    segments = cut_into_segments(tiny_graph)
    memory = Memory(live_bytes=live_images * max(segment.peak_bytes for segment in segments))
    _quantize(tiny_graph, Settings(), Feed(pictures(images)), memory)
    assert seen == {segment.result: images for segment in segments}
