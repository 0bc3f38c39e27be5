"""demo.android.payload: a model that the app could not run is refused before anything is built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from build_model import clean
from compiled_models import compiled, executable, flex, package

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.demo.android.payload import read_payload
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_a_classifier_with_its_contract_inside_goes_in_as_it_is(
    colours: Callable[..., Path], io: str
) -> None:
    """One asset, the bytes of the file, nothing to assume."""
    path = colours(io=io)
    payload = read_payload(path)
    assert payload.assets == {"assets/model.tflite": path.read_bytes()}
    assert payload.notes == ()
    record = payload.to_record()
    assert (record["dtype"], record["classes"], record["contract"], record["labels"]) == (
        io,
        3,
        "inside",
        True,
    )


def test_a_contract_beside_goes_in_beside(colours: Callable[..., Path]) -> None:
    """The app finds it by the same rule as everybody: MODEL.contract.json."""
    path = colours(None)
    contract = {
        "preprocessing": {"schema": "edge-effnet/preprocessing/1", "resolution_px": 4, "crop_fraction": 1.0}
        | {"resample": "bilinear"},
        "labels": ["r", "g", "b"],
    }
    beside = path.with_suffix(".contract.json")
    beside.write_text(json.dumps(contract))
    payload = read_payload(path)
    assert payload.assets["assets/model.contract.json"] == beside.read_bytes()
    assert payload.to_record()["contract"] == "beside"


def test_without_a_contract_what_is_assumed_is_said(colours: Callable[..., Path]) -> None:
    """Preprocessing and the names of the classes."""
    payload = read_payload(colours(None))
    assert payload.to_record()["contract"] is None
    assert ["preprocessing" in note for note in payload.notes] == [True, False]
    assert "no labels" in payload.notes[1]


def _changed(change: Callable[[Any], None]) -> bytes:
    sketch = clean()
    change(sketch)
    return sketch.pack()


def _two_inputs(sketch: Any) -> None:
    sketch.graph.inputs.append(sketch.index("conv"))


def _open_batch(sketch: Any) -> None:
    sketch.tensor("input").shapeSignature = [-1, 8, 8, 3]


def _grey(sketch: Any) -> None:
    sketch.tensor("input").shape = [1, 8, 8, 1]


def _oblong(sketch: Any) -> None:
    sketch.tensor("input").shape = [1, 8, 12, 3]


def _sixteen_bits(sketch: Any) -> None:
    sketch.tensor("input").type = 7


def _map_as_output(sketch: Any) -> None:
    sketch.graph.outputs = [sketch.index("depthwise")]


def _foreign_operator(sketch: Any) -> None:
    sketch.add_operator("SomebodysOwn", ["logits"], ["logits"])


def _other_labels(sketch: Any) -> None:
    sketch.add_metadata("edge_effnet_contract", b'{"labels": ["one", "two"]}')


def _map_that_is_not_there(sketch: Any) -> None:
    sketch.add_metadata(
        "edge_effnet_contract", b'{"explain": {"method": "cam", "features_output": 1, "weights": "none"}}'
    )


def _broken_contract(sketch: Any) -> None:
    sketch.add_metadata("edge_effnet_contract", b"{")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_two_inputs, "2 inputs"),
        (_open_batch, "open dimension"),
        (_grey, "not one RGB image"),
        (_oblong, "not square"),
        (_sixteen_bits, "no pixel rule"),
        (_map_as_output, "not one row of class scores"),
        (_foreign_operator, "phone lacks"),
        (_other_labels, "labels do not fit"),
        (_map_that_is_not_there, "explain.weights is no tensor"),
        (_broken_contract, "not JSON"),
    ],
)
def test_what_the_app_could_not_run_is_refused(
    tmp_path: Path, change: Callable[[Any], None], complaint: str
) -> None:
    """With what is wrong in the first line."""
    path = tmp_path / "model.tflite"
    path.write_bytes(_changed(change))
    with pytest.raises(DataError, match=complaint):
        read_payload(path)


def test_the_clean_model_of_these_tests_is_accepted(tmp_path: Path) -> None:
    """Or the refusals above would prove nothing."""
    path = tmp_path / "model.tflite"
    path.write_bytes(clean().pack())
    assert read_payload(path).classes == 5


def test_a_model_for_the_edge_tpu_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Its one operator is no phone's."""
    path = tmp_path / "model_edgetpu.tflite"
    path.write_bytes(compiled([flex(package([executable(1, 1000)]))]))
    with pytest.raises(DataError, match="Edge TPU alone"):
        read_payload(path)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x1c\0\0\0TFL3" + bytes(30)])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, something else, cut off."""
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_payload(path)


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(DataError, match="cannot be read"):
        read_payload(tmp_path / "none.tflite")


def test_golden_vectors_beside_a_model_with_a_contract_go_along(colours: Callable[..., Path]) -> None:
    """The app checks itself with them; those of another file stay out, and it is said."""
    path = colours()
    beside = path.with_suffix(".contract.json")
    beside.write_text(json.dumps({"sha256": sha256_of_bytes(path.read_bytes()), "golden": []}))
    assert read_payload(path).assets["assets/model.contract.json"] == beside.read_bytes()
    beside.write_text(json.dumps({"sha256": "0" * 64, "golden": []}))
    payload = read_payload(path)
    assert list(payload.assets) == ["assets/model.tflite"]
    assert "of another file" in payload.notes[0]
