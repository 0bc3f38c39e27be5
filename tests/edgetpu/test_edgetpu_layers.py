"""Layers written down without a file: counts that others published."""

from __future__ import annotations

import pytest

from edge_effnet.edgetpu.layers import Chain, variant_layers
from edge_effnet.edgetpu.peers import PEERS, peer_layers
from edge_effnet.variants import VARIANTS, architecture
from edge_effnet.variants.cost import cost

# Multiply-adds from Keras graphs with 1,000 classes (architecture facts) or slim's with 1,001; parameters likewise.
MACS = {
    "mobilenet-v2": 300_774_272 + 1280,
    "inception-v3": 5_713_216_096 + 2048,
    "densenet-121": 2_834_161_664,
    "vgg-16": 15_470_264_320,
    "resnet-50-v1.5-224": 4_089_184_256,
}
PARAMETERS = {
    "vgg-16": 138_357_544,
    "vgg-19": 143_667_240,
    "inception-v4": 42_649_769,
    "inception-v1": 6_618_649,
}


def parameters(layers) -> int:
    """Return weights and biases, unpadded."""
    return sum(
        layer.output_shape[-1] * (layer.kernel[0] * layer.kernel[1] * layer.fan_in + 1)
        for layer in layers
        if layer.weighted
    )


@pytest.mark.parametrize("name", sorted(MACS))
def test_peers_have_the_published_multiply_adds(name: str):
    """To the last one."""
    assert sum(layer.macs for layer in peer_layers(name)) == MACS[name]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_peers_have_the_published_parameters(name: str):
    """Batch norms folded."""
    assert parameters(peer_layers(name)) == PARAMETERS[name]


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_variants_have_the_multiply_adds_of_the_table(name: str):
    """The same count as `list` gives, though written down another way."""
    assert sum(layer.macs for layer in variant_layers(name)) == cost(architecture(VARIANTS[name])).macs


def test_released_edgetpu_models_do_more_work():
    """Their fused blocks have the stride in the projection."""
    for name in ("edgetpu-s", "edgetpu-m", "edgetpu-l"):
        ours, theirs = variant_layers(name), variant_layers(name, as_released=True)
        assert sum(layer.macs for layer in theirs) > 1.15 * sum(layer.macs for layer in ours)
        assert parameters(theirs) == parameters(ours)


def test_lower_resolution_needs_less_memory():
    """Of activations, not of parameters."""
    full, half = variant_layers("b0"), variant_layers("b0", 112)
    assert max(layer.live_bytes for layer in half) < max(layer.live_bytes for layer in full)
    assert sum(layer.parameter_bytes for layer in half) == sum(layer.parameter_bytes for layer in full)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_every_layer_reads_what_the_one_before_wrote(name: str):
    """Within a path; forks start again from their input."""
    layers = peer_layers(name)
    assert all(layer.live_bytes >= layer.input_bytes + layer.output_bytes for layer in layers)
    assert [layer.index for layer in layers] == list(range(len(layers)))


def test_a_fork_holds_its_input_until_the_last_path():
    """Input and finished paths are alive beside what runs."""
    chain = Chain(8, 4)
    chain.fork([lambda: chain.conv(8), lambda: chain.conv(16)])
    first, second, join = chain.layers
    assert first.live_bytes == 2 * 256 + 512
    assert second.live_bytes == 512 + 256 + 1024
    assert (join.output_shape, join.input_bytes) == ((8, 8, 24), 1536)
