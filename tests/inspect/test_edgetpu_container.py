"""What the Edge TPU compiler leaves in a file is read, value by value, and no file can do harm."""

from __future__ import annotations

import csv
import json
import struct
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest
from compiled_models import compiled, executable, flex, package
from flatbuffers import flexbuffers
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_effnet.cli.main import run
from edge_effnet.errors import DataError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.container import Container, container_from_model, read_container
from edge_effnet.inspect.container_bytes import map_from_flexbuffer
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path


def _rows(shared: Path) -> list[dict[str, str]]:
    with (shared / "data/edgetpu/expected.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [row for row in rows if (shared / "data/edgetpu" / row["file"]).exists()]


def test_every_value_of_the_real_containers_is_as_expected(shared: Path) -> None:
    """Every column of every compiled file that is there, in the order of the sheet."""
    rows = _rows(shared)
    assert len(rows) == 6
    for row in rows:
        columns = read_container(shared / "data/edgetpu" / row["file"]).columns()
        assert {key: str(value) for key, value in columns.items()} == row
        assert list(columns) == list(row)


def test_inspect_adds_the_columns(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`inspect --json` has them under `edgetpu`, and every package under `edgetpu_packages`."""
    for row in _rows(shared):
        path = shared / "data/edgetpu" / row["file"]
        assert run(["inspect", str(path), "--json", "--no-gate"]) == 0
        record = json.loads(capsys.readouterr().out)
        jsonschema.validate(record, read_schema("inspect"))
        assert {key: str(value) for key, value in record["edgetpu"].items()} == row
        assert len(record["edgetpu_packages"]) == 1
    assert run(["inspect", str(path), "--no-gate"]) == 0
    assert "Compiled for the Edge TPU" in capsys.readouterr().out


def test_a_plain_model_has_no_container(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Null, not absent; and asking for its container is an error that says what to do."""
    path = shared / "data/edgetpu/mobilenet_v1_0.25_128_quant.tflite"
    assert run(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edgetpu"] is None
    with pytest.raises(DataError, match="not compiled"):
        read_container(path)


def test_models_compiled_together_have_one_token(shared: Path) -> None:
    """Alone and together the same model has other tokens; its parameters are the same in sum."""
    folder = shared / "data/edgetpu"
    alone = read_container(folder / "mobilenet_v1_0.25_128_quant_edgetpu.tflite").packages[0]
    together = read_container(
        folder / "mobilenet_v1_0.25_128_quant_cocompiled_with_3quant_edgetpu.tflite"
    ).packages[0]
    assert alone.run.token != together.run.token
    assert alone.cached_bytes == together.cached_bytes + together.streamed_bytes


def test_quantisation_of_the_interface_is_read(shared: Path) -> None:
    """As in the outer graph of the same file."""
    container = read_container(shared / "data/edgetpu/mobilenet_v1_0.25_128_quant_edgetpu.tflite")
    source, result = container.packages[0].run.inputs[0], container.packages[0].run.outputs[0]
    assert (source.scale, source.zero_point) == (0.0078125, 128)
    assert (result.scale, result.zero_point) == (0.00390625, 0)


PACKAGE = package([executable(2, 16), executable(1, 48)])
GOOD = compiled([flex(PACKAGE)])


def _container(data: bytes) -> Container | None:
    return container_from_model(read_model_bytes(data), "m.tflite")


def test_a_container_of_two_packages_is_read() -> None:
    """`-a` leaves several: each has its columns."""
    container = _container(compiled([flex(PACKAGE), flex(package([executable(0, 5)]))]))
    assert container is not None
    first, second = container.columns(0), container.columns(1)
    assert (first["n_tpu_ops"], first["cached_params"], first["streamed_params"]) == (2, 48, 16)
    assert (second["pkg"], second["exec"], second["cached_params"], second["streamed_params"]) == (
        1,
        "STAND_ALONE",
        0,
        5,
    )
    assert first["inputs"] == "pixels[4x4x3]=64B/t0"
    assert (first["min_rt"], first["narrow_per_tile"], first["chip"]) == (14, 100, "beagle")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (b"", "no options"),
        (b"\x00\x00", "no options"),
        (flexbuffers.Dumps([1, 2]), "not a map"),
        (flexbuffers.Dumps({"1": 0}), "no package"),
        (flexbuffers.Dumps({"4": 12}), "no package"),
        (flex(b"nothing of the kind"), "DWN1"),
        (flex(package([])), "no executables"),
        (flex(package([executable(9, 1)])), "unknown type"),
        (flex(PACKAGE[:40]), "outside"),
    ],
)
def test_a_malformed_container_says_what_is_wrong(
    options: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4 and a sentence."""
    path = tmp_path / "m_edgetpu.tflite"
    path.write_bytes(compiled([bytes(options)]))
    assert run(["inspect", str(path), "--json"]) == 4
    assert says in capsys.readouterr().err


def test_too_many_packages_are_refused() -> None:
    """A file may not ask for work that is out of proportion."""
    with pytest.raises(DataError, match="too many packages"):
        _container(compiled([flex(package([executable(0, 1)]))] * 65))


def test_too_many_executables_are_refused() -> None:
    """Vectors of tables have a limit, since each of them could be read again and again."""
    with pytest.raises(DataError, match="too long to be honest"):
        _container(compiled([flex(package([executable(0, 1)] * 257))]))


def _survives(data: bytes) -> bool:
    try:
        container = _container(data)
    except DataError:
        return False
    if container is not None:
        json.dumps(container.as_json(), allow_nan=False)
    return True


START = GOOD.index(PACKAGE)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(START - 8, START + len(PACKAGE) + 40), st.integers(0, 255)),
        min_size=1,
        max_size=8,
    )
)
def test_changed_bytes_never_crash(changes: list[tuple[int, int]]) -> None:
    """Any bytes of the package and of the options around it may change to anything."""
    data = bytearray(GOOD)
    for place, value in changes:
        data[min(place, len(data) - 1)] = value
    _survives(bytes(data))


def test_every_byte_inverted_never_crashes() -> None:
    """One after the other; some files stay readable, many are refused."""
    outcomes = [
        _survives(GOOD[:i] + bytes([GOOD[i] ^ 0xFF]) + GOOD[i + 1 :])
        for i in range(START, START + len(PACKAGE), 2)
    ]
    assert 0.1 < np.mean(outcomes) < 0.95


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_options_never_crash(options: bytes) -> None:
    """Not even plain noise, in a well-formed model."""
    _survives(compiled([options]))


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.text("abc0123", min_size=1, max_size=5),
        st.integers(-(2**40), 2**40) | st.binary(max_size=30),
        min_size=1,
        max_size=6,
    )
)
def test_maps_are_read_as_their_writer_meant_them(value: dict[str, int | bytes]) -> None:
    """Numbers and byte strings, whatever the width that the writer chose."""
    found = map_from_flexbuffer(memoryview(bytes(flexbuffers.Dumps(value))))
    assert {k: v if isinstance(v, int) else bytes(v) for k, v in found.items()} == value


def test_a_hostile_vector_costs_nothing() -> None:
    """A count beyond the file is refused before a loop begins."""
    outcomes = []
    for place in range(8, len(PACKAGE) - 3, 4):
        data = bytearray(PACKAGE)
        data[place : place + 4] = struct.pack("<I", 0x0FFFFFFF)
        outcomes.append(_survives(compiled([flex(bytes(data))])))
    assert not all(outcomes)
