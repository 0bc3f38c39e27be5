"""runtimes.adb*: a phone that works, before a stand-in for adb."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - a fixture's annotation
from typing import TYPE_CHECKING, Any

from runtimes.fake_adb import FakeAdb

from edge_effnet.runtimes.adb import Adb
from edge_effnet.runtimes.adb_device import Core, big_cores, cool_down, cores_of, device_facts, thermal_of
from edge_effnet.runtimes.adb_target import COOL_DOWN, TURNS, TURNS_ALONE, adb
from edge_effnet.runtimes.base import Available
from edge_effnet.runtimes.targets import BenchRequest, ToolTarget, target
from edge_effnet.runtimes.tool_run import ToolJob, ToolMeasurement

if TYPE_CHECKING:
    import pytest

REQUEST = BenchRequest(threads=1, min_seconds=1.0, min_runs=20, cpus=(), timeout_s=5.0)


def _measure(*jobs: ToolJob, request: BenchRequest = REQUEST, name: str = "adb") -> list[ToolMeasurement]:
    return adb(name).measure(jobs, request)


def test_a_phone_measures_a_model(fake: FakeAdb, job: ToolJob) -> None:
    """Tool and model are brought, the tool runs in its turns, and what it prints is kept."""
    (found,) = _measure(job)
    assert (found.status, found.error) == ("ok", None)
    assert len(found.runs) == TURNS_ALONE
    assert [run.measured.mean for run in found.runs if run.measured] == [64.96] * TURNS_ALONE
    assert found.profile is not None
    assert len(found.profile.operators) == 60
    assert found.device["android"]["model"] == "Pixel 0"
    assert [turn["after"]["status"] for turn in found.source["thermal"]] == [0] * TURNS_ALONE


def test_files_travel_once(fake: FakeAdb, job: ToolJob) -> None:
    """By content hash: a second measurement pushes nothing."""
    _measure(job)
    _measure(job)
    pushes = [words for words in fake.calls() if "push" in words]
    assert len(pushes) == 2
    names = [path.name for path in (fake.home / "device" / "data/local/tmp/edge-effnet").iterdir()]
    assert all(re.fullmatch(r"[0-9a-f]{64}-(benchmark_model|model\.tflite)", name) for name in names)


def test_several_models_take_turns(fake: FakeAdb, job: ToolJob, tmp_path: Path) -> None:
    """A B A B ..., so that a phone that grows warm slows all of them down alike."""
    other = tmp_path / "other.tflite"
    other.write_bytes(job.model.read_bytes() + b"\0")
    _measure(job, ToolJob(other, "builtin"))
    graphs = [re.search(r"--graph=\S*/(\w{8})", run)[1] for (run,) in fake.calls("runs")]  # type: ignore[index]
    first, second = graphs[:2]
    assert first != second
    assert graphs == [first, second] * (TURNS + 1), "five turns, and one for the profile"


def test_time_and_runs_are_spread_over_the_turns(fake: FakeAdb, job: ToolJob) -> None:
    """What is asked for is what the turns together measure."""
    _measure(job, request=BenchRequest(2, 3.0, 100, (), 5.0))
    run = fake.calls("runs")[0][0]
    assert "--num_threads=2 --num_runs=34 --min_secs=1 " in run
    assert "--use_xnnpack=false" in run


def test_the_big_cores_are_used(fake: FakeAdb, job: ToolJob) -> None:
    """One thread on the fastest core, two on the two fastest kinds; the user's own choice before that."""
    (found,) = _measure(job)
    assert found.cpus == (3,)
    assert any("taskset 8 " in words[-1] for words in fake.calls())
    (two,) = _measure(job, request=BenchRequest(2, 1.0, 20, (), 5.0))
    assert two.cpus == (2, 3)
    (own,) = _measure(job, request=BenchRequest(1, 1.0, 20, (0, 1), 5.0))
    assert own.cpus == (0, 1)
    assert any("taskset 3 " in words[-1] for words in fake.calls())


def test_a_device_that_tells_no_clocks_is_measured_where_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: ToolJob
) -> None:
    """The reason is in the record."""
    fake = FakeAdb(tmp_path / "slow", clocks_khz=())
    for name, value in fake.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(COOL_DOWN, "0")
    (found,) = _measure(job)
    assert found.cpus == ()
    assert "clocks" in found.source["cpus_reason"]


def test_big_cores_come_by_kind() -> None:
    """All cores of a kind, or none: a thread does not wander between kinds."""
    cores = [
        Core(index, clock, None, None) for index, clock in enumerate((1800,) * 4 + (2400,) * 3 + (2800,))
    ]
    assert big_cores(cores, 1) == (7,)
    assert big_cores(cores, 2) == (4, 5, 6, 7)
    assert big_cores(cores, 5) == tuple(range(8))
    assert big_cores([], 1) == ()


def test_it_waits_for_a_warm_device_and_says_when_it_stays_warm(fake: FakeAdb) -> None:
    """At most as long as it was told; then it goes on, and the status is in the record."""
    device = Adb().device()
    fake.warm(2)
    slept: list[float] = []
    state = cool_down(device, 5.0, sleep=slept.append)
    assert (sum(slept), state.status) == (5.0, 2)
    assert state.to_record()["status_name"] == "moderate"
    calm = cool_down(device, 5.0, sleep=lambda _: fake.warm(0))
    assert calm.status == 0


def test_every_invocation_waits_for_a_cool_device(
    fake: FakeAdb, job: ToolJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is asked before and after each, and while it is warm again after a wait."""
    monkeypatch.setenv(COOL_DOWN, "0.05")
    _measure(job)
    cool = sum("dumpsys" in words[-1] for words in fake.calls())
    fake.warm(1)
    (found,) = _measure(job)
    warm = sum("dumpsys" in words[-1] for words in fake.calls()) - cool
    assert warm - cool == TURNS_ALONE + 1
    assert [turn["before"]["status_name"] for turn in found.source["thermal"]] == ["light"] * TURNS_ALONE


def test_a_device_without_thermal_service_gets_a_rest_and_a_reason(fake: FakeAdb) -> None:
    """Null is not zero."""
    (fake.home / "thermal").write_text("dumpsys: can't find service\n")
    slept: list[float] = []
    state = cool_down(Adb().device(), 30.0, sleep=slept.append)
    assert (slept, state.status) == ([3.0], None)
    assert state.to_record()["reason"]


def test_temperatures_are_those_of_processors_and_skin(fake: FakeAdb) -> None:
    """The battery's is not what slows a processor down."""
    state = thermal_of(Adb().device())
    assert state.temperatures_c == {"CPU0": 38.25}


def test_the_device_is_in_the_record(fake: FakeAdb) -> None:
    """Model, chip, Android, cores, clocks and governors; null where it does not tell."""
    device = Adb().device()
    facts = device_facts(device, cores_of(device))
    assert (facts["system"], facts["cpu"], facts["cores"]) == ("Android 14", "Imagined 8", 4)
    assert facts["governor"] == "schedutil"
    assert facts["android"]["max_khz"]["3"] == 2_840_000
    assert facts["android"]["manufacturer"] is None


def test_the_target_is_registered(fake: FakeAdb) -> None:
    """By its scheme; it measures by itself, and its probe names the phone."""
    found = target(f"adb:{fake.serial}")
    assert isinstance(found, ToolTarget)
    state = found.probe()
    assert isinstance(state, Available)
    assert "Pixel 0, Android 14" in state.version


def test_bench_takes_a_phone_like_any_target(fake: FakeAdb, job: ToolJob) -> None:
    """The record is valid; statistics are the tool's, samples are null, and the result says so."""
    import jsonschema

    from edge_effnet.bench.plan import Plan
    from edge_effnet.bench.run import bench
    from edge_effnet.schemas import read_schema

    fake.prints("xnnpack_forms.txt")
    fake.warm(1)
    record = bench([job.model], engines=["xnnpack"], targets=["adb"], plan=Plan(min_seconds=1, min_runs=10))
    jsonschema.validate(record, read_schema("bench"))
    (result,) = record["results"]
    expected: dict[str, Any] = {
        "median_ms": 7.68,
        "n": 3 * 128,
        "samples_ms": None,
        "p90_ms": None,
        "delegated_ops": 190,
        "total_ops": 200,
        "status": "ok",
        "cpus": [3],
        "peak_rss_bytes": 34078720,
    }
    assert {key: result[key] for key in expected} == expected
    assert {"hot_device", "no_samples", "undelegated_ops"} <= {notice["code"] for notice in result["notices"]}
