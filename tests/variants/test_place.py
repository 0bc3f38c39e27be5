"""Where a layer stands: its block and its part, from its name alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.variants.place import place_of
from edge_effnet.variants.scale import architecture
from edge_effnet.variants.table import VARIANTS


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("stem_conv", ("stem", "stem")),
        ("stem_activation", ("stem", "stem")),
        ("stem_conv_pad", ("stem", "stem")),
        ("block1a_dwconv", ("block1a", "depthwise")),
        ("block1a_dwconv2", ("block1a", "depthwise")),
        ("block2a_dwconv_pad", ("block2a", "depthwise")),
        ("block2a_bn", ("block2a", "depthwise")),
        ("block2a_activation", ("block2a", "depthwise")),
        ("block2a_expand_conv", ("block2a", "expand")),
        ("block2a_expand_activation", ("block2a", "expand")),
        ("block7b_se_squeeze", ("block7b", "se")),
        ("block7b_se_reduce", ("block7b", "se")),
        ("block7b_se_expand", ("block7b", "se")),
        ("block7b_se_excite", ("block7b", "se")),
        ("block3b_project_conv", ("block3b", "project")),
        ("block3b_add", ("block3b", "residual")),
        ("block3b_drop", ("block3b", "residual")),
        ("block6ab_project_conv", ("block6ab", "project")),
        ("top_conv", ("head", "head")),
        ("top_activation", ("head", "head")),
        ("avg_pool", ("head", "head")),
        ("predictions", ("head", "head")),
        ("conv2_block1_1_conv", ("", "other")),
        ("block_1_expand", ("", "other")),
        ("mixed0", ("", "other")),
        ("", ("", "other")),
    ],
)
def test_names_of_keras_applications_say_the_place(name: str, place: tuple[str, str]) -> None:
    """Block and part, or "other" for networks with other names."""
    assert place_of(name) == place


@pytest.mark.parametrize("model_id", ["b7", "lite4", "edgetpu-l", "v2-l"])
def test_every_block_of_the_tables_is_found(model_id: str) -> None:
    """Blocks beyond ``z`` have two letters, and are not mistaken for others."""
    for block in architecture(VARIANTS[model_id]).blocks:
        assert place_of(f"{block.name}_project_conv") == (block.name, "project")
        assert place_of(f"{block.name}_se_reduce") == (block.name, "se")


@given(st.text("abcdeklnopstx_1234567890é", max_size=20))
@settings(deadline=None)
def test_no_name_is_an_error(name: str) -> None:
    """Any text has a place, if only "other"."""
    block, part = place_of(name)
    assert isinstance(block, str)
    assert part
