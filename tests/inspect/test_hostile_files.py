"""Whatever the bytes, reading ends soon, in records or in one clear error."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from build_model import Sketch, clean
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.errors import DataError
from edge_effnet.inspect import read_model, read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.inspect.cost import cost_from_model

if TYPE_CHECKING:
    from pathlib import Path

GOOD = clean().pack()
COUNT = len(clean().graph.tensors)
LIMIT_S = 5.0


def survives(data: bytes) -> bool:
    """Read, audit and count; return whether it was readable. Anything but a clear DataError is a failure."""
    refusal = _refusal(data)
    if refusal is None:
        return True
    assert refusal.message
    assert "\n" not in refusal.message
    assert refusal.got is not None
    return False


def _refusal(data: bytes) -> DataError | None:
    try:
        model = read_model_bytes(data)
        for graph in model.subgraphs:
            for tensor in graph.tensors:
                tensor.data()
    except DataError as error:
        return error
    audit(model)
    cost_from_model(model)
    return None


@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_a_truncated_file_is_a_data_error(percent: int):
    """A file cut at any place is refused."""
    assert not survives(GOOD[: len(GOOD) * percent // 100])


def test_the_good_file_survives():
    """The file that the others are made from is readable."""
    assert survives(GOOD)


def test_a_flipped_byte_never_crashes():
    """Each byte in turn is inverted; some files stay readable, many are refused."""
    outcomes = [survives(GOOD[:i] + bytes([GOOD[i] ^ 0xFF]) + GOOD[i + 1 :]) for i in range(0, len(GOOD), 2)]
    assert 0.2 < np.mean(outcomes) < 0.95


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_many_changed_bytes_never_crash(changes: list[tuple[int, int]]):
    """Any set of bytes may change to anything."""
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    survives(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.integers(2, len(GOOD) // 4 - 1), st.integers(-(2**31), 2**32 - 1))
def test_a_changed_word_never_crashes(word: int, value: int):
    """Any offset, length or index may change to any 32-bit value."""
    packed = struct.pack("<q", value)[:4]
    survives(GOOD[: 4 * word] + packed + GOOD[4 * word + 4 :])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_noise_behind_the_identifier_never_crashes(noise: bytes):
    """The identifier alone is no promise."""
    assert not survives(b"\x10\0\0\0TFL3" + noise[:64]) or noise
    survives(noise[:4].ljust(4, b"\0") + b"TFL3" + noise[4:])


@pytest.mark.parametrize(
    "data", [b"", b"T", b"TFL3", b"\0" * 4096, b"<!DOCTYPE html>" * 9, b"PK\x03\x04" * 9]
)
def test_what_is_no_flatbuffer_is_named_so(data: bytes):
    """Empty files, web pages and archives are refused by their first bytes."""
    with pytest.raises(DataError, match=r"not a TFLite model|empty"):
        read_model_bytes(data)


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path: Path):
    """Exit code 4, and the path is in the message."""
    with pytest.raises(DataError, match="does not exist") as missing:
        read_model(tmp_path / "none.tflite")
    assert missing.value.exit_code == 4
    assert "none.tflite" in str(missing.value)
    with pytest.raises(DataError, match="is not a file"):
        read_model(tmp_path)


def test_an_empty_file_is_a_data_error(tmp_path: Path):
    """An interrupted download."""
    (tmp_path / "empty.tflite").touch()
    with pytest.raises(DataError, match="empty"):
        read_model(tmp_path / "empty.tflite")


def test_an_unreadable_file_is_a_data_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No permission, a broken disk."""
    path = tmp_path / "secret.tflite"
    path.write_bytes(GOOD)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_model(path)


def test_an_archive_behind_the_model_is_ignored():
    """TFLite metadata tools append a zip with label files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("labels.txt", "cat\ndog\n")
    model = read_model_bytes(GOOD + archive.getvalue())
    assert len(model.main.operators) == 7
    assert model.size_bytes == len(GOOD) + len(archive.getvalue())


def _set_length(data: bytes, marker: bytes, length: int) -> bytes:
    """Overwrite the length in front of a vector whose content is known."""
    place = data.index(marker)
    return data[: place - 4] + struct.pack("<I", length) + data[place:]


@pytest.mark.parametrize("length", [2**31 - 1, 2**32 - 1, 5000])
def test_a_claim_of_gigabytes_costs_nothing(length: int):
    """A length is compared with the file before anything is made for it."""
    sketch = Sketch()
    sketch.add_tensor("w", [8], data=[11, 22, 33, 44, 55, 66, 77, 88])
    tracemalloc.start()
    with pytest.raises(DataError):
        read_model_bytes(_set_length(sketch.pack(), bytes([11, 22, 33, 44, 55, 66, 77, 88]), length))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_claim_of_a_billion_tables_costs_nothing():
    """The number of tensors is compared with the file before the loop."""
    start = time.process_time()
    root = struct.unpack_from("<I", GOOD)[0]
    outcomes = [
        survives(GOOD[:place] + struct.pack("<I", 2**30) + GOOD[place + 4 :])
        for place in range(root, root + 400, 4)
    ]
    assert time.process_time() - start < LIMIT_S
    assert not all(outcomes)


def test_a_sparse_file_of_gigabytes_is_not_read_into_memory(tmp_path: Path):
    """Files are mapped: only what is looked at costs memory."""
    path = tmp_path / "large.tflite"
    with path.open("wb") as stream:
        stream.write(GOOD)
        stream.truncate(2_000_000_000)
    start = time.process_time()
    tracemalloc.start()
    model = read_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.size_bytes == 2_000_000_000
    assert peak < 4 << 20
    assert time.process_time() - start < LIMIT_S


def _aliased(count: int, name: bytes) -> bytes:
    """A file whose tensors are ``count`` references to one table with a long name."""
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString(name)
    schema.TensorStart(builder)
    schema.TensorAddName(builder, text)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    subgraphs = builder.EndVector()
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, subgraphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_one_long_name_shared_by_many_tensors_is_refused():
    """A megabyte read ten thousand times would be ten gigabytes."""
    file, start = _aliased(10_000, b"x" * 1_000_000), time.process_time()
    with pytest.raises(DataError, match="overlap"):
        read_model_bytes(file)
    assert time.process_time() - start < LIMIT_S


def test_more_tables_than_any_network_has_are_refused():
    """A million tensors are refused before the first is read."""
    file, start = _aliased(1_000_000, b"x"), time.process_time()
    with pytest.raises(DataError, match="refused"):
        read_model_bytes(file)
    assert time.process_time() - start < 1


def test_as_many_tables_as_are_allowed_take_seconds():
    """The limit is where reading still ends soon."""
    file, start = _aliased(49_000, b"x"), time.process_time()
    assert survives(file)
    assert time.process_time() - start < 2 * LIMIT_S


def _with_input(index: int) -> Sketch:
    sketch = clean()
    sketch.operator("MUL").inputs = [0, index]
    return sketch


def _change(name: str, field: str, value: object) -> Sketch:
    sketch = clean()
    setattr(sketch.tensor(name), field, value)
    return sketch


def _graph(field: str, value: object) -> Sketch:
    sketch = clean()
    setattr(sketch.graph, field, value)
    return sketch


def _opcode() -> Sketch:
    sketch = clean()
    sketch.operator("MUL").opcodeIndex = len(sketch.model.operatorCodes)
    return sketch


def _metadata() -> Sketch:
    sketch = clean()
    sketch.model.metadata.append(schema.MetadataT(name=b"x", buffer=len(sketch.model.buffers)))
    return sketch


def _signature(subgraph: int, tensor: int) -> Sketch:
    sketch = clean()
    entry = schema.TensorMapT(name=b"x", tensorIndex=tensor)
    sketch.model.signatureDefs.append(
        schema.SignatureDefT(inputs=[entry], outputs=[], signatureKey=b"k", subgraphIndex=subgraph)
    )
    return sketch


def _no_graph() -> Sketch:
    sketch = clean()
    sketch.model.subgraphs = []
    return sketch


def _points() -> Sketch:
    sketch = clean()
    sketch.tensor("conv/w").quantization.zeroPoint = [0, 0]
    return sketch


@pytest.mark.parametrize(
    ("sketch", "message"),
    [
        (_with_input(COUNT), "inputs of operator 2"),
        (_with_input(-2), "inputs of operator 2"),
        (_graph("inputs", [COUNT]), "graph's inputs"),
        (_graph("outputs", [-1]), "graph's outputs"),
        (_change("conv", "buffer", len(clean().model.buffers)), "buffer that is not there"),
        (_change("conv/w", "shape", [4, 3, 3, 4]), "not the 144 of its shape"),
        (_change("conv", "shape", [1, -7, 4, 4]), "impossible shape"),
        (_change("conv", "shape", [1] * 40), "impossible shape"),
        (_points(), "4 scales and 2 zero points"),
        (_opcode(), "operator 2 has no code"),
        (_metadata(), "metadata entry"),
        (_signature(1, 0), "graph that is not there"),
        (_signature(0, COUNT), "tensor that is not there"),
        (_no_graph(), "holds no graph"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_index_is_checked(sketch: Sketch, message: str):
    """An index out of range is named with its place."""
    with pytest.raises(DataError, match=message):
        read_model_bytes(sketch.pack())


@pytest.mark.shared
@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_a_real_file_cut_anywhere_is_a_data_error(shared: Path, percent: int):
    """A download that broke off."""
    data = (shared / "data/weights/mobilenet_v2_ptq_int8.tflite").read_bytes()
    assert not survives(data[: len(data) * percent // 100])


@pytest.mark.shared
def test_a_real_file_with_flipped_bytes_never_crashes(shared: Path):
    """Three bytes at once, anywhere in the file; half of them where the tables are."""
    data = (shared / "data/edgetpu/split_concat_edgetpu.tflite").read_bytes()
    random = np.random.default_rng(11)
    for last in (1024, len(data)) * 60:
        damaged = bytearray(data)
        for place in random.integers(8, last, 3):
            damaged[place] ^= int(random.integers(1, 256))
        survives(bytes(damaged))
