"""Normalisation inside the first convolution: exact inside the picture, and where at its border."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.errors import ConversionError
from edge_effnet.models.fold import fold_normalisation, fold_std, padding_pixel
from edge_effnet.models.freeze import freeze
from edge_effnet.models.graph import Graph, Node
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.execute import float_function, input_values
from edge_effnet.variants.spec import Normalisation
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel

SIDE_PX = 8
DIFFERENT = VARIANTS["b0"].normalisation
ALIKE = VARIANTS["lite0"].normalisation


@pytest.fixture(scope="module", autouse=True)
def _tensorflow() -> None:
    import_tensorflow()


def _graph(normalisation: Normalisation, padding: str = "same", *, bias: bool = True) -> Graph:
    generator = np.random.default_rng(0)
    kernel = generator.normal(size=(3, 3, 3, 4)).astype(np.float32)
    conv = Node(
        "conv",
        "conv",
        ("input",),
        kernel,
        generator.normal(size=4).astype(np.float32) if bias else None,
        padding=padding,
    )
    side = SIDE_PX if padding == "same" else SIDE_PX - 2
    shapes = {"input": (1, SIDE_PX, SIDE_PX, 3), "conv": (1, side, side, 4)}
    return Graph("small", "input", SIDE_PX, normalisation, (conv,), shapes, "conv")


def _pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8)


def _normalised(graph: Graph, pixels: np.ndarray) -> np.ndarray:
    mean, std = (np.asarray(side, np.float32) for side in (graph.normalisation.mean, graph.normalisation.std))
    return (pixels.astype(np.float32) - mean) / std


def _outputs(graph: Graph, folded: Graph, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run the graph on normalised pixels, and the folded one on what its own input holds."""
    wanted = float_function(graph)(_normalised(graph, pixels))[graph.output_name].numpy()
    return wanted, float_function(folded)(input_values(folded, pixels))[folded.output_name].numpy()


NORMALISATIONS = st.builds(
    Normalisation,
    st.tuples(*[st.floats(0.0, 255.0)] * 3),
    st.tuples(*[st.floats(0.5, 255.0)] * 3),
)


@given(normalisation=NORMALISATIONS, seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_folding_std_is_exact_everywhere(normalisation: Normalisation, seed: int) -> None:
    """Whatever mean and std are, only std moves, and the border stays zero."""
    graph = _graph(normalisation)
    wanted, found = _outputs(graph, fold_std(graph), _pixels(seed))
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, np.abs(wanted).max()))


@given(normalisation=NORMALISATIONS, seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_folding_the_normalisation_is_exact_inside_the_picture(
    normalisation: Normalisation, seed: int
) -> None:
    """Where no kernel hangs over the border, mean and std inside the kernel change nothing."""
    graph = _graph(normalisation)
    wanted, found = _outputs(graph, fold_normalisation(graph), _pixels(seed))
    inner = np.s_[:, 1:-1, 1:-1]
    np.testing.assert_allclose(found[inner], wanted[inner], atol=1e-4 * max(1.0, np.abs(wanted).max()))


@given(level=st.integers(0, 255), std=st.tuples(*[st.floats(0.5, 255.0)] * 3))
@settings(max_examples=20, deadline=None)
def test_one_whole_mean_for_all_channels_is_exact_at_the_border_too(
    level: int, std: tuple[float, float, float]
) -> None:
    """Lite, EdgeTPU and V2-S/M/L have such a mean: their folded network is the same network."""
    graph = _graph(Normalisation((float(level),) * 3, std))
    wanted, found = _outputs(graph, fold_normalisation(graph), _pixels())
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, np.abs(wanted).max()))


def test_different_means_show_at_the_border() -> None:
    """The border is where the two differ, so the tests above look at something; a VALID convolution has none."""
    graph = _graph(DIFFERENT)
    wanted, found = _outputs(graph, fold_normalisation(graph), _pixels())
    assert np.abs(found - wanted)[:, 0].max() > 1e-2
    valid = _graph(DIFFERENT, "valid", bias=False)
    wanted, found = _outputs(valid, fold_normalisation(valid), _pixels())
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("fold", [fold_std, fold_normalisation])
def test_a_padding_before_the_convolution_is_passed_over(fold: Callable[[Graph], Graph]) -> None:
    """ResNet pads first: the padding stays, and the convolution behind it takes the normalisation."""
    plain = _graph(ALIKE, "valid")
    pad = Node("pad", "pad", ("input",), padding=((1, 1), (1, 1)))
    graph = replace(
        plain,
        nodes=(pad, replace(plain.nodes[0], inputs=("pad",))),
        shapes={**plain.shapes, "pad": (1, SIDE_PX + 2, SIDE_PX + 2, 3), "conv": (1, SIDE_PX, SIDE_PX, 4)},
    )
    wanted, found = _outputs(graph, fold(graph), _pixels())
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_every_convolution_that_reads_the_input_is_folded() -> None:
    """Two branches on the pixels both take the normalisation."""
    graph = _graph(DIFFERENT, "valid")
    second = replace(graph.nodes[0], name="second")
    add = Node("add", "sum", ("conv", "second"))
    shape = graph.shapes["conv"]
    both = replace(
        graph,
        nodes=(*graph.nodes, second, add),
        shapes={**graph.shapes, "second": shape, "sum": shape},
        output_name="sum",
    )
    wanted, found = _outputs(both, fold_normalisation(both), _pixels())
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("kind", ["depthwise", "mean", "add"])
def test_a_network_that_does_not_begin_with_a_convolution_is_refused(kind: str) -> None:
    """There is nowhere to put the normalisation: exit 5, with the operator's name."""
    graph = _graph(DIFFERENT)
    other = Node(kind, "first", ("input",))  # type: ignore[arg-type]
    with pytest.raises(ConversionError, match="first"):
        fold_normalisation(replace(graph, nodes=(other, *graph.nodes)))


def test_a_network_without_any_convolution_is_refused() -> None:
    """No operator at all reads the input."""
    with pytest.raises(ConversionError, match="no first convolution"):
        fold_std(replace(_graph(DIFFERENT), nodes=()))


@given(mean=st.tuples(*[st.floats(0.0, 255.0)] * 3))
@settings(deadline=None)
def test_the_padding_pixel_is_a_pixel_near_the_mean(mean: tuple[float, float, float]) -> None:
    """It is a whole number of 0..255, at most half a step from the mean of the three means."""
    pixel = padding_pixel(Normalisation(mean, (1.0,) * 3))
    assert pixel == int(pixel)
    assert 0 <= pixel <= 255
    assert abs(pixel - np.mean(mean)) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("model_id", "pixel"), [("lite0", 127), ("edgetpu-s", 127), ("v2-s", 128), ("b0", 114), ("resnet50", 115)]
)
def test_the_padding_pixel_of_the_published_normalisations(model_id: str, pixel: int) -> None:
    """What stands at the border of each family."""
    from edge_effnet.models.baselines import BASELINES

    table = VARIANTS if model_id in VARIANTS else BASELINES
    assert padding_pixel(table[model_id].normalisation) == pixel


@pytest.mark.parametrize(("model_id", "fold"), [("b0", fold_std), ("lite0", fold_normalisation)])
def test_whole_networks_give_the_logits_of_keras_from_raw_pixels(
    model_id: str, fold: Callable[[Graph], Graph], built_model: Callable[[str, int], BuiltModel]
) -> None:
    """The deployed float network takes pixels and gives what Keras gives on normalised ones."""
    built = built_model(model_id, 64)
    graph = fold(freeze(built.keras, built.normalisation, name=model_id))
    assert graph.normalisation.std == (1.0, 1.0, 1.0)
    pixels = np.random.default_rng(4).integers(0, 256, (2, 64, 64, 3), np.uint8)
    wanted = built.predict_logits(pixels)
    found = float_function(graph)(input_values(graph, pixels))[graph.output_name].numpy()
    assert np.abs(found - wanted).max() <= 1e-4 * wanted.std()
