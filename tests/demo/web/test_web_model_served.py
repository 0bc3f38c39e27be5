"""demo.web.model: what the browser gets is the user's model, whatever its type."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tfl
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.contract import append_archive
from edge_effnet.demo.web.model import served_model
from edge_effnet.demo.web.shift import with_uint8_borders
from edge_effnet.errors import DataError
from edge_effnet.images import list_images, load_pixels
from edge_effnet.inspect import read_model_bytes
from edge_effnet.model_contract import labels_from_archive
from edge_effnet.preprocessing import Preprocessing
from edge_effnet.runtimes import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LABELS = ["red", "green", "blue"]


def _all_outputs(content: bytes, value: np.ndarray) -> list[np.ndarray]:
    """Run a model of any number of outputs, in the order in which its graph lists them."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def _edited(content: bytes, edit: Callable[[Any], None]) -> bytes:
    """Return a model with something changed."""
    model = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(content, 0))
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("seed", range(5))
def test_every_code_is_shifted_by_128_and_nothing_else(seed: int) -> None:
    """On pictures of noise, bit for bit: uint8 in, uint8 out, the same numbers."""
    generator = np.random.default_rng(seed)
    tiny = TinyModel(generator.integers(-127, 128, (5, 48)), output_scale=40.0).to_bytes()
    given, served = LocalModel(tiny), LocalModel(with_uint8_borders(tiny, source="tiny"))
    assert (served.input.dtype, served.output.dtype) == ("uint8", "uint8")
    assert served.input.zero_point == given.input.zero_point + 128
    assert served.output.zero_point == given.output.zero_point + 128
    assert (served.input.scale, served.output.scale) == (given.input.scale, given.output.scale)
    for _ in range(20):
        pixels = generator.integers(0, 256, (4, 4, 3), np.uint8)
        before, after = given.run_pixels(pixels), served.run_pixels(pixels)
        assert np.array_equal(after.astype(int), before.astype(int) + 128)
        assert np.unique(before).size > 1


def test_a_second_output_is_shifted_too() -> None:
    """The feature map of `--with-features`; and an output that is also read inside goes on as it was."""
    tiny = TinyModel(np.random.default_rng(1).integers(-127, 128, (5, 48)), output_scale=40.0).to_bytes()

    def show_twice(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.outputs = [int(graph.outputs[0]), int(graph.inputs[0])]

    two = _edited(tiny, show_twice)
    served = with_uint8_borders(two, source="two")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), np.uint8)
    before = _all_outputs(two, (pixels ^ 0x80).view(np.int8))
    after = _all_outputs(served, pixels)
    assert len(after) == len(before) == 2
    for one, other in zip(before, after, strict=True):
        assert other.dtype == np.uint8
        assert np.array_equal(other.astype(int), one.astype(int) + 128)


def test_signatures_name_the_new_border() -> None:
    """LiteRT.js runs by signature where there is one."""

    def sign(model: Any) -> None:
        signature = tfl.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = [tfl.TensorMapT()], [tfl.TensorMapT()]
        signature.inputs[0].name, signature.inputs[0].tensorIndex = "image", int(model.subgraphs[0].inputs[0])
        signature.outputs[0].name = "scores"
        signature.outputs[0].tensorIndex = int(model.subgraphs[0].outputs[0])
        model.signatureDefs = [signature]

    served = with_uint8_borders(_edited(colour_classifier().to_bytes(), sign), source="signed")
    model = read_model_bytes(served)
    assert model.signatures[0].inputs == {"image": model.main.inputs[0]}
    assert model.signatures[0].outputs == {"scores": model.main.outputs[0]}
    assert model.main.tensors[model.signatures[0].inputs["image"]].type == "UINT8"


def test_metadata_and_archive_come_along(tmp_path: Path) -> None:
    """The contract inside, byte for byte, and the files behind, readable without our code."""
    contract = {
        "preprocessing": {"resolution_px": 4, "crop_fraction": 0.9, "resample": "bicubic"},
        "labels": _LABELS,
    }
    path = tmp_path / "m.tflite"
    path.write_bytes(append_archive(colour_classifier(contract=contract).to_bytes(), contract))
    served = served_model(path)
    assert read_model_bytes(served.content).metadata == read_model_bytes(path.read_bytes()).metadata
    assert labels_from_archive(served.content, 3) == tuple(_LABELS)
    with zipfile.ZipFile(io.BytesIO(served.content)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("contract.json")) == contract
        first = min(entry.header_offset for entry in archive.infolist())
    assert (
        served.content[first : first + 4] == b"PK\3\4"
    )  # offsets count from the file's beginning, for any reader


def test_constants_stay_on_their_boundaries(colours: Callable[..., Path]) -> None:
    """The format asks for 16 bytes; a kernel on ARM may fault without."""
    content = served_model(colours()).content
    graph = tfl.Model.GetRootAs(content, 0)
    places = [graph.Buffers(k)._tab for k in range(graph.BuffersLength()) if graph.Buffers(k).DataLength()]
    starts = [table.Vector(table.Offset(4)) for table in places]
    assert starts
    assert all(start % 16 == 0 for start in starts)


def test_the_same_file_gives_the_same_bytes(colours: Callable[..., Path]) -> None:
    """Caches in the browser go by the hash."""
    path = colours()
    assert served_model(path).content == served_model(path).content


@pytest.mark.parametrize("io_type", ["uint8", "float32"])
def test_what_a_browser_can_run_is_served_as_it_is(colours: Callable[..., Path], io_type: str) -> None:
    """Not one byte is changed without need."""
    path = colours(io=io_type)
    served = served_model(path)
    assert served.content == path.read_bytes()
    assert served.to_record()["io"] == {"model": io_type, "served": io_type}
    assert served.notes == ()


def test_the_record_names_both_files(colours: Callable[..., Path]) -> None:
    """What the user has and what the browser runs, and why they differ."""
    path = colours()
    served = served_model(path)
    record = served.to_record()
    assert record["name"] == "colours.tflite"
    assert record["sha256"] == sha256_of_bytes(path.read_bytes())
    assert record["served_sha256"] == sha256_of_bytes(served.content)
    assert record["size_bytes"] == path.stat().st_size
    assert record["served_size_bytes"] == len(served.content)
    assert record["io"] == {"model": "int8", "served": "uint8"}
    assert record["sidecar"] is False
    assert len(record["notes"]) == 1
    assert "uint8" in record["notes"][0]


def test_a_sidecar_of_this_model_travels_along(colours: Callable[..., Path]) -> None:
    """It holds the golden vectors, which the contract inside does not; another model's is left out, and that is said."""
    path = colours()
    beside = path.with_suffix(".contract.json")
    beside.write_text(json.dumps({"sha256": sha256_of_bytes(path.read_bytes()), "golden": []}))
    assert served_model(path).sidecar == beside.read_bytes()
    beside.write_text(json.dumps({"sha256": "0" * 64}))
    served = served_model(path)
    assert served.sidecar is None
    assert any("of another model" in note for note in served.notes)
    path.with_name("contract.json").write_text(json.dumps({"sha256": sha256_of_bytes(path.read_bytes())}))
    beside.unlink()
    assert served_model(path).sidecar == path.with_name("contract.json").read_bytes()


def test_a_model_without_a_contract_takes_the_one_of_its_name(colours: Callable[..., Path]) -> None:
    """As every other verb does; without any, what is assumed is said."""
    path = colours(contract=None)
    assert len(served_model(path).notes) == 3
    assert not any(str(path.parent) in note for note in served_model(path).notes)  # the network may read them
    path.with_suffix(".contract.json").write_text(json.dumps({"labels": _LABELS}))
    served = served_model(path)
    assert served.sidecar is not None
    assert not any("labels" in note for note in served.notes)


def _dynamic(model: Any) -> None:
    model.subgraphs[0].tensors[0].shapeSignature = np.array([-1, 4, 4, 3], np.int32)


def _as_int16(model: Any) -> None:
    model.subgraphs[0].tensors[0].type = tfl.TensorType.INT16


def _grey(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([1, 4, 12, 1], np.int32)


def _wide(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([1, 2, 8, 3], np.int32)


def _batch(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([2, 4, 2, 3], np.int32)


def _picture_out(model: Any) -> None:
    model.subgraphs[0].outputs = [0]


def _no_output(model: Any) -> None:
    model.subgraphs[0].outputs = []


def _no_scale(model: Any) -> None:
    model.subgraphs[0].tensors[2].quantization = None


def _bad_scale(model: Any) -> None:
    model.subgraphs[0].tensors[2].quantization.scale = np.array([np.nan], np.float32)


def _countless(model: Any) -> None:
    model.subgraphs[0].tensors[2].shape = np.array([1, 1 << 30], np.int32)


def _two_rows(model: Any) -> None:
    model.subgraphs[0].outputs = [2, 2]


def _three_outputs(model: Any) -> None:
    model.subgraphs[0].outputs = [2, 0, 0]


def _compiled(model: Any) -> None:
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = tfl.BuiltinOperator.CUSTOM
    code.customCode = "edgetpu-custom-op"
    model.subgraphs[0].operators[0].builtinOptions = None
    model.subgraphs[0].operators[0].builtinOptionsType = tfl.BuiltinOptions.NONE


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_dynamic, "an open dimension"), (_as_int16, "none that a browser takes"), (_grey, "not one RGB image"),
        (_wide, "not square"), (_batch, "not one RGB image"), (_picture_out, "not one row of class scores"),
        (_no_output, "no image classifier"), (_no_scale, "has not one usable scale"), (_bad_scale, "has not one usable scale"), (_countless, "too many classes"),
        (_two_rows, "more than class scores"), (_three_outputs, "more than class scores"), (_compiled, "operators that no browser has"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_with_the_reason(
    tmp_path: Path, edit: Callable[[Any], None], words: str
) -> None:
    """Before anything listens: in the browser it would be a riddle."""
    path = tmp_path / "m.tflite"
    path.write_bytes(_edited(colour_classifier().to_bytes(), edit))
    with pytest.raises(DataError, match=words):
        served_model(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "empty"),
        (b"<html>", "not a TFLite model"),
        (b"\x08\0\0\0TFL3" * 9, "damaged"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    """Missing, empty, something else, damaged."""
    path = tmp_path / "m.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        served_model(path)


def test_a_damaged_model_is_refused_or_served_and_never_breaks(tmp_path: Path) -> None:
    """Bytes changed anywhere, also where `inspect` does not look: a `DataError` or a model, nothing else."""
    whole = colour_classifier(contract={"labels": _LABELS}).to_bytes()
    path = tmp_path / "m.tflite"
    refused = 0
    for seed in range(800):
        generator = np.random.default_rng(seed)
        content = bytearray(whole)
        for _ in range(1 + seed % 6):
            content[int(generator.integers(8, len(content)))] = int(generator.integers(256))
        path.write_bytes(content)
        try:
            assert served_model(path).content
        except DataError:
            refused += 1
    assert 100 < refused < 800


def test_labels_that_do_not_fit_are_refused(colours: Callable[..., Path]) -> None:
    """Wrong names without a word would be worse."""
    with pytest.raises(DataError, match="the labels do not fit"):
        served_model(colours(contract={"labels": ["a"]}))


def _bare(model: Any) -> None:
    """Take the QUANTIZE at each end off a published uint8 model: what is left is int8 from end to end."""
    graph = model.subgraphs[0]
    graph.inputs, graph.outputs = list(graph.operators[0].outputs), list(graph.operators[-1].inputs)
    graph.operators = graph.operators[1:-1]
    model.signatureDefs = []


@pytest.mark.shared
@pytest.mark.parametrize("engine", ["xnnpack", "builtin"])
def test_a_real_network_gives_its_own_answers_on_photographs(
    shared: Path, tmp_path: Path, engine: str
) -> None:
    """A published MobileNetV2, int8 inside: on real pictures every score is that of its int8 form + 128."""
    published = shared / "data/weights/mobilenet_v2_ptq_int8.tflite"
    folder = shared / "data/imagenet/val_1300/images"
    if not (published.is_file() and folder.is_dir()):
        pytest.skip(f"no model or no pictures under {shared}")
    path = tmp_path / "int8.tflite"
    path.write_bytes(_edited(published.read_bytes(), _bare))
    given, shifted = LocalModel(path, engine), LocalModel(served_model(path).content, engine)
    assert (given.input.dtype, shifted.input.dtype) == ("int8", "uint8")
    answers = set()
    for picture in list_images(folder)[:8]:
        pixels = load_pixels(picture, Preprocessing(224))
        before, after = given.run_pixels(pixels), shifted.run_pixels(pixels)
        assert np.array_equal(after.astype(int), before.astype(int) + 128)
        answers.add(int(np.argmax(before)))
    assert len(answers) > 1
