"""Layers written down without a file: counts that others published."""

from __future__ import annotations

import pytest

from edge_effnet.edgetpu.layers import Chain, variant_layers
from edge_effnet.edgetpu.peers import PEERS, peer_layers
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.edgetpu import predict
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
    """Input and finished paths are alive beside what runs, each once."""
    chain = Chain(8, 4)
    chain.fork([lambda: chain.conv(8), lambda: chain.conv(16)])
    first, second, join = chain.layers
    assert first.live_bytes == 256 + 512
    assert second.live_bytes == 512 + 256 + 1024
    assert (join.output_shape, join.input_bytes) == ((8, 8, 24), 1536)


def test_a_tile_keeps_the_border_that_the_next_kernel_reads():
    """8 x 8 over 4 x 4 tiles is 2 x 2 places each, and 4 x 4 where a 3 x 3 kernel reads them."""
    chain = Chain(8, 4)
    chain.conv(8, (3, 3))
    chain.conv(8)
    first, second = chain.layers
    assert first.tile_bytes == 4 * 4 * 4 + 2 * 2 * 8
    assert second.tile_bytes == 2 * 2 * 8 + 2 * 2 * 8


@pytest.mark.parametrize("model", ["lite0", "b0", "v2-b0", "edgetpu-s"])
def test_the_table_gives_the_layers_that_a_file_has(model: str, written):
    """Operator by operator, bytes, work and memory: whatever is said of `--model` holds for its file."""
    side, content = written(model)
    layers = predict(read_model_bytes(content)).layers
    table = variant_layers(model, side)
    for mine, theirs in zip(table[:-1], layers[:-1], strict=True):  # the classifier has 10 classes there
        for name in (
            "op",
            "macs",
            "kernel",
            "strides",
            "fan_in",
            "input_bytes",
            "output_bytes",
            "live_bytes",
            "tile_bytes",
        ):
            assert getattr(mine, name) == getattr(theirs, name), (mine.name, theirs.name, name)


@pytest.fixture(scope="module")
def written(built_model):
    """Give a variant's resolution and its .tflite, with grids that nothing was measured for."""
    from edge_effnet.convert.tflite import tflite_from_quantized
    from edge_effnet.models.fold import fold_normalisation
    from edge_effnet.models.freeze import freeze
    from edge_effnet.quantize.scheme import quantize_graph

    def give(model: str) -> tuple[int, bytes]:
        built = built_model(model, 64)
        graph = fold_normalisation(freeze(built.keras, built.normalisation, name=model))
        ranges = dict.fromkeys(graph.shapes, (-1.0, 1.0))
        return 64, tflite_from_quantized(quantize_graph(graph, ranges))

    return give
