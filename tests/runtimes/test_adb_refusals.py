"""runtimes.adb*: every way in which a phone does not work, before a stand-in for adb."""

from __future__ import annotations

import json
import time
from pathlib import Path  # noqa: TC003 - a fixture's annotation

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from runtimes.fake_adb import FakeAdb, elf

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes.adb import Adb, Device, _listed
from edge_effnet.runtimes.adb_device import big_cores, cores_of, device_facts, thermal_of
from edge_effnet.runtimes.adb_target import COOL_DOWN, adb
from edge_effnet.runtimes.adb_tool import program_for, tool_engine
from edge_effnet.runtimes.base import Missing
from edge_effnet.runtimes.targets import BenchRequest
from edge_effnet.runtimes.tool_run import ToolJob, ToolMeasurement

REQUEST = BenchRequest(threads=1, min_seconds=1.0, min_runs=20, cpus=(), timeout_s=5.0)


def _measure(*jobs: ToolJob, request: BenchRequest = REQUEST, name: str = "adb") -> list[ToolMeasurement]:
    return adb(name).measure(jobs, request)


def _fails(kind: type[EdgeEffnetError], code: int, name: str = "adb") -> EdgeEffnetError:
    with pytest.raises(kind) as caught:
        adb(name).client.device(adb(name).serial)
    assert caught.value.exit_code == code
    return caught.value


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
        ("xnnpack.txt", 0, "xnnpack", "ok", None),
        ("xnnpack_took_nothing.txt", 0, "xnnpack", "not_delegated", None),
        ("xnnpack_failed.txt", 1, "xnnpack", "failed", "failed to setup XNNPACK runtime"),
        ("xnnpack.txt", 0, "builtin", "failed", "told to run the plain kernels"),
        ("measured.txt", 1, "builtin", "missing", "exit status 1"),
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


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e9"])
def test_a_cool_down_that_is_no_time_is_refused(
    fake: FakeAdb, job: ToolJob, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The variable is checked before anything runs."""
    monkeypatch.setenv(COOL_DOWN, text)
    with pytest.raises(UsageError, match=COOL_DOWN):
        _measure(job)


_WORDS = st.sampled_from(
    [
        "core",
        "0",
        "1",
        "-",
        "²",
        "uname",
        "load",
        "zone",
        "Thermal Status: ",
        "9",
        "[a]: [b]",
        "Temperature{mValue=",
        "1e999",
        "nan",
        "\n",
        "-5",
    ]
)


class _Says(Device):
    """A device whose shell prints one thing, whatever it is asked."""

    def __init__(self, output: str) -> None:
        super().__init__(Adb(), "X")
        object.__setattr__(self, "output", output)

    def shell(self, script: str, *, timeout_s: float = 1.0) -> tuple[int, str]:
        """Return it."""
        return 0, self.output  # type: ignore[attr-defined]


_LINES = st.lists(_WORDS | st.text(max_size=8), max_size=8).map(" ".join)


@example("load 1e999\ncore ² 1 1 1 x\nuname\nzone a -999999999\nThermal Status: 9")
@given(st.lists(_LINES, max_size=12).map("\n".join))
def test_whatever_a_device_prints_gives_a_record(output: str) -> None:
    """Vendors differ: what is not understood is null, and nothing of it breaks the run or the JSON."""
    device = _Says(output)
    cores = cores_of(device)
    record = {"device": device_facts(device, cores), "thermal": thermal_of(device).to_record()}
    json.dumps(record, allow_nan=False)
    assert set(big_cores(cores, 2)) <= {core.index for core in cores}


@given(st.text(max_size=80))
def test_any_row_of_adbs_list_is_read(row: str) -> None:
    """A row has a name and a state, whatever it holds."""
    listed = _listed(row)
    assert listed.state
