"""`edge-effnet quickstart`: the whole line once, small, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_effnet import quickstart as library
from edge_effnet.artifacts import sha256_of_file
from edge_effnet.calibrate.shapes import CLASS_NAMES
from edge_effnet.cli.main import run
from edge_effnet.errors import EdgeEffnetError
from edge_effnet.quickstart import Quickstart, QuickstartRequest, assets, run_quickstart

PICTURES, SAMPLES, RUNS = 100, 20, 5


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Quickstart:
    """The line with few pictures, every stage real."""
    folder = tmp_path_factory.mktemp("quickstart") / "runs" / "first"
    return run_quickstart(QuickstartRequest(folder, PICTURES, SAMPLES, RUNS))


@pytest.fixture
def printed(found: Quickstart, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """A function that runs the command on what `found` holds and returns its standard output."""
    monkeypatch.setattr(library, "run_quickstart", lambda request, reporter: found)

    def command(*arguments: str) -> str:
        assert run(["quickstart", *arguments]) == 0
        return capsys.readouterr().out

    return command


def test_json_is_one_document_with_fixed_keys(printed: Any):
    """What scripts read; nothing else is on standard output."""
    record = json.loads(printed("--json"))
    assert record["schema_version"] == 1
    assert set(record) == {
        "schema_version", "folder", "model", "resolution_px", "set", "weights", "convert", "inspect", "eval",
        "latency", "seconds", "next",
    }  # fmt: skip
    assert set(record["convert"]) == {"float32", "w8a8"}
    assert {"path", "sha256", "size_bytes", "recipe", "weights", "calibration", "io", "seconds"} <= set(
        record["convert"]["w8a8"]
    )
    assert {"full_integer", "findings", "ops", "macs", "size_bytes"} <= set(record["inspect"])
    assert {"models", "paired", "conditions"} <= set(record["eval"])
    assert set(record["latency"]) == {"models", "speed_up", "conditions"}
    assert {"convert", "inspect", "evaluate", "time", "total"} == set(record["seconds"])


def test_the_folder_keeps_the_same_document(found: Quickstart, printed: Any):
    """quickstart.json is what --json prints."""
    assert json.loads((found.folder / "quickstart.json").read_text()) == json.loads(printed("--json"))


def test_both_models_are_judged_on_the_same_unseen_pictures(found: Quickstart):
    """Accuracy with Wilson's interval, the paired difference and the agreement."""
    record = found.to_record()["eval"]
    assert [model["n"] for model in record["models"]] == [PICTURES, PICTURES]
    for model in record["models"]:
        low, high = model["top1_ci95"]
        assert 0.0 <= low <= model["top1"] <= high <= 100.0
        assert model["outputs"] == len(CLASS_NAMES)
    paired = record["paired"]
    assert paired["drop_top1"] == pytest.approx(record["models"][0]["top1"] - record["models"][1]["top1"])
    assert paired["agreement"] >= 80.0


def test_the_int8_model_is_integers_and_smaller(found: Quickstart):
    """The audit passes; a quarter of the weights' bytes, and what lies around them."""
    record = found.to_record()
    assert record["inspect"]["full_integer"]
    assert record["inspect"]["macs"]["int8"] == record["inspect"]["macs"]["total"] > 0
    sizes = [record["convert"][precision]["size_bytes"] for precision in ("w8a8", "float32")]
    assert 2.5 < sizes[1] / sizes[0] < 4.0


def test_the_model_says_where_it_is_from(found: Quickstart):
    """Weights and calibration set by name and hash, class names in the order of the outputs."""
    record = found.to_record()
    int8 = record["convert"]["w8a8"]
    assert int8["calibration"]["id"] == record["set"]["id"] == "shapes10-v1"
    assert int8["calibration"]["count"] == SAMPLES
    assert int8["weights"]["sha256"] == record["weights"]["sha256"]
    contract = json.loads((found.folder / "contract.json").read_text())
    assert contract["labels"] == list(CLASS_NAMES)
    assert contract["sha256"] == int8["sha256"] == sha256_of_file(Path(int8["path"]))


def test_latency_says_under_what_conditions_it_was_measured(found: Quickstart):
    """Engine, threads, statistic, host; both models as often."""
    record = found.to_record()["latency"]
    assert record["conditions"]["kind"] == "measured"
    assert (record["conditions"]["engine"], record["conditions"]["threads"]) == ("xnnpack", 1)
    assert [model["runs"] for model in record["models"]] == [RUNS, RUNS]
    assert all(model["median_ms"] > 0 for model in record["models"])


def test_the_table_shows_everything_at_once(found: Quickstart, printed: Any):
    """Accuracy, difference, agreement, audit, size, latency, conditions and the next commands."""
    text = printed()
    record = found.to_record()
    for model in record["eval"]["models"]:
        assert f"{model['top1']:.2f} [{model['top1_ci95'][0]:.2f}, {model['top1_ci95'][1]:.2f}]" in text
    low, high = record["eval"]["paired"]["ci95"]
    assert (
        f"{0 - record['eval']['paired']['drop_top1']:+.2f} [{0 - high:+.2f}, {0 - low:+.2f}] points" in text
    )
    for part in (
        "size, MB",
        "same first class",
        "full integer",
        "yes, 0 warnings",
        "100 % of MACs int8",
        "latency, ms",
    ):
        assert part in text
    assert record["convert"]["w8a8"]["sha256"] in text
    assert all(command in text for command in record["next"])
    assert text.count("┏") == 1


def test_a_folder_that_holds_something_is_left_alone(found: Quickstart, capsys: pytest.CaptureFixture[str]):
    """Exit code 2 at once, nothing changed."""
    before = {path: path.stat().st_mtime_ns for path in found.folder.rglob("*")}
    assert run(["quickstart", "-o", str(found.folder)]) == 2
    assert "--force" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in found.folder.rglob("*")} == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Exit code 2."""
    (tmp_path / "taken").write_text("mine")
    assert run(["quickstart", "-o", str(tmp_path / "taken"), "--force"]) == 2
    assert "not a folder" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Exit code 3 with what to do."""
    (tmp_path / "taken").write_text("mine")
    assert run(["quickstart", "-o", str(tmp_path / "taken" / "below")]) == 3
    assert "choose another -o" in capsys.readouterr().err


def test_an_installation_without_weights_says_so(monkeypatch: pytest.MonkeyPatch):
    """Not a traceback about a file that nobody knows."""
    monkeypatch.setattr(assets, "_STEM", "absent")
    with pytest.raises(EdgeEffnetError, match="weights are missing"):
        assets.demo_record()
    with pytest.raises(EdgeEffnetError, match="weights are missing"), assets.demo_weights():
        pass
