"""The variant table against the papers, the reference repositories and shared facts."""

from __future__ import annotations

import pytest

from edge_effnet.errors import UnknownNameError
from edge_effnet.variants.table import VARIANTS, baseline, get_variant

RESOLUTIONS_PX = {
    # Tan and Le, EfficientNet, 2019, reference code (efficientnet_builder.py).
    **dict(zip([f"b{n}" for n in range(8)], (224, 240, 260, 300, 380, 456, 528, 600), strict=True)),
    # tensorflow/tpu, lite/efficientnet_lite_builder.py.
    **dict(zip([f"lite{n}" for n in range(5)], (224, 240, 260, 280, 300), strict=True)),
    # tensorflow/tpu, edgetpu/efficientnet_edgetpu_builder.py.
    **dict(zip(("edgetpu-s", "edgetpu-m", "edgetpu-l"), (224, 240, 300), strict=True)),
    # Keras applications, efficientnet_v2.py.
    **dict(zip([f"v2-b{n}" for n in range(4)], (224, 240, 260, 300), strict=True)),
    **dict(zip(("v2-s", "v2-m", "v2-l"), (384, 480, 480), strict=True)),
}


def test_the_table_holds_the_23_variants_at_their_native_resolution():
    """Every variant that the design names is there, none else, each at the resolution of its source."""
    assert {name: one.resolution_px for name, one in VARIANTS.items()} == RESOLUTIONS_PX


@pytest.mark.parametrize("name", VARIANTS)
def test_a_row_is_stored_under_its_own_id_and_names_its_sources(name):
    """Nobody has to guess where a number comes from."""
    variant = VARIANTS[name]
    assert variant.id == name
    assert variant.source
    assert variant.published.source
    assert variant.published.top1 is not None


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        # ImageNet statistics as a share of 255: efficientnet_builder.py, MEAN_RGB and STDDEV_RGB.
        ("b0", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ("v2-b0", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        # efficientnet_lite_builder.py and efficientnet_edgetpu_builder.py.
        ("lite0", (127.0,) * 3, (128.0,) * 3),
        ("edgetpu-s", (127.0,) * 3, (128.0,) * 3),
        # google/automl, efficientnetv2/preprocessing.py; Keras applications rescales by 1/128 with offset -1.
        ("v2-s", (128.0,) * 3, (128.0,) * 3),
        ("v2-l", (128.0,) * 3, (128.0,) * 3),
    ],
)
def test_normalisation_is_that_of_the_training_code(name, mean, std):
    """Pixels 0..255 are normalised as the published weights expect."""
    normalisation = VARIANTS[name].normalisation
    assert normalisation.mean == pytest.approx(mean)
    assert normalisation.std == pytest.approx(std)


@pytest.mark.parametrize(
    ("name", "crop"),
    # timm's model table (crop_pct) lists the same figures, rounded to three digits.
    [
        ("b0", 0.875),
        ("b1", 0.882),
        ("b3", 0.904),
        ("b7", 0.949),
        ("lite0", 0.875),
        ("v2-b2", 0.890),
        ("v2-s", 1.0),
    ],
)
def test_the_evaluation_crop_is_that_of_the_reference_code(name, crop):
    """The crop leaves out 32 pixels of the resized image; V2-S, M and L see the whole image."""
    assert VARIANTS[name].crop_fraction == pytest.approx(crop, abs=5e-4)


@pytest.mark.parametrize(
    ("family", "activation"), [("b", "swish"), ("lite", "relu6"), ("edgetpu", "relu"), ("v2", "swish")]
)
def test_a_family_has_one_activation(family, activation):
    """Lite and EdgeTPU avoid swish, the others have it."""
    assert {one.activation for one in VARIANTS.values() if one.family == family} == {activation}


def test_published_accuracy_is_that_of_the_sources():
    """The figures are those of the sheet of published accuracies (percent)."""
    top1 = {name: one.published.top1 for name, one in VARIANTS.items()}
    # EfficientNet, 2019, Table 2; lite/README.md; edgetpu/README.md; keras.io/api/applications.
    assert [top1[f"b{n}"] for n in range(8)] == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]
    assert [top1[f"lite{n}"] for n in range(5)] == [75.1, 76.7, 77.6, 79.8, 81.5]
    assert [top1[f"edgetpu-{size}"] for size in "sml"] == [77.23, 78.69, 80.62]
    assert [top1[f"v2-b{n}"] for n in range(4)] == [78.7, 79.8, 80.5, 82.0]
    assert [top1[f"v2-{size}"] for size in "sml"] == [83.9, 85.3, 85.7]


def test_the_table_cannot_be_changed_by_accident():
    """A caller gets a view, not the table."""
    with pytest.raises(TypeError):
        VARIANTS["b8"] = VARIANTS["b7"]


def test_a_mistyped_name_is_refused_with_the_nearest_one():
    """A name is never guessed; the error names the closest and lists all."""
    with pytest.raises(UnknownNameError) as caught:
        get_variant("lte0")
    assert caught.value.hint == "did you mean 'lite0'?"
    assert "v2-b3" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "base"), [("b3", "b0"), ("lite4", "lite0"), ("v2-b2", "v2-b0"), ("v2-m", "v2-m")]
)
def test_scaling_starts_from_the_unscaled_variant_with_the_same_stages(name, base):
    """A baseline has width and depth 1."""
    found = baseline(VARIANTS[name])
    assert (found.id, found.width, found.depth) == (base, 1.0, 1.0)
