"""The ladder with nothing made up: distillation and the rewritten activation on a small B0, and B0 on photographs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge_effnet.cli.main import run
from edge_effnet.inspect.summary import inspect_file
from edge_effnet.models import build
from edge_effnet.tune import RUNG_NAMES, climb, ladder, rungs

if TYPE_CHECKING:
    from pathlib import Path

    from tune.conftest import Place

    Capture = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_distilled_and_rewritten_rungs_end_in_full_integer_models(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps of the real training each; the rewritten ones hold no sigmoid but those of the gates."""
    built = build("b0", resolution_px=32, num_classes=10)
    built.keras.save_weights(tmp_path / "b0.weights.h5")
    names = ("ptq", "qat", "hard-swish", "relu6")
    monkeypatch.setattr(ladder, "RUNGS", tuple(rung for rung in rungs.RUNGS if rung.name in names))
    request = place.request(tmp_path / "m.tflite", all_rungs=True, until=None, steps=2)
    found = climb(replace(request, model="b0", weights=str(tmp_path / "b0.weights.h5")))
    assert tuple(rung.name for rung in found.rungs) == names
    gates = {}
    for rung in found.rungs:
        inspection = inspect_file(found.folder / rung.name / "model.tflite")
        assert inspection.audit.full_integer
        gates[rung.name] = inspection.cost.operators.get("LOGISTIC", 0)
        contract = json.loads((found.folder / rung.name / "model.contract.json").read_text())
        assert contract["recipe"] == rung.name
        if rung.name != "ptq":
            assert contract["training"]["steps"] == rung.details["distillation"]["steps"] >= 2
            assert len(contract["training"]["files_sha256"]) == 40
    assert gates["qat"] == gates["ptq"] > gates["relu6"] == gates["hard-swish"] > 0


@pytest.mark.slow
@pytest.mark.shared
def test_b0_on_photographs_climbs_to_the_full_recipe(shared: Path, tmp_path: Path, capsys: Capture) -> None:
    """Each rung but the correction of biases agrees with the float network on more photographs than the one before."""
    data = shared / "data"
    words = [
        "tune", "--model", "b0", "--weights", str(data / "weights/efficientnet_b0_imagenet.weights.h5"),
        "--calibration", str(data / "imagenet/train_1000"), "--calibration-samples", "100",
        "--data", str(data / "imagenet/val_1300"), "--labels", str(data / "imagenet/val_1300/labels.csv"),
        "--max-drop", "2", "--all", "--until", "ptq", "-o", str(tmp_path / "b0.tflite"), "--json",
    ]  # fmt: skip
    assert run(words) == 0
    record = json.loads(capsys.readouterr().out)
    found = {rung["name"]: rung for rung in record["rungs"]}
    assert list(found) == list(RUNG_NAMES[: RUNG_NAMES.index("ptq") + 1])
    agreements = [found[name]["agreement"] for name in ("minmax", "ptq-ranges", "equalise", "ptq")]
    assert agreements[0] < agreements[1] < agreements[2] < agreements[3] + 0.5
    assert found["ptq"]["drop_top1"] <= 2.0
    assert record["met"]
    assert record["n"] == 1300
