"""The contract: readable without this package, and true of the model that it goes with."""

from __future__ import annotations

import base64
import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from flat import buffer_starts, metadata
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file
from edge_effnet.convert.contract import (
    CONTRACT_NAME,
    append_archive,
    factors_from_record,
    record_from_factors,
    tool_versions,
)
from edge_effnet.errors import DataError
from edge_effnet.images import Preprocessing, pixels_from_image
from edge_effnet.runtimes.litert import LocalModel
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.convert import ConvertResult

    Conversion = Callable[..., ConvertResult]

INTERFACES = ("int8", "uint8", "float32")
MINUS = {"int8": 128, "uint8": 0, "float32": 0}


def _beside(result: ConvertResult) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(result.contract_path.read_text())
    return record


def _unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def test_the_contract_inside_is_read_by_unzip(conversion: Conversion) -> None:
    """A zip archive lies behind the flatbuffer, without a byte of our code to read it."""
    with zipfile.ZipFile(conversion().path) as archive:
        assert archive.testzip() is None
        inside = json.loads(archive.read("contract.json"))
        assert archive.namelist() == ["contract.json"]
    assert inside["model"]["id"] == "lite0"


def test_the_contract_inside_is_read_from_the_flatbuffer(conversion: Conversion) -> None:
    """The same record is a metadata buffer, named as TensorFlow Lite's tools look for it; buffers stay aligned."""
    content = conversion().path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        zipped = json.loads(archive.read("contract.json"))
    assert json.loads(metadata(content)[CONTRACT_NAME]) == zipped
    assert all(start % 16 == 0 for start in buffer_starts(content))


def test_the_contract_beside_says_the_same_and_which_file(conversion: Conversion) -> None:
    """What lies beside adds the file's name and hash and the golden vectors, and changes nothing."""
    result = conversion()
    beside = _beside(result)
    inside = json.loads(metadata(result.path.read_bytes())[CONTRACT_NAME])
    assert {key: beside[key] for key in inside} == inside
    assert set(beside) - set(inside) == {"file", "sha256", "golden"}
    assert beside["sha256"] == sha256_of_file(result.path) == result.record["sha256"]
    assert json.loads(result.path.with_name("contract.json").read_text()) == beside


@pytest.mark.parametrize("io_type", INTERFACES)
def test_the_contract_fits_its_published_schema(conversion: Conversion, io_type: str) -> None:
    """Readers in other languages hold on to it."""
    jsonschema.validate(_beside(conversion(io=io_type)), read_schema("contract"))


@pytest.mark.parametrize("io_type", INTERFACES)
def test_golden_vectors_come_out_again(conversion: Conversion, io_type: str) -> None:
    """Picture bytes -> the one preprocessing -> input tensor -> output, and the pixel rule done by hand."""
    result = conversion(io=io_type)
    contract = _beside(result)
    preprocessing = Preprocessing.from_record(contract["preprocessing"])
    model = LocalModel(result.path)
    assert len(contract["golden"]) == 3
    for vector in contract["golden"]:
        picture = Image.open(io.BytesIO(base64.b64decode(vector["image_png_base64"])))
        assert list(picture.size) == vector["image_size_px"]
        pixels = pixels_from_image(picture, preprocessing)
        value = (pixels.astype(np.int64) - MINUS[io_type]).astype(io_type)[np.newaxis]
        assert sha256_of_bytes(value.tobytes()) == vector["input_sha256"]
        output = model.run(value)
        np.testing.assert_array_equal(output.ravel(), _unpacked(vector["output_zlib_base64"], io_type))
        assert int(output.argmax()) == vector["top1"]
    first = contract["golden"][0]
    assert sha256_of_bytes(_unpacked(first["input_zlib_base64"], "u1").tobytes()) == first["input_sha256"]


def test_golden_outputs_are_not_all_alike(conversion: Conversion) -> None:
    """A reader that ignores its input would fail."""
    outputs = {vector["output_zlib_base64"] for vector in _beside(conversion())["golden"]}
    assert len(outputs) == 3


def test_everything_that_the_file_was_made_from_is_named(conversion: Conversion) -> None:
    """Recipe, weights, calibration set and tool versions, each with its hash where it has one."""
    contract = _beside(conversion())
    assert contract["recipe"] == "ptq"
    assert contract["weights"]["kind"] == "random"
    assert len(contract["weights"]["sha256"]) == len(contract["calibration"]["sha256"]) == 64
    assert contract["calibration"]["id"] == "synthetic-v1"
    assert contract["calibration"]["count"] == 8
    assert set(contract["tools"]) == {
        "edge-effnet",
        "ai-edge-litert",
        "tensorflow",
        "tf_keras",
        "numpy",
        "pillow",
    }
    assert contract["labels"] is None, "random weights have outputs and no classes"


def test_labels_go_inside_as_text_too() -> None:
    """One name per line, as Android's task library reads them."""
    content = append_archive(b"model", {"labels": ["cat", "Dackel", "ü"]})
    assert content.startswith(b"model")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("labels.txt").decode() == "cat\nDackel\nü\n"


def test_an_archive_of_the_same_record_is_the_same_bytes() -> None:
    """No date of today in it."""
    assert append_archive(b"model", {"a": 1}) == append_archive(b"model", {"a": 1})


@given(
    st.dictionaries(
        st.text("abc/_", min_size=1, max_size=8),
        st.lists(st.sampled_from([1.0, 1.25, 2.0, 3.1748, 16.0]), min_size=1, max_size=20),
        max_size=4,
    )
)
@settings(deadline=None)
def test_factors_come_back_as_they_were_written(factors: dict[str, list[float]]) -> None:
    """Half precision keeps a factor to a two-thousandth; tensors whose factors are all 1 are left out."""
    arrays = {name: np.array(values, np.float32) for name, values in factors.items()}
    record = json.loads(json.dumps(record_from_factors(arrays)))
    found = factors_from_record(record)
    assert set(found) == {name for name, values in factors.items() if set(values) != {1.0}}
    for name, values in found.items():
        np.testing.assert_allclose(values, arrays[name], rtol=2.0**-11)


@pytest.mark.parametrize(
    "value", ["!", "AAAA", 7, None, "eJwDAAAAAAE", base64.b64encode(zlib.compress(b"abc")).decode()]
)
def test_damaged_factors_are_a_data_error(value: object) -> None:
    """Someone else's contract is no reason for a traceback."""
    with pytest.raises(DataError, match="channel factors"):
        factors_from_record({"tensor": value})  # type: ignore[dict-item]


def test_a_tool_that_is_not_there_is_said_so() -> None:
    """No record without its conditions."""
    versions = tool_versions(["numpy", "no-such-package"])
    assert versions["no-such-package"] == "not installed"
    assert versions["numpy"] == np.__version__
