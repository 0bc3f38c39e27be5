"""runtimes.adb* with the real adb: Debian's adbd and benchmark_model in a chroot, and a phone that nobody unlocks."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from ai_edge_litert import schema_py_generated as schema
from runtimes import debian_phone
from runtimes.locked_phone import locked_phone
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.runtimes.adb import FOLDER, Adb, Device
from edge_effnet.runtimes.adb_target import COOL_DOWN, TURNS_ALONE, adb
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.targets import BenchRequest
from edge_effnet.runtimes.tool_run import ToolJob, ToolMeasurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from debian_phone import Phone

REQUEST = BenchRequest(threads=1, min_seconds=0.3, min_runs=6, cpus=(), timeout_s=10.0)
SERVER_PORT = "5639"
"""Of a server of our own, so that the user's is left alone."""

needs_phone = pytest.mark.skipif(debian_phone.missing() is not None, reason=str(debian_phone.missing()))


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let adb keep a server, and keys, of its own."""
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", SERVER_PORT)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    monkeypatch.setenv(COOL_DOWN, "0")


@pytest.fixture
def phone(own_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Phone]:
    """A running phone, and the environment that finds it."""
    with debian_phone.phone(tmp_path, disk="8m") as running:
        monkeypatch.setenv("ADB", str(running.adb))
        monkeypatch.setenv("EDGE_EFFNET_BENCHMARK_MODEL", str(running.tool))
        yield running


def _job(
    folder: Path, model: TinyModel | bytes | None = None, engine: str = "builtin", library: str | None = None
) -> ToolJob:
    content = model if isinstance(model, bytes) else (model or colour_classifier()).to_bytes()
    path = folder / f"m{len(list(folder.iterdir()))}.tflite"
    path.write_bytes(content)
    return ToolJob(path, engine, library)


def _measure(*jobs: ToolJob) -> list[ToolMeasurement]:
    return adb(f"adb:{debian_phone.Phone.serial}").measure(jobs, REQUEST)


@pytest.mark.skipif(
    shutil.which("adb") is None, reason="adb is not installed (on Debian: apt-get install adb)"
)
def test_a_phone_that_is_locked_says_unlock(own_server: None) -> None:
    """The real client, with a device that never accepts its key."""
    with locked_phone() as address:
        try:
            subprocess.run(["adb", "connect", address], capture_output=True, check=False, timeout=30)
            # It asks again and again, so that adb shows it in turns as authorizing and unauthorized.
            assert _comes_true(lambda: _refusal(address) == "unlock the device")
            assert isinstance(adb(f"adb:{address}").probe(), Missing)
        finally:
            subprocess.run(["adb", "kill-server"], capture_output=True, check=False, timeout=30)


@needs_phone
@pytest.mark.slow
def test_a_phone_measures_and_keeps_what_it_was_sent(phone: Phone, tmp_path: Path) -> None:
    """Pushed once, made executable, kept on the big core, profiled; the device's record is the phone's."""
    job = _job(tmp_path)
    (found,) = _measure(job)
    assert (found.status, found.error, len(found.runs)) == ("ok", None, TURNS_ALONE)
    assert all(run.measured is not None and run.measured.count >= 2 for run in found.runs)
    assert found.cpus == (1,)
    assert [row.kind for row in found.profile.operators] == ["FULLY_CONNECTED"]  # type: ignore[union-attr]
    assert found.device["android"]["model"] == "chroot"
    assert found.source["thermal"][0]["before"]["status"] == 0
    device = Device(Adb(), phone.serial)
    _, listed = device.shell(f"ls -l --time-style=full-iso {FOLDER}")
    assert "rwxr-xr-x" in next(line for line in listed.splitlines() if line.endswith("benchmark_model"))
    _measure(job)
    assert device.shell(f"ls -l --time-style=full-iso {FOLDER}")[1] == listed
    state = adb("adb").probe()
    assert isinstance(state, Available)
    assert "chroot, Android 13" in state.version


@needs_phone
@pytest.mark.slow
def test_what_the_real_tool_refuses_has_its_own_class(phone: Phone, tmp_path: Path) -> None:
    """An operator that it lacks by name, a file that is no model, an engine that it lacks, a delegate that takes nothing."""
    weights = colour_classifier().weights
    dummy = "/src/dummy.so"
    found = _measure(
        _job(tmp_path, TinyModel(weights, operator=schema.BuiltinOperator.CUSTOM, custom="Invented")),
        _job(tmp_path, b"garbage" * 20),
        _job(tmp_path, engine="gpu"),
        _job(tmp_path, engine=f"delegate:{dummy}", library=dummy),
        _job(tmp_path, engine="delegate:/src/none.so", library="/src/none.so"),
        _job(tmp_path),
    )
    assert [each.status for each in found] == [
        "missing",
        "failed",
        "missing",
        "not_delegated",
        "missing",
        "ok",
    ]
    assert "no operator Invented" in str(found[0].error)
    assert "no engine gpu" in str(found[2].error)
    assert found[3].delegation is not None
    assert (found[3].delegation.delegated, found[3].delegation.total) == (0, 1)
    assert "none.so" in str(found[4].error)


@needs_phone
@pytest.mark.slow
def test_xnnpack_is_what_ran_or_it_is_no_result(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With XNNPACK in the tool its delegate takes the graph; in a build without it the flag is unknown, and nothing is measured."""
    job = _job(tmp_path, engine="xnnpack")
    (found,) = _measure(job)
    assert found.status == "ok", found.error
    assert found.delegation is not None
    assert (found.delegation.name, found.delegation.extent) == ("XNNPACK", "all")
    monkeypatch.setenv("EDGE_EFFNET_BENCHMARK_MODEL", str(phone.plain_tool))
    (found,) = _measure(job)
    assert found.status == "missing"
    assert "no engine xnnpack" in str(found.error)
    assert not found.runs


@needs_phone
@pytest.mark.slow
def test_a_full_disk_is_named(phone: Phone, tmp_path: Path) -> None:
    """The real message of a file system that has no room; the part that was written is removed."""
    with pytest.raises(EnvironmentFault, match="is full") as caught:
        Device(Adb(), phone.serial).bring(_job(tmp_path, bytes(9_000_000)).model, "model.tflite")
    assert "No space left" in str(caught.value.got)
    assert Device(Adb(), phone.serial).shell(f"ls {FOLDER}")[1].strip() == ""


@needs_phone
@pytest.mark.slow
def test_two_devices_need_a_name(phone: Phone) -> None:
    """The same phone by two addresses is two for adb."""
    subprocess.run([phone.adb, "connect", "localhost:5555"], capture_output=True, check=True, timeout=30)
    with pytest.raises(UsageError, match="several devices") as caught:
        Adb().device()
    assert f"adb:{phone.serial}" in str(caught.value.allowed)


@needs_phone
@pytest.mark.slow
def test_a_phone_that_hangs_ends_in_time(phone: Phone) -> None:
    """The daemon is stopped: adb still lists it as a device, and never answers."""
    device = Adb().device(phone.serial)
    phone.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(EnvironmentFault, match="no answer within 2 s"):
            device.shell("echo hello", timeout_s=2.0)
        assert time.monotonic() - started < 6
    finally:
        phone.signal(signal.SIGCONT)


@needs_phone
@pytest.mark.slow
def test_a_phone_that_goes_away_is_no_result(phone: Phone) -> None:
    """The daemon is killed in the middle: adb ends with status 0 and no output, and that is noticed."""
    threading.Timer(1.0, phone.signal, [signal.SIGKILL]).start()
    with pytest.raises(EnvironmentFault, match="broke off"):
        Device(Adb(), phone.serial).shell("sleep 5; echo hello")


@needs_phone
@pytest.mark.slow
def test_the_tool_ends_when_this_side_goes_away(phone: Phone, tmp_path: Path) -> None:
    """The connection breaks off in the middle of a long measurement: nothing goes on running there."""
    device = Device(Adb(), phone.serial)

    def measure() -> None:
        with contextlib.suppress(EnvironmentFault):
            adb(f"adb:{phone.serial}").measure([_job(tmp_path)], BenchRequest(1, 60.0, 1, (), 60.0))

    watcher = threading.Thread(target=measure)
    watcher.start()
    assert _comes_true(lambda: _runs_tool(device)), "it has begun"
    subprocess.run([phone.adb, "kill-server"], capture_output=True, check=True, timeout=30)
    watcher.join(60)
    phone.wait()
    assert _comes_true(lambda: not _runs_tool(device))


def _refusal(serial: str) -> str:
    """Return the beginning of the fix."""
    with pytest.raises(EnvironmentFault) as caught:
        Adb().device(serial)
    assert caught.value.exit_code == 3
    return str(caught.value.hint).partition(" and accept")[0]


def _runs_tool(device: Device) -> bool:
    return "benchmark_model" in device.shell("ls -l /proc/[0-9]*/exe 2>/dev/null")[1]


def _comes_true(what: Callable[[], bool], within_s: float = 15.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.2)
    return False
