"""Compound scaling against the papers' tables, and as functions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.variants.scale import architecture, compound_coefficients, round_channels, round_repeats
from edge_effnet.variants.table import VARIANTS, get_variant

channels = st.integers(1, 4096)
coefficients = st.floats(0.05, 8.0)
floors = st.sampled_from([0.0, 0.9])

# EfficientNet model summaries: channels after the stem, the seven stages and the head.
CHANNELS = {
    "b1": (32, 16, 24, 40, 80, 112, 192, 320, 1280),
    "b2": (32, 16, 24, 48, 88, 120, 208, 352, 1408),
    "b3": (40, 24, 32, 48, 96, 136, 232, 384, 1536),
    "b4": (48, 24, 32, 56, 112, 160, 272, 448, 1792),
    "b5": (48, 24, 40, 64, 128, 176, 304, 512, 2048),
    "b6": (56, 32, 40, 72, 144, 200, 344, 576, 2304),
    "b7": (64, 32, 48, 80, 160, 224, 384, 640, 2560),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_per_stage_are_those_of_the_published_summaries(name):
    """Rounding to eight with the floor of 90 % gives every published width of B1 to B7."""
    arch = architecture(VARIANTS[name])
    stages = {block.name[5]: block.out_channels for block in arch.blocks}
    assert (arch.stem_channels, *stages.values(), arch.head_channels) == CHANNELS[name]


def test_blocks_are_named_as_in_keras_applications():
    """Official weights load by these names."""
    names = [block.name for block in architecture(VARIANTS["b0"]).blocks]
    expected = "1a 2a 2b 3a 3b 4a 4b 4c 5a 5b 5c 6a 6b 6c 6d 7a"
    assert names == [f"block{place}" for place in expected.split()]


def test_names_go_on_after_the_last_letter():
    """A depth that no published model has still gives every block a name of its own."""
    names = [block.name for block in architecture(VARIANTS["v2-l"], depth=2.0).blocks]
    assert names[names.index("block6z") + 1] == "block6aa"
    assert len(set(names)) == len(names)


def test_v2_rounds_without_the_floor():
    """V2-B3's first stage has 16 channels in Keras applications, where the floor of 90 % would give 24."""
    assert architecture(VARIANTS["v2-b3"]).blocks[0].out_channels == 16
    assert round_channels(16, 1.2) == 24


def test_lite_scales_neither_stem_nor_head_nor_the_outer_repeats():
    """``fix_head_stem`` of the reference code (tensorflow/tpu, lite/efficientnet_lite_builder.py)."""
    arch = architecture(VARIANTS["lite4"])
    repeats = [sum(block.name[5] == str(stage) for block in arch.blocks) for stage in range(1, 8)]
    assert (arch.stem_channels, arch.head_channels, repeats) == (32, 1280, [1, 4, 4, 6, 6, 8, 1])


def test_edgetpu_begins_with_fused_blocks_without_skip():
    """Three fused stages; the first expands from 24 nominal channels and never adds its input."""
    blocks = architecture(VARIANTS["edgetpu-l"]).blocks
    first = [block for block in blocks if block.name.startswith("block1")]
    assert [(one.in_channels, one.expanded_channels, one.out_channels) for one in first] == [
        (40, 128, 32),
        (32, 128, 32),
    ]
    assert not any(block.residual for block in first)
    fused = {block.name[5] for block in blocks if block.operator == "fused_mbconv"}
    assert fused == {"1", "2", "3"}
    assert {block.symmetric_padding for block in blocks if block.operator == "fused_mbconv"} == {True}
    assert not any(block.se_channels for block in blocks)


@pytest.mark.parametrize("name", VARIANTS)
def test_blocks_fit_together(name):
    """Each block takes what the one before gives, and adds its input only where shapes are equal."""
    arch = architecture(VARIANTS[name])
    taken = arch.stem_channels
    for block in arch.blocks:
        assert block.in_channels == taken
        if block.residual:
            assert (block.stride, block.in_channels) == (1, block.out_channels)
        if block.name != "block1a":
            assert block.expanded_channels == block.in_channels * block.expansion
        taken = block.out_channels


def test_squeeze_excite_and_activation_can_be_replaced():
    """The options of a build reach every block."""
    arch = architecture(VARIANTS["b0"], squeeze_excite=False, activation="hard_swish")
    assert arch.activation == "hard_swish"
    assert not any(block.se_channels for block in arch.blocks)
    assert architecture(VARIANTS["b0"]).blocks[1].se_channels == 4  # a quarter of block2a's 16 input channels


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0.0},
        {"width": math.nan},
        {"depth": -1.0},
        {"depth": 1e9},
        {"resolution_px": 31},
        {"num_classes": 0},
    ],
)
def test_a_number_out_of_range_is_refused(options):
    """The error says which."""
    with pytest.raises(UsageError):
        architecture(VARIANTS["b0"], **options)


def test_an_unknown_activation_is_refused_with_the_nearest_one():
    """As any other name."""
    with pytest.raises(UnknownNameError) as caught:
        architecture(get_variant("b0"), activation="relu66")
    assert caught.value.hint == "did you mean 'relu6'?"


@pytest.mark.parametrize(
    ("phi", "expected"), [(0, (1.0, 1.0, 224)), (1, (1.1, 1.2, 258)), (2, (1.21, 1.44, 296))]
)
def test_phi_scales_as_the_paper_says(phi, expected):
    """Width 1.1, depth 1.2, resolution 1.15, each to the power of phi (EfficientNet, 2019, section 3.3)."""
    found = compound_coefficients(phi)
    assert (found.width, found.depth, found.resolution_px) == pytest.approx(expected)


@pytest.mark.parametrize("phi", [math.nan, math.inf, 51.0, -1e300])
def test_a_phi_that_no_network_has_is_refused(phi):
    """Rather than overflowing."""
    with pytest.raises(UsageError):
        compound_coefficients(phi)


@given(phi=st.floats(0.0, 8.0))
def test_the_work_about_doubles_with_each_phi(phi):
    """The paper's bases make depth times width squared times resolution squared about 2 to the phi."""
    found = compound_coefficients(phi, base_resolution_px=22_400)
    growth = found.depth * found.width**2 * (found.resolution_px / 22_400) ** 2
    assert 1.9**phi <= growth * 1.001
    assert growth <= 2.0**phi * 1.001


@given(number=channels, width=coefficients, floor=floors)
def test_rounded_channels_are_a_positive_multiple_of_eight(number, width, floor):
    """So that vector units are filled."""
    found = round_channels(number, width, floor=floor)
    assert found >= 8
    assert found % 8 == 0


@given(number=channels, width=coefficients)
def test_rounding_never_loses_more_than_a_tenth(number, width):
    """The floor of the reference code."""
    assert round_channels(number, width) >= 0.9 * number * width


@given(number=channels, width=coefficients, floor=floors)
def test_rounding_moves_by_less_than_one_step(number, width, floor):
    """Above the smallest result, no multiple of eight lies between the exact number and the rounded one."""
    found, exact = round_channels(number, width, floor=floor), number * width
    assert found == 8 or abs(found - exact) < 8


@given(number=channels, width=coefficients, more=st.integers(0, 512), wider=st.floats(0.0, 4.0), floor=floors)
def test_channels_grow_with_number_and_width(number, width, more, wider, floor):
    """Scaling up never makes a network narrower."""
    small = round_channels(number, width, floor=floor)
    assert small <= round_channels(number + more, width, floor=floor)
    assert small <= round_channels(number, width + wider, floor=floor)


@given(repeats=st.integers(1, 64), depth=coefficients, deeper=st.floats(0.0, 4.0))
def test_repeats_grow_with_depth_and_never_vanish(repeats, depth, deeper):
    """Rounding is upwards, by less than one block."""
    found = round_repeats(repeats, depth)
    assert max(1, repeats * depth) <= found < repeats * depth + 1
    assert found <= round_repeats(repeats, depth + deeper)


@given(name=st.sampled_from(sorted(VARIANTS)), width=st.floats(0.25, 3.0), depth=st.floats(0.25, 3.0))
def test_every_variant_can_be_scaled_freely(name, width, depth):
    """Any width and depth gives a network whose blocks fit together."""
    arch = architecture(VARIANTS[name], width=width, depth=depth, resolution_px=64)
    taken = arch.stem_channels
    for block in arch.blocks:
        assert block.in_channels == taken
        taken = block.out_channels
    assert len(arch.blocks) >= len(VARIANTS[name].stages)
