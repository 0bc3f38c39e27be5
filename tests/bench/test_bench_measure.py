"""bench: real contenders in workers, in turns; plans; records."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from runtimes.delegates import compiled_delegate
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.bench.plan import Plan, cpus_from_text
from edge_effnet.bench.run import bench
from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.runtimes.connection import RemoteModel
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = Plan(min_seconds=0.05, min_runs=40, max_warm_up_s=0.1)


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Two model files, the second with more to do."""
    paths = [tmp_path / "small.tflite", tmp_path / "large.tflite"]
    paths[0].write_bytes(colour_classifier().to_bytes())
    weights = np.random.default_rng(0).integers(-100, 100, (1000, 48 * 48 * 3))
    paths[1].write_bytes(TinyModel(weights, size_px=48, output_scale=512.0).to_bytes())
    return paths


@pytest.fixture
def record(models: list[Path]) -> dict[str, Any]:
    """Two models on two engines."""
    return bench(models, engines=("xnnpack", "builtin"), plan=_SHORT)


def test_a_record_keeps_to_its_schema_and_to_json(record: dict[str, Any]) -> None:
    """What is promised in docs/json.md is there, and no figure is infinite or not a number."""
    jsonschema.validate(record, read_schema("bench"))
    json.dumps(record, allow_nan=False)


def test_samples_are_raw_in_order_and_in_turns(record: dict[str, Any]) -> None:
    """Every contender has the same number of turns, and the figures are those of its samples."""
    for result in record["results"]:
        assert result["n"] == len(result["samples_ms"]) == sum(result["rounds"]) >= 40
        assert result["median_ms"] == pytest.approx(np.median(result["samples_ms"]))
        assert result["ci95_ms"][0] <= result["median_ms"] <= result["ci95_ms"][1]
    assert len({len(result["rounds"]) for result in record["results"]}) == 1


def test_a_result_says_what_was_measured_and_where(record: dict[str, Any], models: list[Path]) -> None:
    """Hash, engine, runtime, device, delegate."""
    first, plain = record["results"][:2]
    assert first["sha256"] == sha256_of_file(models[0])
    assert (first["engine"], first["target"], first["timing"], first["delegate"]) == (
        "xnnpack",
        "local",
        "measured",
        "XNNPACK",
    )
    assert (plain["engine"], plain["delegate"], plain["delegated_ops"]) == ("builtin", None, 0)
    assert first["runtime"].startswith("ai-edge-litert ")
    assert first["device"]["cores"] >= 1
    assert min(first["init_ms"], first["first_ms"], first["peak_rss_bytes"]) > 0


def test_ratios_compare_every_pair_that_ran_together(record: dict[str, Any]) -> None:
    """Median over median, with an interval around it."""
    assert [(row["a"], row["b"]) for row in record["ratios"]] == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 2),
        (1, 3),
        (2, 3),
    ]
    for row in record["ratios"]:
        first, second = (record["results"][row[side]] for side in "ab")
        assert row["ratio"] == pytest.approx(first["median_ms"] / second["median_ms"])
        assert row["ci95"][0] <= row["ci95"][1]


def test_a_contender_that_is_missing_does_not_stop_the_others(models: list[Path]) -> None:
    """It stays listed, with reason and fix, and has no figures."""
    record = bench(models[:1], engines=("xnnpack", "delegate:/no/such/lib.so"), plan=_SHORT)
    jsonschema.validate(record, read_schema("bench"))
    ok, missing = record["results"]
    assert (ok["status"], missing["status"]) == ("ok", "missing")
    assert "/no/such/lib.so" in missing["reason"]
    assert missing["fix"]
    assert missing["median_ms"] is None
    assert record["ratios"] == []


def test_a_delegate_that_takes_nothing_is_a_class_of_its_own(models: list[Path], tmp_path: Path) -> None:
    """Its time is that of the plain kernels, and both status and notice say so."""
    record = bench(models[:1], engines=[f"delegate:{compiled_delegate(tmp_path)}"], plan=_SHORT)
    (result,) = record["results"]
    assert (result["status"], result["delegated_ops"]) == ("not_delegated", 0)
    assert result["median_ms"] > 0
    assert "not_delegated" in [notice["code"] for notice in result["notices"]]


def test_nothing_measurable_is_the_error_of_the_first(models: list[Path], tmp_path: Path) -> None:
    """Exit 3 or 4, not an empty table."""
    with pytest.raises(EnvironmentFault, match=r"lib\.so"):
        bench(models, engines=["delegate:/no/such/lib.so"], plan=_SHORT)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    with pytest.raises(DataError):
        bench([broken], plan=_SHORT)
    with pytest.raises(DataError, match=r"nowhere\.tflite"):
        bench([tmp_path / "nowhere.tflite"], plan=_SHORT)


def test_a_contender_that_breaks_off_in_the_middle_leaves_the_others(
    models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figures are gone, its reason is told, and the others have all of theirs."""
    time_one, seen = RemoteModel.time, []

    def time_or_die(model: RemoteModel, runs: int, **more: Any) -> Any:
        seen.append(model)
        if len(seen) > 20 and model is seen[0]:
            os.kill(model.connection.hello["pid"], signal.SIGKILL)
        return time_one(model, runs, **more)

    monkeypatch.setattr(RemoteModel, "time", time_or_die)
    broken, whole = bench(models, plan=_SHORT)["results"]
    assert (broken["status"], broken["median_ms"], whole["status"]) == ("failed", None, "ok")
    assert "broke off" in broken["reason"]
    assert whole["n"] >= 40


def test_an_operator_that_the_engine_lacks_is_named_in_the_result(models: list[Path], tmp_path: Path) -> None:
    """A model the engine cannot run costs that row only."""
    odd = tmp_path / "odd.tflite"
    odd.write_bytes(TinyModel(np.ones((2, 48), int), operator=32, custom="MyCustomThing").to_bytes())
    record = bench([models[0], odd], plan=_SHORT)
    assert record["results"][1]["status"] == "missing"
    assert "MyCustomThing" in record["results"][1]["reason"]


@pytest.mark.parametrize(
    ("names", "wrong"),
    [("models", []), ("engines", []), ("engines", ["xnnpack", "xnnpack"]), ("targets", ["local"] * 2)],
)
def test_the_same_thing_twice_or_nothing_is_refused(models: list[Path], names: str, wrong: list[str]) -> None:
    """Two equal rows would invite a ratio of noise."""
    with pytest.raises(UsageError, match="once"):
        bench(**{"models": models, names: wrong}, plan=_SHORT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threads": 0},
        {"min_runs": 0},
        {"min_seconds": -1.0},
        {"min_seconds": float("nan")},
        {"timeout_s": 0.0},
        {"min_seconds": 1e300},
        {"min_runs": 10**21},
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    """Exit 2 with the least that is allowed."""
    with pytest.raises(UsageError, match="out of range"):
        Plan(**wrong)


@pytest.mark.parametrize(("text", "cores"), [(None, ()), ("0", (0,)), ("0,2-3", (0, 2, 3)), ("1-1,1", (1,))])
def test_a_list_of_cores_is_read(text: str | None, cores: tuple[int, ...]) -> None:
    """Single cores and ranges, each once."""
    assert cpus_from_text(text) == cores


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "0;1", "1,,2", "3-1", "²", "0-99999999", "10000"])
def test_what_is_no_list_of_cores_is_refused(text: str) -> None:
    """Exit 2."""
    with pytest.raises(UsageError, match="cores"):
        cpus_from_text(text)


def test_a_long_turn_is_no_hanging_device(models: list[Path]) -> None:
    """A turn is planned within the time that an answer may take, however long the whole measurement is."""
    (result,) = bench(models[:1], plan=Plan(min_seconds=1.5, min_runs=200_000, timeout_s=1.0))["results"]
    assert result["status"] == "ok"
    assert result["n"] >= 200_000


def test_a_core_that_is_not_there_is_told(models: list[Path]) -> None:
    """Exit 3: no measurement on other cores than those asked for."""
    with pytest.raises(EnvironmentFault, match="4096"):
        bench(models[:1], plan=Plan(min_seconds=0.05, cpus=(4096,)))
