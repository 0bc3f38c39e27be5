"""verify.join: layers are joined by name and shape, and each knows which layers feed it."""

from __future__ import annotations

import pytest
from verify.tiny_networks import tiny

from edge_effnet.inspect import read_model_bytes
from edge_effnet.variants.place import layer_of
from edge_effnet.verify.join import Joined, join_layers


def _joined() -> dict[str, Joined]:
    pair = (read_model_bytes(content) for content in (tiny().int8_file(), tiny().float_file()))
    return {layer.name: layer for layer in join_layers(*pair)}


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("stem_conv", "stem_conv"),
        ("stem_activation/swish", "stem_activation"),
        ("block1a_se_expand/sigmoid", "block1a_se_expand"),
        ("separable/depthwise", "separable"),
        ("model/block/add", "model/block/add"),
    ],
)
def test_a_layer_is_a_tensor_without_what_the_frozen_graph_appends(tensor: str, layer: str) -> None:
    """Names of other tools, which have slashes of their own, stay whole."""
    assert layer_of(tensor) == layer


def test_every_layer_is_joined_once_in_order_by_its_result() -> None:
    """A layer that becomes several operators is judged by its last tensor."""
    joined = _joined()
    layers = [layer_of(node.name) for node in tiny().quantized.graph.nodes]
    assert list(joined) == list(dict.fromkeys(layers))
    assert joined["block1a_se_reduce"].tensor == "block1a_se_reduce/swish"
    assert joined["block1a_activation"].place == ("block1a", "depthwise")


def test_a_layer_knows_what_feeds_it() -> None:
    """Both branches of a product and of a sum; the first layer is fed by the picture alone."""
    joined = _joined()
    assert joined["stem_conv"].fed_by == ()
    assert joined["block1a_se_excite"].fed_by == ("block1a_activation", "block1a_se_expand")
    assert joined["block1a_add"].fed_by == ("block1a_project_conv", "stem_activation")


def test_what_goes_into_a_swish_is_marked_and_looked_through() -> None:
    """It is clipped on purpose, so the swish is judged against what came before it."""
    joined = _joined()
    marked = {name for name, layer in joined.items() if layer.before_activation}
    assert marked == {"stem_conv", "block1a_expand_conv", "block1a_dwconv", "top_conv"}
    assert joined["block1a_expand_activation"].fed_by == ("stem_activation",)


def test_names_without_a_namesake_of_the_same_shape_join_nothing() -> None:
    """Of another network only the classifier, which has the same name and the same seven outputs."""
    other = read_model_bytes(tiny("mixed").float_file())
    joined = join_layers(read_model_bytes(tiny().int8_file()), other)
    assert [layer.name for layer in joined] == ["predictions"]
