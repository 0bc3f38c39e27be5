"""The .tflite writer: nothing added, nothing moved, and every precision computes the network."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat import RESOLUTION_PX, buffer_starts, census, metadata, root_of, tensors
from tiny_graphs import pictures

from edge_effnet.convert.converter import with_metadata
from edge_effnet.convert.tflite import FLOAT_CODECS, tflite_from_graph, tflite_from_quantized
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.models.fold import fold_std
from edge_effnet.models.freeze import freeze
from edge_effnet.quantize.execute import float_function, input_values, quantized_function
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph

    Tiny = tuple[Graph, QuantizedGraph]

GOLDEN = Path(__file__).parent.parent / "golden" / "convert"
ENGINES = ("xnnpack", "builtin", "reference")
INTERFACES = ("int8", "uint8", "float32")


def _logits(content: bytes, engine: str, pixels: np.ndarray) -> np.ndarray:
    model = LocalModel(content, engine)
    return np.stack([model.logits(picture) for picture in pixels])


@pytest.mark.parametrize("model_id", sorted(RESOLUTION_PX))
def test_operators_are_those_of_the_golden_census(
    model_id: str, quantized_model: Callable[[str], QuantizedGraph], request: pytest.FixtureRequest
) -> None:
    """One operator per operator of the network and none else: no QUANTIZE, SHAPE, PACK or RESHAPE creeps in."""
    found = [
        f"{name} {count}" for name, count in census(tflite_from_quantized(quantized_model(model_id))).items()
    ]
    path = GOLDEN / f"{model_id}.txt"
    if request.config.getoption("--update-golden"):
        versions = ", ".join(
            f"{name} {importlib.metadata.version(name)}" for name in ("tf_keras", "ai-edge-litert")
        )
        header = f"# Operators of {model_id}, int8, random weights, {RESOLUTION_PX[model_id]} px; {versions}"
        path.write_text("\n".join([header, *found]) + "\n")
    assert found == [line for line in path.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("model_id", sorted(RESOLUTION_PX))
def test_every_variant_is_full_integer(
    model_id: str, quantized_model: Callable[[str], QuantizedGraph]
) -> None:
    """The audit finds no error, and every activation is int8, every bias int32."""
    content = tflite_from_quantized(quantized_model(model_id))
    result = audit(read_model_bytes(content), io="int8")
    assert result.full_integer, [finding.reason for finding in result.findings]
    assert {tensor.type for tensor in read_model_bytes(content).main.tensors} == {"INT8", "INT32"}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_file_computes_what_the_fake_quant_graph_computes(tiny: Tiny, engine: str) -> None:
    """Two steps of the logits at most: engines round a product of scales to fixed point, and ties their own way."""
    _, quantized = tiny
    pixels = pictures(12, seed=5)
    name = quantized.graph.output_name
    wanted = quantized_function(quantized)(input_values(quantized.graph, pixels))[name].numpy()
    found = _logits(tflite_from_quantized(quantized), engine, pixels)
    assert np.abs(found - wanted).max() <= 2.001 * quantized.grids[name].scale


@pytest.mark.parametrize("engine", ENGINES)
def test_interfaces_differ_in_type_and_in_nothing_else(tiny: Tiny, engine: str) -> None:
    """The same pixels give the same codes: uint8 is int8 plus 128, float32 is what they stand for."""
    _, quantized = tiny
    models = {io: LocalModel(tflite_from_quantized(quantized, io=io), engine) for io in INTERFACES}
    for picture in pictures(6, seed=6):
        codes = {io: model.run_pixels(picture) for io, model in models.items()}
        assert {io: code.dtype.name for io, code in codes.items()} == {io: io for io in INTERFACES}
        np.testing.assert_array_equal(codes["uint8"].astype(int), codes["int8"].astype(int) + 128)
        np.testing.assert_allclose(codes["float32"], models["int8"].output.reals(codes["int8"]), rtol=1e-6)


@pytest.mark.parametrize(
    ("io", "extra"),
    [("int8", {}), ("uint8", {"QUANTIZE": 2}), ("float32", {"QUANTIZE": 1, "SUB": 1, "DEQUANTIZE": 1})],
)
def test_an_interface_costs_an_operator_at_each_end(tiny: Tiny, io: str, extra: dict[str, int]) -> None:
    """The default has neither QUANTIZE nor DEQUANTIZE; the others pass the audit of what they declare."""
    _, quantized = tiny
    plain, content = tflite_from_quantized(quantized), tflite_from_quantized(quantized, io=io)
    assert census(content) == dict(sorted({**census(plain), **extra}.items()))
    result = audit(read_model_bytes(content), io=io)  # type: ignore[arg-type]
    assert result.full_integer, [finding.reason for finding in result.findings]


def test_float_pixels_out_of_range_are_clipped_as_pixels_are(tiny: Tiny) -> None:
    """A float input is rounded to 0..255 first, so that no app gets other results from -3 or 300 than from 0 or 255."""
    _, quantized = tiny
    model = LocalModel(tflite_from_quantized(quantized, io="float32"), "builtin")
    values = np.random.default_rng(0).uniform(-60.0, 320.0, model.input.shape).astype(np.float32)
    clipped = np.clip(np.rint(values), 0.0, 255.0).astype(np.float32)
    np.testing.assert_array_equal(model.run(values), model.run(clipped))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-5), ("fp16", 1e-2), ("w8-dynamic", 0.15)]
)
def test_float_precisions_compute_the_network(
    tiny: Tiny, engine: str, precision: str, tolerance: float
) -> None:
    """Largest difference over the logits' spread: float32's rounding, float16 weights, int8 weights."""
    graph, _ = tiny
    pixels = pictures(12, seed=5)
    wanted = float_function(graph)(input_values(graph, pixels))[graph.output_name].numpy()
    found = _logits(tflite_from_graph(graph, precision), engine, pixels)
    assert np.abs(found - wanted).max() <= tolerance * wanted.std()


@pytest.mark.parametrize(("precision", "least"), [("float32", 16), ("fp16", 15), ("w8-dynamic", 12)])
def test_b0_in_float_agrees_with_keras(
    precision: str, least: int, built_model: Callable[[str, int], BuiltModel], seen: np.ndarray
) -> None:
    """float32 gives Keras' logits within 1e-4 from raw pixels; the others the same class on most of 16 pictures."""
    built = built_model("b0", 64)
    graph = fold_std(freeze(built.keras, built.normalisation, name="b0"))
    wanted = built.predict_logits(seen)
    found = _logits(tflite_from_graph(graph, precision), "xnnpack", seen)
    assert (found.argmax(1) == wanted.argmax(1)).sum() >= least
    if precision == "float32":
        assert np.abs(found - wanted).max() <= 1e-4


def _every_file(graph: Graph, quantized: QuantizedGraph) -> dict[str, bytes]:
    files = {precision: tflite_from_graph(graph, precision) for precision in FLOAT_CODECS}
    return files | {
        io: tflite_from_quantized(quantized, io=io, metadata={"odd": b"13 bytes long"}) for io in INTERFACES
    }


def test_files_are_static_aligned_and_identified(tiny: Tiny) -> None:
    """Batch 1 and no shape signature; every buffer on a 16-byte boundary; the file begins as a .tflite does."""
    for name, content in _every_file(*tiny).items():
        assert content[4:8] == b"TFL3", name
        assert all(start % 16 == 0 for start in buffer_starts(content)), name
        assert len(buffer_starts(content)) > 10
        graph = root_of(content).Subgraphs(0)
        assert graph.InputsLength() == graph.OutputsLength() == 1
        for tensor in tensors(content):
            assert tensor.ShapeSignatureIsNone()
            assert tensor.HasRank()
            assert (np.asarray(tensor.ShapeAsNumpy()) > 0).all()


def test_equal_graphs_give_equal_bytes(tiny: Tiny) -> None:
    """Nothing in the file depends on a clock, a hash seed or an address."""
    assert _every_file(*tiny) == _every_file(*tiny)


def test_metadata_can_be_added_to_any_file(tiny: Tiny) -> None:
    """Blobs come back byte by byte, buffers stay aligned, and the model runs as before."""
    _, quantized = tiny
    plain = tflite_from_quantized(quantized)
    blobs = {"first": b"\0\1\2", "second": "ü".encode() * 33}
    content = with_metadata(plain, blobs)
    assert metadata(content) == blobs
    assert all(start % 16 == 0 for start in buffer_starts(content))
    assert with_metadata(plain, blobs) == content
    more = with_metadata(content, {"third": b"x"})
    assert metadata(more) == {**blobs, "third": b"x"}
    pixels = pictures(2, seed=7)
    np.testing.assert_array_equal(_logits(more, "builtin", pixels), _logits(plain, "builtin", pixels))


def test_half_precision_halves_the_file_and_int8_weights_quarter_it(
    built_model: Callable[[str, int], BuiltModel], quantized_model: Callable[[str], QuantizedGraph]
) -> None:
    """Sizes of Lite0 in the four precisions."""
    built = built_model("lite0", 64)
    graph = fold_std(freeze(built.keras, built.normalisation, name="lite0"))
    sizes = {precision: len(tflite_from_graph(graph, precision)) for precision in FLOAT_CODECS}
    sizes["w8a8"] = len(tflite_from_quantized(quantized_model("lite0")))
    assert 0.49 < sizes["fp16"] / sizes["float32"] < 0.53
    assert 0.24 < sizes["w8-dynamic"] / sizes["float32"] < 0.30
    assert 0.24 < sizes["w8a8"] / sizes["float32"] < 0.31
