"""runtimes.adb*: a phone that works, and every way in which one does not, before a stand-in for adb."""

from __future__ import annotations

import re
import time
from pathlib import Path  # noqa: TC003 - a fixture's annotation
from typing import Any

import pytest
from runtimes.fake_adb import FakeAdb, elf
from runtimes.tiny_models import colour_classifier

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes.adb import Adb, Device
from edge_effnet.runtimes.adb_device import Core, big_cores, cool_down, cores_of, device_facts, thermal_of
from edge_effnet.runtimes.adb_target import COOL_DOWN, TURNS, TURNS_ALONE, adb
from edge_effnet.runtimes.adb_tool import program_for, tool_engine
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.targets import BenchRequest, ToolTarget, target
from edge_effnet.runtimes.tool_run import ToolJob, ToolMeasurement

REQUEST = BenchRequest(threads=1, min_seconds=1.0, min_runs=20, cpus=(), timeout_s=5.0)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAdb:
    """A phone that works, and the environment that finds it."""
    made = FakeAdb(tmp_path / "fake")
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.setenv(COOL_DOWN, "0")
    return made


@pytest.fixture
def job(tmp_path: Path) -> ToolJob:
    """A model on the plain kernels."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(colour_classifier().to_bytes())
    return ToolJob(path, "builtin")


def _measure(*jobs: ToolJob, request: BenchRequest = REQUEST, name: str = "adb") -> list[ToolMeasurement]:
    return adb(name).measure(jobs, request)


def _fails(kind: type[EdgeEffnetError], code: int, name: str = "adb") -> EdgeEffnetError:
    with pytest.raises(kind) as caught:
        adb(name).client.device(adb(name).serial)
    assert caught.value.exit_code == code
    return caught.value


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


def test_there_is_no_device(fake: FakeAdb) -> None:
    """Nothing plugged in; or not the one that was named."""
    error = _fails(EnvironmentFault, 3, "adb:OTHER")
    assert (error.message, error.allowed) == ("no such device", fake.serial)
    fake.set(devices="")
    error = _fails(EnvironmentFault, 3)
    assert (error.message, error.got) == ("no device", None)
    assert "USB debugging" in str(error.hint)


def test_two_devices_need_a_serial_number(fake: FakeAdb, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names to choose from; adb's own variable counts too."""
    fake.set(devices=f"{fake.serial}\tdevice\nemulator-5554\tdevice transport_id:2\n")
    error = _fails(UsageError, 2)
    assert error.allowed == f"adb:{fake.serial}, adb:emulator-5554"
    assert Adb().device("emulator-5554").serial == "emulator-5554"
    monkeypatch.setenv("ANDROID_SERIAL", fake.serial)
    assert Adb().device().serial == fake.serial


def test_a_device_that_is_not_ready_does_not_make_two(fake: FakeAdb) -> None:
    """One usable device and one locked one: there is no choice to make."""
    fake.set(devices=f"{fake.serial}\tdevice\nX2\tunauthorized transport_id:2\n")
    assert Adb().device().serial == fake.serial


@pytest.mark.parametrize(
    ("row", "state", "fix"),
    [
        ("R5CT0000        unauthorized transport_id:1", "unauthorized", "unlock"),
        ("R5CT0000        offline transport_id:2", "offline", "plug it in again"),
        (
            "R5CT0000    no permissions (user in plugdev group; are your udev rules wrong?); see [http://developer] usb:1-1",
            "no permissions",
            "plugdev",
        ),
        ("R5CT0000        recovery usb:1-1", "recovery", "start Android"),
        ("R5CT0000        something", "something", "start Android"),
    ],
)
def test_a_device_that_may_not_be_used_says_what_to_do(fake: FakeAdb, row: str, state: str, fix: str) -> None:
    """Unauthorised, offline, not permitted: each with its own fix."""
    fake.set(devices=row + "\n")
    error = _fails(EnvironmentFault, 3)
    assert state in error.message
    assert fix in str(error.hint)


@pytest.mark.parametrize("serial", ["-s", "a b", "x;id", "$(id)", "", "a" * 200])
def test_a_serial_number_cannot_be_an_option(fake: FakeAdb, serial: str) -> None:
    """What adb never prints is refused before adb sees it."""
    if serial:
        assert isinstance(_fails(UsageError, 2, f"adb:{serial}"), UsageError)
    else:
        assert adb("adb:").serial is None


def test_adb_is_not_installed(fake: FakeAdb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither at `$ADB` nor on the path."""
    monkeypatch.setenv("ADB", str(tmp_path / "none"))
    assert "$ADB" in _fails(EnvironmentFault, 3).message
    monkeypatch.delenv("ADB")
    monkeypatch.setenv("PATH", str(tmp_path))
    error = _fails(EnvironmentFault, 3)
    assert error.message == "adb is not installed"
    assert isinstance(adb("adb").probe(), Missing)


def test_a_full_disk_is_named_and_leaves_nothing_behind(fake: FakeAdb, job: ToolJob) -> None:
    """The part that was written is removed."""
    fake.set(full=True)
    with pytest.raises(EnvironmentFault, match="disk of R5CT0000 is full") as caught:
        _measure(job)
    assert "No space left" in str(caught.value.got)
    assert not list((fake.home / "device").rglob("*.part"))


def test_a_full_disk_for_one_model_leaves_the_others(fake: FakeAdb, job: ToolJob, tmp_path: Path) -> None:
    """The tool fits, the second model does not: the first is measured."""
    _measure(job)
    fake.set(full=True)
    other = tmp_path / "large.tflite"
    other.write_bytes(bytes(100))
    small, large = _measure(job, ToolJob(other, "builtin"))
    assert (small.status, large.status) == ("ok", "missing")
    assert large.error is not None
    assert "full" in large.error.message


def test_a_damaged_copy_is_noticed(fake: FakeAdb, job: ToolJob) -> None:
    """The hash there is compared, not the name."""
    fake.set(cut=10)
    with pytest.raises(EnvironmentFault, match="arrived damaged"):
        _measure(job)


def test_a_hanging_device_ends_in_time(fake: FakeAdb) -> None:
    """Not after the tool's own patience: after ours."""
    fake.set(hang_all=True)
    started = time.monotonic()
    with pytest.raises(EnvironmentFault, match=r"adb had no answer within 0\.5 s"):
        Device(Adb(), fake.serial).shell("echo hello", timeout_s=0.5)
    assert time.monotonic() - started < 5


def test_a_device_that_goes_away_is_no_result(fake: FakeAdb, job: ToolJob) -> None:
    """Adb ends with status 0 and no output when the connection breaks off: that is not a run that worked."""
    fake.set(vanish=True)
    with pytest.raises(EnvironmentFault, match="broke off"):
        _measure(job)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "no program"),
        (b"#!/bin/sh\necho hello there\n", "no program"),
        (elf(62), "another kind of processor"),
        (elf(9999), "another kind of processor"),
    ],
)
def test_a_tool_that_cannot_run_there_is_refused_here(
    fake: FakeAdb, content: bytes | None, words: str
) -> None:
    """Missing, not a program, or for another processor: before anything is pushed."""
    if content is None:
        fake.tool.unlink()
    else:
        fake.tool.write_bytes(content)
    with pytest.raises(EnvironmentFault, match=words) as caught:
        program_for(["arm64-v8a", "armeabi-v7a"])
    assert "benchmark_model" in str(caught.value.hint)
    assert not [words for words in fake.calls() if "push" in words]


def test_no_tool_is_given(fake: FakeAdb, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix says where one comes from and how it is named."""
    monkeypatch.delenv("EDGE_EFFNET_BENCHMARK_MODEL")
    state = adb("adb").probe()
    assert isinstance(state, Missing)
    assert "--benchmark-model" in state.fix


def test_a_phone_of_32_bits_takes_its_own_tool(fake: FakeAdb) -> None:
    """What the device calls its instruction sets decides, not its kernel."""
    fake.tool.write_bytes(elf(40))
    assert program_for(["armeabi-v7a"]) == fake.tool


@pytest.mark.parametrize(
    ("output", "status", "engine", "verdict", "words"),
    [
        ("custom_op.txt", 1, "builtin", "missing", "no operator Invented"),
        ("op_version.txt", 1, "builtin", "missing", "no operator FULLY_CONNECTED version 99"),
        ("garbage.txt", 1, "builtin", "failed", "refuses the model"),
        ("no_library.txt", 139, "delegate:/x.so", "missing", "none.so"),
        ("no_xnnpack.txt", 0, "xnnpack", "missing", "no engine xnnpack"),
        ("not_delegated.txt", 0, "delegate:/x.so", "not_delegated", None),
        ("partly.txt", 0, "delegate:/x.so", "ok", None),
        ("xnnpack_forms.txt", 0, "xnnpack", "ok", None),
        ("xnnpack_forms.txt", 0, "builtin", "failed", "told to run the plain kernels"),
        ("xnnpack_forms.txt", 0, "gpu", "not_delegated", None),
        ("logcat_forms.txt", 0, "nnapi", "ok", None),
        ("README.md", 126, "builtin", "missing", "does not run"),
        ("README.md", 124, "builtin", "missing", "did not end in time"),
    ],
)
def test_what_came_of_it_has_its_own_class(
    fake: FakeAdb, job: ToolJob, output: str, status: int, engine: str, verdict: str, words: str | None
) -> None:
    """An operator that is missing, a file that is none, a delegate that takes nothing, a tool that does not start."""
    fake.prints(output, status)
    library = engine.partition(":")[2] or None
    (found,) = _measure(ToolJob(job.model, engine, library))
    assert found.status == verdict
    if words is None:
        assert found.error is None
        assert found.runs
    else:
        assert found.error is not None
        assert words in str(found.error)
        assert not found.runs


def test_what_a_delegate_took_is_told(fake: FakeAdb, job: ToolJob) -> None:
    """Counts of the engine's own delegate."""
    fake.prints("partly.txt")
    (found,) = _measure(ToolJob(job.model, "delegate:/x.so", "/x.so", (("a", "1"), ("b", "2"))))
    assert found.delegation is not None
    assert (found.delegation.delegated, found.delegation.total) == (9, 60)
    assert "--external_delegate_path=/x.so --external_delegate_options=a:1;b:2" in fake.calls("runs")[0][0]


def test_one_bad_model_does_not_stop_the_others(fake: FakeAdb, job: ToolJob, tmp_path: Path) -> None:
    """A file that is not there is a failed result among good ones."""
    good, bad = _measure(job, ToolJob(tmp_path / "none.tflite", "builtin"))
    assert (good.status, bad.status) == ("ok", "failed")
    assert isinstance(bad.error, DataError)


def test_an_engine_that_no_phone_has_is_refused(fake: FakeAdb, job: ToolJob) -> None:
    """Before the device is touched, with the engines that there are."""
    with pytest.raises(UnknownNameError) as caught:
        _measure(ToolJob(job.model, "reference"))
    assert "xnnpack" in str(caught.value.allowed)
    assert fake.calls() == []
    assert tool_engine("gpu").flags == ("--use_gpu=true",)


def test_the_target_is_registered(fake: FakeAdb) -> None:
    """By its scheme; it measures by itself, and its probe names the phone."""
    found = target(f"adb:{fake.serial}")
    assert isinstance(found, ToolTarget)
    state = found.probe()
    assert isinstance(state, Available)
    assert "Pixel 0, Android 14" in state.version


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e9"])
def test_a_cool_down_that_is_no_time_is_refused(
    fake: FakeAdb, job: ToolJob, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The variable is checked before anything runs."""
    monkeypatch.setenv(COOL_DOWN, text)
    with pytest.raises(UsageError, match=COOL_DOWN):
        _measure(job)


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
