"""Counted parameters, multiply-adds and stages against published and measured figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.variants.cost import cost, short_count
from edge_effnet.variants.scale import architecture
from edge_effnet.variants.table import VARIANTS

# Total and trainable values of Keras 3.15 applications built with weights=None and the top included. B0 to B7
# count seven values of their Normalization layer; V2's layer stores none.
KERAS_PARAMETERS = {
    "b0": (5_330_571, 5_288_548),
    "b1": (7_856_239, 7_794_184),
    "b2": (9_177_569, 9_109_994),
    "b3": (12_320_535, 12_233_232),
    "b4": (19_466_823, 19_341_616),
    "b5": (30_562_527, 30_389_784),
    "b6": (43_265_143, 43_040_704),
    "b7": (66_658_687, 66_347_960),
    "v2-b0": (7_200_312, 7_139_704),
    "v2-b1": (8_212_124, 8_141_052),
    "v2-b2": (10_178_374, 10_096_086),
    "v2-b3": (14_467_622, 14_358_406),
    "v2-s": (21_612_360, 21_458_488),
    "v2-m": (54_431_388, 54_139_356),
    "v2-l": (119_027_848, 118_515_272),
}
# tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder_test.py: trainable values.
LITE_PARAMETERS = {
    "lite0": 4_652_008,
    "lite1": 5_416_680,
    "lite2": 6_092_072,
    "lite3": 8_197_096,
    "lite4": 13_006_568,
}
# huggingface/pytorch-image-models, results/results-imagenet.csv: tf_efficientnet_es, em, el, in millions.
EDGETPU_MILLIONS = {"edgetpu-s": 5.44, "edgetpu-m": 6.90, "edgetpu-l": 10.59}

# Multiply-adds of the kernels of convolution, depthwise and dense layers, counted on the graphs of Keras
# applications at native resolution.
KERAS_MACS = {
    "b0": 385_814_752,
    "b1": 686_802_832,
    "b2": 993_561_872,
    "b3": 1_827_141_392,
    "b4": 4_393_771_024,
    "b5": 10_266_384_752,
    "b6": 19_067_593_536,
    "b7": 37_745_884_192,
    "v2-b0": 718_086_176,
    "v2-b1": 1_196_819_360,
    "v2-b2": 1_697_542_832,
    "v2-b3": 3_011_458_816,
    "v2-s": 8_365_617_152,
    "v2-m": 24_582_460_384,
    "v2-l": 56_079_699_008,
}

# Tan and Le, EfficientNet, 2019, Table 1: operator, input resolution, channels, layers.
B0_TABLE_1 = [
    ("Conv k3", 224, 32, 1),
    ("MBConv1 k3", 112, 16, 1),
    ("MBConv6 k3", 112, 24, 2),
    ("MBConv6 k5", 56, 40, 2),
    ("MBConv6 k3", 28, 80, 3),
    ("MBConv6 k5", 14, 112, 3),
    ("MBConv6 k5", 14, 192, 4),
    ("MBConv6 k3", 7, 320, 1),
    ("Conv k1 + pool + FC", 7, 1280, 1),
]


@pytest.mark.parametrize("name", KERAS_PARAMETERS)
def test_parameters_equal_those_of_keras_applications(name):
    """Total and trainable, exactly."""
    found = cost(architecture(VARIANTS[name]))
    assert (found.parameters, found.trainable_parameters) == KERAS_PARAMETERS[name]


@pytest.mark.parametrize("name", LITE_PARAMETERS)
def test_trainable_parameters_of_lite_equal_the_reference_tests(name):
    """Exactly."""
    assert cost(architecture(VARIANTS[name])).trainable_parameters == LITE_PARAMETERS[name]


@pytest.mark.parametrize("name", EDGETPU_MILLIONS)
def test_parameters_of_edgetpu_round_to_the_published_millions(name):
    """To the two digits that are published."""
    found = cost(architecture(VARIANTS[name])).trainable_parameters
    assert round(found / 1e6, 2) == EDGETPU_MILLIONS[name]


@pytest.mark.parametrize("name", KERAS_MACS)
def test_multiply_adds_equal_those_counted_on_the_graphs(name):
    """At native resolution, exactly."""
    assert cost(architecture(VARIANTS[name])).macs == KERAS_MACS[name]


@pytest.mark.parametrize("name", [name for name, one in VARIANTS.items() if one.published.macs])
def test_multiply_adds_are_near_the_published_ones(name):
    """The papers round and count a little differently: never more than 6 % away."""
    found = cost(architecture(VARIANTS[name])).macs
    assert found == pytest.approx(VARIANTS[name].published.macs, rel=0.06)


def test_the_stages_of_b0_are_table_1_of_the_paper():
    """Operator, input resolution, channels and layers of every stage."""
    stages = cost(architecture(VARIANTS["b0"])).stages
    assert [(one.operator, one.resolution_px, one.channels, one.layers) for one in stages] == B0_TABLE_1
    assert [one.number for one in stages] == list(range(1, 10))


@pytest.mark.parametrize("name", VARIANTS)
def test_stages_sum_to_the_whole(name):
    """No layer is counted twice or left out of the per-stage table."""
    found = cost(architecture(VARIANTS[name]))
    for field in ("parameters", "trainable_parameters", "macs", "activation_bytes"):
        assert sum(getattr(one, field) for one in found.stages) == getattr(found, field)
        assert sum(getattr(one, field) for one in found.layers) == getattr(found, field)


@given(name=st.sampled_from(sorted(VARIANTS)), resolution_px=st.integers(32, 700))
def test_each_layer_takes_what_an_earlier_one_gives(name, resolution_px):
    """Shapes are consistent at any resolution, odd ones included."""
    given_so_far = {(resolution_px, resolution_px, 3)}
    for layer in cost(architecture(VARIANTS[name], resolution_px=resolution_px)).layers:
        assert layer.input_shape in given_so_far
        given_so_far.add(layer.output_shape)


def test_a_head_for_other_classes_changes_only_the_classifier():
    """1280 weights and a bias for each class."""
    thousand = cost(architecture(VARIANTS["b0"]))
    ten = cost(architecture(VARIANTS["b0"], num_classes=10))
    assert thousand.parameters - ten.parameters == 990 * 1281
    assert thousand.macs - ten.macs == 990 * 1280
    without = cost(architecture(VARIANTS["b0"], include_top=False))
    assert ten.parameters - without.parameters == 10 * 1281
    assert without.layers[-1].name == "top_conv"


def test_activation_bytes_are_the_int8_size_of_the_output():
    """The stem of B0 gives 112 x 112 x 32 values of one byte."""
    stem = next(layer for layer in cost(architecture(VARIANTS["b0"])).layers if layer.name == "stem_conv")
    assert stem.activation_bytes == 112 * 112 * 32


@pytest.mark.slow
@pytest.mark.parametrize(("name", "builder"), [("b0", "EfficientNetB0"), ("v2-b0", "EfficientNetV2B0")])
def test_layers_have_the_names_shapes_and_values_of_keras_applications(name, builder):
    """Each counted layer is one of Keras applications, with the batch norm that follows it."""
    applications = pytest.importorskip("tf_keras").applications
    model = getattr(applications, builder)(weights=None)
    norms = {layer.name: layer.count_params() for layer in model.layers if layer.name.endswith("bn")}
    stored = 0
    for layer in cost(architecture(VARIANTS[name])).layers:
        if layer.kind == "normalise":
            continue
        own = model.get_layer(layer.name)
        norm = next((candidate for candidate in _norm_names(layer.name) if candidate in norms), "")
        assert layer.parameters == own.count_params() + norms.pop(norm, 0), layer.name
        if (
            layer.kind != "pool"
        ):  # Keras flattens what the squeeze gives and reshapes it in a layer of its own
            assert layer.output_shape == tuple(own.output_shape[1:]), layer.name
        stored += own.count_params() > 0
    assert not norms
    assert stored


def _norm_names(name: str) -> list[str]:
    """Return what the batch norm after a convolution may be called."""
    block = name.partition("_")[0]
    return (
        [f"{block}_bn"]
        if "dwconv" in name
        else [f"{name.removesuffix('_conv')}_bn"]
        if "_conv" in name
        else []
    )


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (1536, "1.54 k"), (12_345, "12.3 k"), (385_814_752, "386 M"),
     (999_600, "1.00 M"), (56_079_699_008, "56.1 G")],
)  # fmt: skip
def test_a_count_is_written_in_three_digits(number, written):
    """Exact below a thousand."""
    assert short_count(number) == written
