"""The frozen graph: a flat list of operators that computes what the Keras model computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_effnet.errors import ConversionError
from edge_effnet.models import build
from edge_effnet.models.freeze import LOWERINGS, freeze
from edge_effnet.models.keras import import_keras
from edge_effnet.quantize.execute import float_function
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph

PLAIN = Normalisation((0.0,) * 3, (1.0,) * 3)
SIDE_PX, CLASSES = 9, 5

# Odd sides on purpose: they are where "same" padding and the padding layers of Keras could part.
SMALL = [("b0", 64), ("lite0", 64), ("v2-b0", 75), ("edgetpu-s", 64), ("mobilenet_v2", 64)]
LARGE = [("resnet50", 75), ("densenet121", 75), ("inception_v3", 96), ("xception", 96), ("vgg16", 75)]


def _run(graph: Graph, values: np.ndarray) -> np.ndarray:
    return float_function(graph)(values)[graph.output_name].numpy().reshape(len(values), -1)


def _difference(built: BuiltModel) -> float:
    """Return the largest difference of logits, Keras model against frozen graph, over their standard deviation."""
    side = built.resolution_px
    pixels = np.random.default_rng(3).integers(0, 256, (2, side, side, 3), np.uint8)
    graph = freeze(built.keras, built.normalisation, name=built.id)
    wanted = built.predict_logits(pixels)
    return float(np.abs(_run(graph, built.normalise(pixels)) - wanted).max() / wanted.std())


@pytest.mark.parametrize(("model_id", "resolution_px"), SMALL)
def test_the_frozen_graph_gives_the_logits_of_keras(
    model_id: str, resolution_px: int, built_model: Callable[[str, int], BuiltModel]
) -> None:
    """Folding batch norms changes logits by float32's rounding and no more."""
    assert _difference(built_model(model_id, resolution_px)) <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("model_id", "resolution_px"), LARGE)
def test_the_frozen_graph_of_every_baseline_gives_the_logits_of_keras(
    model_id: str, resolution_px: int
) -> None:
    """The same holds for the other baselines: concatenations, separable convolutions, pools, a flatten."""
    assert _difference(build(model_id, resolution_px=resolution_px, num_classes=10)) <= 1e-4
    import_keras().backend.clear_session()


@pytest.mark.parametrize("model_id", ["b0", "lite0"])
def test_operators_say_where_they_stand(model_id: str, built_model: Callable[[str, int], BuiltModel]) -> None:
    """Names are unique, every operator reads what was there before, and has a shape, a block and a part."""
    built = built_model(model_id, 64)
    graph = freeze(built.keras, built.normalisation, name=model_id)
    known = {graph.input_name}
    for node in graph.nodes:
        assert known.issuperset(node.inputs)
        assert node.name not in known
        assert graph.shapes[node.name][0] == 1
        assert node.block
        assert node.part != "other"
        known.add(node.name)
    assert graph.output_name in known
    assert known == set(graph.shapes)


# ---- small networks, one habit each ----


def _conv(layers: Any, tensor: Any) -> Any:
    return layers.Conv2D(4, 3, padding="same", name="conv")(tensor)


def _conv_with_bias_and_norm(layers: Any, tensor: Any) -> Any:
    return layers.BatchNormalization(name="norm")(_conv(layers, tensor))


def _norm_without_scale(layers: Any, tensor: Any) -> Any:
    return layers.BatchNormalization(scale=False, center=False, name="norm")(_conv(layers, tensor))


def _norm_before_convolution(layers: Any, tensor: Any) -> Any:
    tensor = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(_conv(layers, tensor)))
    return layers.BatchNormalization(name="second_norm")(tensor)


def _norm_of_a_tensor_that_is_read_twice(layers: Any, tensor: Any) -> Any:
    tensor = _conv(layers, tensor)
    return layers.Add(name="add")([tensor, layers.BatchNormalization(name="norm")(tensor)])


def _relu_of_a_tensor_that_is_read_twice(layers: Any, tensor: Any) -> Any:
    tensor = _conv(layers, tensor)
    return layers.Add(name="add")([tensor, layers.ReLU(name="relu")(tensor)])


def _relu_after_add(layers: Any, tensor: Any) -> Any:
    tensor = _conv(layers, tensor)
    return layers.ReLU(6.0, name="relu")(layers.Add(name="add")([tensor, tensor]))


def _relu_after_relu6(layers: Any, tensor: Any) -> Any:
    tensor = layers.ReLU(6.0, name="relu6")(_conv(layers, tensor))
    return layers.ReLU(name="relu")(tensor)


def _activation_inside_convolution(layers: Any, tensor: Any) -> Any:
    return layers.Conv2D(4, 3, activation="relu", name="conv")(tensor)


def _norm_after_activation_inside(layers: Any, tensor: Any) -> Any:
    return layers.BatchNormalization(name="norm")(_activation_inside_convolution(layers, tensor))


def _depthwise(layers: Any, tensor: Any) -> Any:
    tensor = layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise")(tensor)
    return layers.BatchNormalization(name="norm")(tensor)


def _separable(layers: Any, tensor: Any) -> Any:
    return layers.SeparableConv2D(6, 3, activation="relu", name="separable")(tensor)


def _padding_of_same(layers: Any, tensor: Any) -> Any:
    tensor = layers.ZeroPadding2D(1, name="pad")(tensor)
    return layers.Conv2D(4, 3, strides=2, name="conv")(tensor)


def _padding_of_same_on_an_even_side(layers: Any, tensor: Any) -> Any:
    tensor = layers.Conv2D(4, 2, name="even")(tensor)
    tensor = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(tensor)
    return layers.Conv2D(4, 3, strides=2, name="conv")(tensor)


def _padding_of_its_own(layers: Any, tensor: Any) -> Any:
    tensor = layers.ZeroPadding2D(((0, 2), (2, 1)), name="pad")(tensor)
    return layers.Conv2D(4, 3, strides=2, name="conv")(tensor)


def _padding_that_is_read_twice(layers: Any, tensor: Any) -> Any:
    tensor = layers.ZeroPadding2D(1, name="pad")(tensor)
    first = layers.Conv2D(4, 3, strides=2, name="conv")(tensor)
    return layers.Concatenate(name="join")([first, layers.MaxPooling2D(3, 2, name="pool")(tensor)])


def _gates(layers: Any, tensor: Any) -> Any:
    tensor = layers.Activation("swish", name="swish")(_conv(layers, tensor))
    gate = layers.GlobalAveragePooling2D(name="squeeze")(tensor)
    gate = layers.Reshape((1, 1, 4), name="reshape")(gate)
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(gate)
    return layers.Multiply(name="excite")([tensor, gate])


def _hard_swish(layers: Any, tensor: Any) -> Any:
    from edge_effnet.models.blocks import activation_of

    return layers.Activation(activation_of("hard_swish"), name="hard")(_conv(layers, tensor))


def _pools(layers: Any, tensor: Any) -> Any:
    most = layers.MaxPooling2D(3, 2, padding="same", name="most")(tensor)
    middle = layers.AveragePooling2D(3, 2, padding="same", name="middle")(tensor)
    return layers.Concatenate(name="join")([most, middle])


TRUNKS = [
    _conv_with_bias_and_norm,
    _norm_without_scale,
    _norm_before_convolution,
    _norm_of_a_tensor_that_is_read_twice,
    _relu_of_a_tensor_that_is_read_twice,
    _relu_after_add,
    _relu_after_relu6,
    _activation_inside_convolution,
    _norm_after_activation_inside,
    _depthwise,
    _separable,
    _padding_of_same,
    _padding_of_same_on_an_even_side,
    _padding_of_its_own,
    _padding_that_is_read_twice,
    _gates,
    _hard_swish,
    _pools,
]


def _network(trunk: Callable[[Any, Any], Any], *, flatten: bool = False) -> Any:
    """Put a trunk between an input and a classifier, with weights and statistics that nothing cancels in."""
    keras = import_keras()
    inputs = keras.Input((SIDE_PX, SIDE_PX, 3), name="input")
    tensor = trunk(keras.layers, inputs)
    pool = keras.layers.Flatten(name="flat") if flatten else keras.layers.GlobalAveragePooling2D(name="mean")
    model = keras.Model(inputs, keras.layers.Dense(CLASSES, name="logits")(pool(tensor)))
    generator = np.random.default_rng(1)
    for variable in model.weights:
        values = generator.normal(0.0, 0.5, variable.shape)
        variable.assign(np.abs(values) + 0.1 if "variance" in variable.name else values)
    return model


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("trunk", TRUNKS)
def test_every_lowering_keeps_the_function(trunk: Callable[[Any, Any], Any], flatten: bool) -> None:
    """Folding and fusing happen only where nothing else reads the tensor in between."""
    model = _network(trunk, flatten=flatten)
    values = np.random.default_rng(2).normal(0.0, 2.0, (3, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    graph = freeze(model, PLAIN, name="small")
    wanted = np.asarray(model(values, training=False))
    np.testing.assert_allclose(_run(graph, values), wanted, atol=2e-5 * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize(
    ("trunk", "kinds"),
    [
        (_conv_with_bias_and_norm, "conv"),
        (_norm_before_convolution, "conv depthwise"),
        (_relu_after_add, "conv add"),
        (_padding_of_same, "conv"),
        (_padding_of_same_on_an_even_side, "conv conv"),
        (_padding_of_its_own, "pad conv"),
        (_gates, "conv logistic mul mean conv logistic mul"),
        (_hard_swish, "conv hard_swish"),
        (_separable, "depthwise conv"),
    ],
)
def test_nothing_is_left_that_could_be_merged(trunk: Callable[[Any, Any], Any], kinds: str) -> None:
    """One operator per operator of TensorFlow Lite: no batch norm, no padding that SAME does, no ReLU alone."""
    graph = freeze(_network(trunk), PLAIN, name="small")
    assert " ".join(node.kind for node in graph.nodes) == f"{kinds} mean dense"


def _leaky(layers: Any, tensor: Any) -> Any:
    return layers.LeakyReLU(name="odd_one")(tensor)


def _leaky_relu_layer(layers: Any, tensor: Any) -> Any:
    return layers.ReLU(negative_slope=0.1, name="odd_one")(tensor)


def _capped(layers: Any, tensor: Any) -> Any:
    return layers.ReLU(4.0, name="odd_one")(tensor)


def _tanh(layers: Any, tensor: Any) -> Any:
    return layers.Activation("tanh", name="odd_one")(tensor)


def _dilated(layers: Any, tensor: Any) -> Any:
    return layers.Conv2D(4, 3, dilation_rate=2, name="odd_one")(tensor)


def _grouped(layers: Any, tensor: Any) -> Any:
    return layers.Conv2D(6, 3, groups=3, name="odd_one")(tensor)


def _multiplied(layers: Any, tensor: Any) -> Any:
    return layers.DepthwiseConv2D(3, depth_multiplier=2, name="odd_one")(tensor)


def _three_terms(layers: Any, tensor: Any) -> Any:
    return layers.Add(name="odd_one")([tensor, tensor, tensor])


def _joined_sideways(layers: Any, tensor: Any) -> Any:
    return layers.Concatenate(axis=2, name="odd_one")([tensor, tensor])


def _norm_of_rows(layers: Any, tensor: Any) -> Any:
    return layers.BatchNormalization(axis=1, name="odd_one")(tensor)


def _norm_of_a_flat_row(layers: Any, tensor: Any) -> Any:
    tensor = layers.BatchNormalization(name="odd_one")(layers.Flatten(name="row")(tensor))
    return layers.Reshape((SIDE_PX, SIDE_PX, 3), name="back")(tensor)


def _flat_and_back(layers: Any, tensor: Any) -> Any:
    return layers.Reshape((SIDE_PX, SIDE_PX, 3), name="odd_one")(layers.Flatten(name="row")(tensor))


def _reshaped(layers: Any, tensor: Any) -> Any:
    return layers.Reshape((SIDE_PX * SIDE_PX, 1, 3), name="odd_one")(tensor)


@pytest.mark.parametrize(
    ("trunk", "words"),
    [
        (_leaky, "LeakyReLU"),
        (_leaky_relu_layer, "neither ReLU nor ReLU6"),
        (_capped, "neither ReLU nor ReLU6"),
        (_tanh, "tanh"),
        (_dilated, "dilated or grouped"),
        (_grouped, "dilated or grouped"),
        (_multiplied, "multiplies its channels"),
        (_three_terms, "two tensors"),
        (_joined_sideways, "channels"),
        (_norm_of_rows, "channels"),
        (_norm_of_a_flat_row, "channels"),
        (_flat_and_back, "flat"),
        (_reshaped, "flat"),
    ],
)
def test_what_has_no_lowering_is_an_error_that_names_it(trunk: Callable[[Any, Any], Any], words: str) -> None:
    """Nothing is guessed: an unknown layer type or setting is exit 5 with the layer's name."""
    with pytest.raises(ConversionError, match="odd_one") as caught:
        freeze(_network(trunk), PLAIN, name="small")
    assert words in str(caught.value)
    assert caught.value.exit_code == 5


def test_a_model_inside_a_model_is_an_error_that_names_it() -> None:
    """A nested model is one layer to Keras, and no operator."""
    keras = import_keras()
    inner = keras.Sequential([keras.layers.Conv2D(4, 3, name="conv")], name="inner")
    with pytest.raises(ConversionError, match="inner") as caught:
        freeze(_network(lambda _, tensor: inner(tensor)), PLAIN, name="small")
    assert all(kind in str(caught.value.allowed) for kind in LOWERINGS)
