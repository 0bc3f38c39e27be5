"""model_contract: what a model says about itself."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.contract import CONTRACT_NAME
from edge_effnet.errors import DataError
from edge_effnet.images import Preprocessing
from edge_effnet.model_contract import find_contract, labels_from_archive

if TYPE_CHECKING:
    from pathlib import Path

_RECORD = {
    "preprocessing": Preprocessing(32, 0.9, "bilinear").to_record(),
    "labels": ["a", "b"],
    "weights": {"source": "w.h5", "kind": "file"},
    "calibration": {"id": "photos-v1", "files_sha256": ["ab", "cd"]},
}


def test_the_contract_inside_the_model_is_read(tmp_path: Path) -> None:
    """Preprocessing, labels, weights and calibration arrive as written."""
    found = find_contract(tmp_path / "m.tflite", b"", {CONTRACT_NAME: json.dumps(_RECORD).encode()})
    assert found is not None
    assert found.preprocessing == Preprocessing(32, 0.9, "bilinear")
    assert found.labels == ("a", "b")
    assert found.calibration_files == {"ab", "cd"}
    assert not found.has_random_weights
    assert not found.is_calibrated_on_synthetic


@pytest.mark.parametrize(
    "weights", [{"source": "random"}, {"source": "random, seed 0"}, {"source": "x", "kind": "random"}]
)
def test_random_weights_are_recognised(tmp_path: Path, weights: dict[str, str]) -> None:
    """By kind, or by source with or without its seed; a file called random.h5 is not random."""
    for record, expected in (({"weights": weights}, True), ({"weights": {"source": "random.h5"}}, False)):
        found = find_contract(tmp_path / "m.tflite", b"", {CONTRACT_NAME: json.dumps(record).encode()})
        assert found is not None
        assert found.has_random_weights is expected


def test_a_contract_beside_the_model_is_read_by_the_models_name(tmp_path: Path) -> None:
    """MODEL.contract.json belongs to MODEL.tflite."""
    (tmp_path / "m.contract.json").write_text(json.dumps(_RECORD))
    found = find_contract(tmp_path / "m.tflite", b"", {})
    assert found is not None
    assert found.labels == ("a", "b")


def test_contract_json_counts_only_with_the_models_hash(tmp_path: Path) -> None:
    """Another model's contract in the same folder must not decide this one's preprocessing."""
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(_RECORD))
    assert find_contract(tmp_path / "m.tflite", b"model", {}) is None
    path.write_text(json.dumps(_RECORD | {"sha256": sha256_of_bytes(b"model")}))
    assert find_contract(tmp_path / "m.tflite", b"model", {}) is not None


def test_the_contract_inside_wins(tmp_path: Path) -> None:
    """A file beside the model can be edited, the metadata cannot by accident."""
    (tmp_path / "m.contract.json").write_text(json.dumps(_RECORD | {"labels": ["x", "y"]}))
    found = find_contract(tmp_path / "m.tflite", b"", {CONTRACT_NAME: json.dumps(_RECORD).encode()})
    assert found is not None
    assert found.labels == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"weights": "x"}',
        b'{"labels": [1, 2]}',
        b'{"labels": "ab"}',
        b'{"calibration": {"files_sha256": "ab"}}',
        b'{"preprocessing": {"resolution_px": "many"}}',
        b'{"preprocessing": {"schema": "other/9", "resolution_px": 3}}',
        b"[" * 100_000,
        b'{"preprocessing": {"resolution_px": 1e400, "crop_fraction": 0.5, "resample": "bicubic"}}',
    ],
)
def test_a_contract_that_cannot_be_understood_is_an_error(tmp_path: Path, text: bytes) -> None:
    """Ignoring it would mean guessing the preprocessing."""
    with pytest.raises(DataError):
        find_contract(tmp_path / "m.tflite", b"", {CONTRACT_NAME: text})


def _archive(files: dict[str, str]) -> bytes:
    stream = io.BytesIO(b"TFL3 and the rest of the model")
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def test_labels_of_tflite_metadata_are_found_by_their_number() -> None:
    """Any text file with one line per output; others are left alone."""
    content = _archive({"readme.txt": "hello", "labels.txt": "cat\ndog\n\n", "x.bin": "a\nb"})
    assert labels_from_archive(content, 2) == ("cat", "dog")
    assert labels_from_archive(content, 3) is None


def test_what_is_no_archive_has_no_labels() -> None:
    """Damaged archives are as good as none: names are a convenience."""
    content = _archive({"labels.txt": "cat\ndog"})
    damaged = content.replace(b"cat\ndog", b"cat\xffdog")
    for bad in (b"", b"TFL3", content[:-10], damaged):
        assert labels_from_archive(bad, 2) is None


def test_a_bomb_in_the_archive_is_not_unpacked() -> None:
    """Its directory says 4 bytes; what is packed has 64 MiB."""
    content = bytearray(_archive({}))
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", b"a\nb\n" + b"\n" * (64 << 20))
    content = bytearray(stream.getvalue())
    place = content.rindex(b"PK\1\2") + 24
    content[place : place + 4] = (4).to_bytes(4, "little")
    tracemalloc.start()
    try:
        assert labels_from_archive(bytes(content), 2) is None
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.shared
def test_a_published_model_brings_its_labels(shared: Path) -> None:
    """MobileNetV2 from the Coral model zoo names its 1,001 classes, the background first."""
    content = (shared / "data" / "weights" / "mobilenet_v2_ptq_int8.tflite").read_bytes()
    names = labels_from_archive(content, 1001)
    assert names is not None
    assert names[:2] == ("background", "tench, Tinca tinca")
