"""The toolkit's scheme computes what the quantised graph computes, and gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

tensorflow = pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
pytest.importorskip("tensorflow_model_optimization", reason="the extra edge-effnet[convert] is not installed")

from tiny_graphs import Feed, pictures  # noqa: E402  # after the skip

from edge_effnet.convert.tflite import tflite_from_quantized  # noqa: E402
from edge_effnet.models.fold import fold_normalisation  # noqa: E402
from edge_effnet.models.freeze import freeze  # noqa: E402
from edge_effnet.progress import Silent  # noqa: E402
from edge_effnet.quantize.execute import input_values, quantized_function  # noqa: E402
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction  # noqa: E402
from edge_effnet.quantize.registry import layer_rows  # noqa: E402
from edge_effnet.quantize.scheme import FIXED_GRIDS, SHARED_GRID  # noqa: E402
from edge_effnet.quantize.trainable import read_back, trainable_model  # noqa: E402
from edge_effnet.quantize.twin import keras_from_graph  # noqa: E402
from edge_effnet.runtimes.litert import LocalModel  # noqa: E402
from edge_effnet.variants import VARIANTS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph

FAST = ("b0", "lite0", "v2-b0")
SIDE_PX = 32


@pytest.fixture(scope="module", params=["mbconv", "every_kind"])
def quantized(request: pytest.FixtureRequest, feed: Feed) -> QuantizedGraph:
    """Each small network after the default recipe."""
    from tiny_graphs import every_kind, small_mbconv

    graph = {"mbconv": small_mbconv, "every_kind": every_kind}[request.param]()
    return quantize_by_reconstruction(graph, feed, Settings(), Silent())


def logits(model: Any, quantized: QuantizedGraph, count: int = 4, side_px: int = 16) -> Any:
    """Return what a model makes of some pictures."""
    return np.asarray(model(input_values(quantized.graph, pictures(count, side_px=side_px)), training=False))


def test_every_operator_kind_of_the_graph_has_a_row() -> None:
    """A kind without a row would be trained in float and rounded in the file."""
    from typing import get_args

    from edge_effnet.models.graph import NodeKind

    assert layer_rows().keys() == set(get_args(NodeKind))


def test_the_keras_twin_computes_the_frozen_graph(any_tiny_graph: Graph) -> None:
    """One layer per operator, the same numbers."""
    from edge_effnet.quantize.execute import float_function

    values = input_values(any_tiny_graph, pictures(4))
    wanted = float_function(any_tiny_graph)(tensorflow.constant(values))[any_tiny_graph.output_name]
    np.testing.assert_allclose(np.asarray(keras_from_graph(any_tiny_graph)(values)), wanted, atol=1e-5)


def test_zero_steps_give_the_calibrated_file_byte_for_byte(quantized: QuantizedGraph) -> None:
    """PTQ is QAT with zero steps: out through the toolkit and back changes nothing."""
    model = trainable_model(quantized)
    assert tflite_from_quantized(read_back(model, quantized)) == tflite_from_quantized(quantized)


def test_the_toolkits_graph_computes_the_quantised_graph(quantized: QuantizedGraph) -> None:
    """In training mode too: within a step of the output, which float32 may tip over."""
    name = quantized.graph.output_name
    values = tensorflow.constant(input_values(quantized.graph, pictures(4)))
    wanted = np.asarray(quantized_function(quantized)(values)[name])
    steps = np.abs(logits(trainable_model(quantized), quantized) - wanted) / quantized.grids[name].scale
    assert steps.max() < 2.5
    assert np.mean(steps < 0.5) > 0.8


@pytest.mark.parametrize(
    "variant",
    [*FAST, *(pytest.param(each, marks=pytest.mark.slow) for each in VARIANTS if each not in FAST)],
)
def test_the_exact_graph_is_the_file_bit_for_bit(
    variant: str, built_model: Callable[[str, int], BuiltModel]
) -> None:
    """Every logit of the toolkit's graph equals the reference kernels', for every variant of the table."""
    quantized = of_variant(built_model(variant, SIDE_PX))
    exact = logits(trainable_model(quantized, learn_grids=False, exact=True), quantized, side_px=SIDE_PX)
    local = LocalModel(tflite_from_quantized(quantized), "reference")
    wanted = np.stack([local.logits(picture) for picture in pictures(4, side_px=SIDE_PX)])
    step = quantized.grids[quantized.graph.output_name].scale
    np.testing.assert_array_equal(np.rint(exact / step), np.rint(wanted / step))


def of_variant(built: BuiltModel) -> QuantizedGraph:
    """Quantise a network with random weights."""
    folded = fold_normalisation(freeze(built.keras, built.normalisation, name=built.id))
    return quantize_by_reconstruction(folded, Feed(pictures(8, side_px=SIDE_PX)), Settings(), Silent())


def test_only_free_grids_can_learn(quantized: QuantizedGraph) -> None:
    """A sigmoid keeps 1/256, the input its pixels, and tensors on a shared grid that grid."""
    from edge_effnet.quantize.twin import layer_name

    model = trainable_model(quantized)
    learning = {each.name.split("/")[0] for each in model.trainable_weights if "output_grid" in each.name}
    for node in quantized.graph.nodes:
        if node.kind in FIXED_GRIDS or node.kind in SHARED_GRID:
            assert f"quant_{layer_name(node.name)}" not in learning
            assert learning.isdisjoint(
                f"quant_{layer_name(name)}" for name in node.inputs if node.kind in SHARED_GRID
            )
    assert not any("pixels_in" in name for name in learning)
    assert learning


def test_every_trained_variable_gets_a_gradient_and_reaches_the_file(tiny_quantized: QuantizedGraph) -> None:
    """What is moved in training is what the file holds after."""
    model = trainable_model(tiny_quantized)
    values = tensorflow.constant(input_values(tiny_quantized.graph, pictures(4)))
    with tensorflow.GradientTape() as tape:
        loss = tensorflow.reduce_sum(model(values, training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_weights)
    assert all(gradient is not None for gradient in gradients)
    before = tflite_from_quantized(tiny_quantized)
    for variable in model.trainable_weights:
        old = variable.numpy()
        variable.assign(old + 1.5)
        after = tflite_from_quantized(read_back(model, tiny_quantized))
        variable.assign(old)
        assert after != before, f"{variable.name} is trained and left behind"


def test_the_file_computes_what_was_trained(tiny_quantized: QuantizedGraph) -> None:
    """After a change of everything, scales of channels included: a dense layer's file has one scale for all outputs."""
    model = trainable_model(tiny_quantized)
    draws = np.random.default_rng(5)
    for variable in model.trainable_weights:
        size = 0.3 if variable.name.endswith("gain:0") else 0.02
        variable.assign(variable + draws.normal(0.0, size, variable.shape).astype(np.float32))
    back = read_back(model, tiny_quantized)
    local = LocalModel(tflite_from_quantized(back), "reference")
    given = np.stack([local.logits(picture) for picture in pictures(8)])
    steps = np.abs(logits(model, back, count=8) - given) / back.grids[back.graph.output_name].scale
    assert steps.mean() < 1.5


def test_what_comes_back_is_what_was_trained(tiny_quantized: QuantizedGraph) -> None:
    """After a change of everything, the trained model and the graph read back from it agree."""
    model = trainable_model(tiny_quantized)
    draws = np.random.default_rng(3)
    for variable in model.trainable_weights:
        size = 2.0 if variable.name.endswith(("kernel:0", "bias:0")) else 0.05
        variable.assign(variable + draws.normal(0.0, size, variable.shape).astype(np.float32))
    back = read_back(model, tiny_quantized)
    again = trainable_model(back)
    step = back.grids[back.graph.output_name].scale
    difference = np.abs(logits(model, back) - logits(again, back)) / step
    assert np.mean(difference < 2.5) > 0.95
