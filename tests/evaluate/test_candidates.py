"""evaluate.candidates: models under test and what is known or assumed about them."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from runtimes.tiny_models import TinyModel, colour_classifier

import edge_effnet.models
from edge_effnet import inspect
from edge_effnet.errors import DataError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.evaluate import candidate_from_argument, candidate_from_tflite
from edge_effnet.images import Preprocessing
from edge_effnet.inspect.declared import ends_in_softmax

if TYPE_CHECKING:
    from pathlib import Path


def _save(path: Path, model: TinyModel) -> Path:
    path.write_bytes(model.to_bytes())
    return path


def test_a_contract_decides_preprocessing_and_labels(tmp_path: Path) -> None:
    """Nothing is assumed, so there is no note."""
    contract = {"preprocessing": Preprocessing(4, 1.0, "nearest").to_record(), "labels": ["r", "g", "b"]}
    found = candidate_from_tflite(
        _save(tmp_path / "m.tflite", colour_classifier(contract=contract)), "builtin"
    )
    assert found.preprocessing == Preprocessing(4, 1.0, "nearest")
    assert found.classes.names == ("r", "g", "b")
    assert found.notes == ()


@pytest.mark.parametrize(("io", "words"), [("int8", "raw pixels as int8"), ("float32", "0..255 as floats")])
def test_without_a_contract_what_is_assumed_is_said(tmp_path: Path, io: str, words: str) -> None:
    """The size comes from the input's shape, the rest is the default, and both are in a note."""
    found = candidate_from_tflite(_save(tmp_path / "m.tflite", colour_classifier(io=io)), "builtin")
    assert found.preprocessing == Preprocessing(4)
    assert words in found.notes[0]
    assert Preprocessing(4).id in found.notes[0]


def test_a_contract_for_another_size_is_an_error(tmp_path: Path) -> None:
    """The model and its contract cannot both be right."""
    contract = {"preprocessing": Preprocessing(8).to_record()}
    with pytest.raises(DataError, match=r"8 px in .* 4 px in the model"):
        candidate_from_tflite(_save(tmp_path / "m.tflite", colour_classifier(contract=contract)), "builtin")


def test_labels_for_another_number_of_outputs_are_an_error(tmp_path: Path) -> None:
    """Three outputs cannot have two names."""
    path = _save(tmp_path / "m.tflite", colour_classifier(contract={"labels": ["r", "g"]}))
    with pytest.raises(DataError, match="2 labels"):
        candidate_from_tflite(path, "builtin")


def test_models_that_cannot_be_used_are_refused_before_any_work(tmp_path: Path) -> None:
    """Missing, not a model, an operator that is not there, an engine that is not there."""
    (tmp_path / "text.tflite").write_text("hello, this is text")
    custom = _save(
        tmp_path / "c.tflite", TinyModel(np.ones((2, 48), int), operator=32, custom="Odd", version=1)
    )
    with pytest.raises(DataError, match="cannot be read"):
        candidate_from_argument(str(tmp_path / "nowhere.tflite"), "builtin")
    with pytest.raises(DataError, match="TFL3"):
        candidate_from_argument(str(tmp_path / "text.tflite"), "builtin")
    with pytest.raises(EnvironmentFault, match="Odd"):
        candidate_from_argument(str(custom), "builtin")
    with pytest.raises(UnknownNameError, match="engine"):
        candidate_from_argument(str(custom), "cuda")


def _graph(*operators: tuple[str, int, int]) -> Any:
    records = tuple(
        inspect.Operator(index, name, "builtin", 1, (source,), (target,))
        for index, (name, source, target) in enumerate(operators)
    )
    tensors = tuple(inspect.Tensor(index, str(index), "INT8", (1, 3)) for index in range(len(records) + 1))
    graph = inspect.Subgraph("main", tensors, records, (0,), (len(records),))
    return SimpleNamespace(subgraphs=(graph,))


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ([("FULLY_CONNECTED", 0, 1)], False),
        ([("FULLY_CONNECTED", 0, 1), ("SOFTMAX", 1, 2)], True),
        ([("SOFTMAX", 0, 1), ("DEQUANTIZE", 1, 2), ("RESHAPE", 2, 3)], True),
        ([("SOFTMAX", 0, 1), ("FULLY_CONNECTED", 1, 2)], False),
        ([], False),
    ],
)
def test_a_softmax_at_the_end_is_seen_through_changes_of_type(
    operators: list[tuple[str, int, int]], expected: bool
) -> None:
    """A second softmax over probabilities would flatten every confidence."""
    assert ends_in_softmax(_graph(*operators)) is expected


def test_a_circle_of_operators_does_not_hang() -> None:
    """A hostile graph may feed an operator from itself."""
    assert ends_in_softmax(_graph(("RESHAPE", 2, 1), ("RESHAPE", 1, 2))) is False


def test_a_float_network_is_built_by_id_with_its_own_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    """keras:ID:WEIGHTS passes both on; without weights it means the published ones."""
    calls: list[tuple[str, str]] = []

    def build(model_id: str, *, weights: object) -> Any:
        calls.append((model_id, str(weights)))
        kind = "random" if weights == "random" else "file"
        keras = SimpleNamespace(outputs=[np.zeros((1, 7))])
        return SimpleNamespace(
            keras=keras, labels=None, resolution_px=48, crop_fraction=0.75, notes=("a note",),
            weights=SimpleNamespace(kind=kind),
        )  # fmt: skip

    monkeypatch.setattr(edge_effnet.models, "build", build)
    found = candidate_from_argument("keras:b0:dir/a:b.h5", "xnnpack")
    assert found.preprocessing == Preprocessing(48, 0.75)
    assert (found.classes.outputs, found.notes) == (7, ("a note",))
    assert (found.engine, found.library.split()[0]) == ("tensorflow", "tensorflow")
    assert found.contract is not None
    assert not found.contract.has_random_weights
    random = candidate_from_argument("keras:b0:random", "xnnpack")
    assert random.contract is not None
    assert random.contract.has_random_weights
    candidate_from_argument("keras:b1", "xnnpack")
    assert calls == [("b0", "dir/a:b.h5"), ("b0", "random"), ("b1", "imagenet")]


def test_evaluating_tflite_files_needs_no_tensorflow() -> None:
    """A Raspberry Pi has LiteRT and not TensorFlow."""
    code = "import sys, edge_effnet.evaluate; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_keras_argument_without_an_id_is_a_usage_error() -> None:
    """Exit 2 with the form."""
    with pytest.raises(UsageError, match="keras:ID"):
        candidate_from_argument("keras:", "xnnpack")


@pytest.mark.shared
def test_a_published_classifierends_in_softmax(shared: Path) -> None:
    """MobileNetV2 of the Coral model zoo gives probabilities, with a background class in front."""
    path = shared / "data" / "weights" / "mobilenet_v2_ptq_int8.tflite"
    found = candidate_from_tflite(path, "xnnpack")
    assert found.gives_probabilities
    assert found.classes.outputs == 1001
    assert found.classes.has_named_background
