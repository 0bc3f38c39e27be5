"""report.document: records joined by hash, figures with their sources, and what is never said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from report import records

from edge_effnet.report import collect, parse_gate, render_json, report_document
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path


def _report(folder: Path, *gates: str, **found: dict[str, Any]) -> dict[str, Any]:
    return report_document(collect([records.save(folder, **found)]), [parse_gate(gate) for gate in gates])


def _model(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(model for model in document["models"] if model["name"] == name)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Any]:
    """A report on a float and an int8 model with a record of every kind."""
    timed = records.bench(
        records.result("float", 20.0),
        records.result("int8"),
        ratios=({"a": 0, "b": 1, "ratio": 2.0, "ci95": [1.9, 2.1]},),
    )
    counted = records.bench(
        records.result("int8", None, timing="none", target="arm64:cortex-a76", instructions=73_000_000)
    )
    return _report(
        tmp_path, "top1_drop>3", bench=timed, counted=counted, profile=records.profile("int8"),
        evaluated=records.evaluation(records.score("float", 78), records.score("int8", 77)),
        inspect=records.inspection("int8"), verify=records.verification("int8"), convert=records.conversion("int8"),
        contract=records.contract("int8"),
    )  # fmt: skip


def test_the_document_has_the_published_form(whole: dict[str, Any]) -> None:
    """What a program reads is what the schema says, after a way through the file."""
    jsonschema.validate(json.loads(render_json(whole)), read_schema("report"))


def test_records_are_joined_by_the_hash_of_the_model(whole: dict[str, Any]) -> None:
    """Two models, whatever the paths say, and every figure names a record that is there."""
    assert [(model["name"], model["role"]) for model in whole["models"]] == [
        ("int8", "candidate"),
        ("float", "reference"),
    ]
    int8 = _model(whole, "int8")
    assert (int8["id"], int8["precision"], int8["recipe"], int8["size_bytes"]) == (
        "b0",
        "w8a8",
        "ptq",
        6_000_000,
    )
    assert (int8["accuracy"]["top1"], int8["drop"]["drop_top1"], int8["drop"]["against"]) == (
        77.0,
        1.0,
        "float",
    )
    ids = {source["id"] for source in whole["sources"]}
    cited = [
        row["source"]
        for key in ("latency", "ratios", "profiles", "verifications", "evaluations")
        for row in whole[key]
    ]
    cited += [int8[key]["source"] for key in ("accuracy", "drop", "audit", "contract")]
    assert set(cited) <= ids
    assert len(cited) == 11


def test_a_model_named_by_path_only_is_joined_by_its_name_and_that_is_said(whole: dict[str, Any]) -> None:
    """`verify` gives no hash of its float side."""
    assert any("/models/float.tflite: joined by its name" in note for note in whole["notes"])


def test_two_files_of_one_name_stay_two_models(tmp_path: Path) -> None:
    """The hash decides, and the names are told apart."""
    other = records.inspection("m") | {"sha256": records.sha("another")}
    names = [model["name"] for model in _report(tmp_path, a=records.inspection("m"), b=other)["models"]]
    assert sorted(names) == sorted(f"m ({records.sha(name)[:8]})" for name in ("m", "another"))


def test_an_accuracy_of_random_weights_is_never_printed(tmp_path: Path) -> None:
    """Neither in the models nor among the evaluations; that it is withheld is said."""
    document = _report(
        tmp_path,
        convert=records.conversion("m", weights="random"),
        e=records.evaluation(records.score("m", 1)),
    )
    model = _model(document, "m")
    assert (model["accuracy"], model["drop"], model["random_weights"]) == (None, None, True)
    assert "random" in model["no_accuracy"]
    (found,) = document["evaluations"]
    assert "random" in found["withheld"]
    assert not found["confusions"]
    assert not found["worst_classes"]
    assert any("random weights" in doubt for doubt in document["verdict"]["doubts"])


def test_of_several_evaluations_the_largest_counts(tmp_path: Path) -> None:
    """The others stay in the list of evaluations."""
    document = _report(
        tmp_path,
        a=records.evaluation(records.score("m", 90, 100)),
        b=records.evaluation(records.score("m", 70, 200)),
    )
    assert _model(document, "m")["accuracy"]["n"] == 200
    assert len(document["evaluations"]) == 2


def test_different_images_are_noted(tmp_path: Path) -> None:
    """Accuracies on different sets stand in one table: the reader must know."""
    sets = {name: records.evaluation(records.score(name, 80), images=name) for name in ("a", "b")}
    assert any("same images" in note for note in _report(tmp_path, **sets)["notes"])


def test_doubts_name_warnings_missing_targets_and_code_that_was_not_committed(tmp_path: Path) -> None:
    """What speaks against a figure stands at the top."""
    notice = {
        "code": "throttling",
        "severity": "warning",
        "message": "slower and slower",
        "advice": "cool it",
    }
    missing = records.result("m", None, status="missing", reason="no device", target="adb")
    document = _report(
        tmp_path, bench=records.bench(records.result("m", notices=[notice]), missing, dirty=True)
    )
    doubts = " | ".join(document["verdict"]["doubts"])
    assert "slower and slower" in doubts
    assert "not timed on adb, xnnpack: no device" in doubts
    assert "not committed" in doubts


def test_a_profile_that_was_counted_has_instructions_and_no_time(tmp_path: Path) -> None:
    """Its costs are never taken for microseconds."""
    (found,) = _report(tmp_path, p=records.profile("m", counted=True))["profiles"]
    assert (found["unit"], found["total"], found["covered_percent"]) == ("instructions", 461_000, 100.0)
    assert all(kind["gmacs_per_s"] is None and kind["roof_percent"] is None for kind in found["kinds"])


def test_a_roof_is_the_lower_of_arithmetic_and_memory(tmp_path: Path) -> None:
    """60 million multiply-adds in 300 us on 0.8 MB: 200 GMAC/s at 75 per byte, under a roof of 220."""
    (found,) = _report(tmp_path, p=records.profile("m"))["profiles"]
    kinds = {kind["name"]: kind for kind in found["kinds"]}
    assert kinds["pointwise expand"]["gmacs_per_s"] == pytest.approx(200.0)
    assert kinds["pointwise expand"]["roof"] == "compute"
    assert kinds["pointwise expand"]["roof_percent"] == pytest.approx(100 * 200 / 220)
    assert kinds["stem conv"]["roof_percent"] == pytest.approx(100 * 100 / 200)  # 20 per byte times 10 GB/s
    assert kinds["swish"]["roof_percent"] == pytest.approx(80.0)  # 8 of 10 GB/s
    assert sum(block["percent"] for block in found["blocks"]) == pytest.approx(100.0)
