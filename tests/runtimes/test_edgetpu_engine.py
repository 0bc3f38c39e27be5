"""The engine `edgetpu`, with a library that stands in for libedgetpu: the whole path runs, and each failure has its words."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from compiled_models import compiled, executable, flex, package
from runtimes import loopback_sshd
from runtimes.delegates import compiled_delegate
from runtimes.tiny_models import colour_classifier

from edge_effnet.cli.main import run
from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.edgetpu import explained_refusal, library
from edge_effnet.runtimes.engines import worker_engine
from edge_effnet.runtimes.ssh import SSH
from edge_effnet.runtimes.worker_edgetpu import edgetpu_facts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library."""
    return compiled_delegate(tmp_path_factory.mktemp("edgetpu"))


@pytest.fixture
def take(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let the engine load the library, which takes what was compiled."""
    monkeypatch.setenv("EDGETPU_LIBRARY", str(stand_in))
    monkeypatch.setenv("STAND_IN_MODE", "take")
    return monkeypatch


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A compiled model."""
    path = tmp_path / "m_edgetpu.tflite"
    path.write_bytes(compiled([flex(package([executable(2, 16), executable(1, 48)]))]))
    return path


@pytest.mark.parametrize("name", ["edgetpu", "edgetpu:usb:0", "edgetpu:pci", "edgetpu::0"])
def test_a_compiled_model_runs_on_the_delegate(name: str, take: pytest.MonkeyPatch, model: Path) -> None:
    """Every operator is taken, the result is the delegate's, the facts say what ran it."""
    loaded = worker_engine(name).load(model)
    value = np.arange(48, dtype=np.int8).reshape(1, 4, 4, 3)
    codes = loaded.run(value).view(np.uint8).reshape(-1)
    assert codes.tolist() == [(value.sum() + i) % 256 for i in range(48)]
    assert (loaded.facts["delegated_ops"], loaded.facts["total_ops"]) == (1, 1)
    assert loaded.facts["accelerator"]["runtime"] == 12
    assert loaded.facts["accelerator"]["library"] == library()


def test_the_first_inference_is_told_apart(take: pytest.MonkeyPatch, model: Path) -> None:
    """It loads the parameters: 30 ms in the stand-in, next to nothing afterwards."""
    loaded = worker_engine("edgetpu").load(model)
    times, _ = loaded.time(5)
    assert loaded.facts["first_ms"] >= 30
    assert np.median(times) < 15e6


def test_operators_left_for_the_cpu_are_counted(take: pytest.MonkeyPatch, shared: Path) -> None:
    """The real DeepLab has 8 of them behind the compiled one; no classifier, so only the worker's facts are looked at."""
    from edge_effnet.runtimes.targets import LocalTarget

    engine = worker_engine("edgetpu")
    connection = LocalTarget().connect(engine.kernels)
    path = shared / "data/edgetpu/deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite"
    facts, _ = connection.ask(
        "load", id="m", engine=engine.kernels, threads=1, delegates=engine.delegates, path=str(path)
    )
    connection.close()
    assert (facts["delegated_ops"], facts["total_ops"]) == (1, 9)


def test_an_uncompiled_model_is_refused_with_the_command_to_compile(
    take: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing of it would run on the device, so it is not run at all."""
    path = tmp_path / "plain.tflite"
    path.write_bytes(colour_classifier().to_bytes())
    with pytest.raises(DataError, match="not compiled") as caught:
        worker_engine("edgetpu").load(path)
    assert f"edgetpu compile {path}" in str(caught.value)


@pytest.mark.parametrize("engine", ["xnnpack", "builtin"])
def test_a_compiled_model_on_another_engine_says_where_it_belongs(engine: str, model: Path) -> None:
    """Not only that an operator is unknown."""
    with pytest.raises(DataError, match="compiled for the Edge TPU") as caught:
        worker_engine(engine).load(model)
    assert "--engine edgetpu" in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("old", "needs 14, there is 12"),
        ("nothing", "took no part"),
        ("fail", "took no part"),
        ("refuse", "no Edge TPU is attached"),
    ],
)
def test_every_refusal_of_the_library_is_explained(
    mode: str, says: str, take: pytest.MonkeyPatch, model: Path
) -> None:
    """Exit 3, one cause, one thing to do."""
    take.setenv("STAND_IN_MODE", mode)
    with pytest.raises(EnvironmentFault, match=says) as caught:
        worker_engine("edgetpu").load(model)
    assert caught.value.hint


def test_a_missing_library_is_told_from_a_broken_one(
    take: pytest.MonkeyPatch, model: Path, tmp_path: Path
) -> None:
    """What to install differs."""
    take.setenv("EDGETPU_LIBRARY", "libedgetpu-that-is-not-here.so.1")
    with pytest.raises(EnvironmentFault, match="is not installed"):
        worker_engine("edgetpu").load(model)
    broken = tmp_path / "libedgetpu.so.1"
    broken.write_bytes(b"no library")
    take.setenv("EDGETPU_LIBRARY", str(broken))
    with pytest.raises(EnvironmentFault, match="cannot be loaded"):
        worker_engine("edgetpu").load(model)


@pytest.mark.parametrize("word", ["xx", "usb:x", "usb:0:1", "usb:-1", "tpu:0"])
def test_a_device_that_libedgetpu_cannot_mean_is_a_usage_error(word: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(UsageError, match="named so"):
        worker_engine(f"edgetpu:{word}")


def test_probe_opens_the_device(take: pytest.MonkeyPatch) -> None:
    """What `doctor` shows."""
    found = worker_engine("edgetpu").probe()
    assert isinstance(found, Available)
    assert "Edge TPU runtime 12" in found.version
    take.setenv("STAND_IN_MODE", "refuse")
    missing = worker_engine("edgetpu").probe()
    assert isinstance(missing, Missing)
    assert "no Edge TPU is attached" in missing.reason


def _machine(root: Path, *, usb: tuple[str, str] | None = None, pci: bool = False) -> Path:
    """Write what Linux tells of a machine: an Edge TPU on USB (id, speed), or on PCIe."""
    (root / "dev/bus/usb/002").mkdir(parents=True)
    devices = root / "sys/bus/usb/devices/2-1"
    devices.mkdir(parents=True)
    if usb is not None:
        vendor, _, product = usb[0].partition(":")
        texts = {"idVendor": vendor, "idProduct": product, "busnum": "2", "devnum": "7", "speed": usb[1]}
        for name, text in texts.items():
            (devices / name).write_text(text + "\n")
        (root / "dev/bus/usb/002/007").touch()
    slot = root / "sys/bus/pci/devices/0000:01:00.0"
    slot.mkdir(parents=True)
    (slot / "vendor").write_text("0x1ac1\n" if pci else "0x8086\n")
    (slot / "device").write_text("0x089a\n")
    return root


def test_a_machine_is_described(tmp_path: Path, stand_in: Path) -> None:
    """Devices by their ids, the port's speed, the runtime's version."""
    facts = edgetpu_facts(str(stand_in), str(_machine(tmp_path, usb=("18d1:9302", "5000"), pci=True)))
    (usb,) = facts["usb"]
    assert (usb["id"], usb["speed_mbps"], usb["ready"], usb["permitted"]) == ("18d1:9302", 5000, True, True)
    assert facts["pci"] == ["0000:01:00.0"]
    assert facts["apex"] == []
    assert facts["library"]["runtime"] == 12


GOOD_USB = {"id": "18d1:9302", "place": "2-1", "speed_mbps": 5000.0, "ready": True, "permitted": True}
APEX = {"node": "/dev/apex_0", "permitted": True}


@pytest.mark.parametrize(
    ("word", "change", "says", "fix"),
    [
        ("", {}, "no Edge TPU is attached", "plug it in"),
        ("", {"told": False}, "cannot be opened", "power supply"),
        ("", {"pci": ["0000:01:00.0"]}, "/dev/apex_0 is not there", "gasket"),
        ("usb:1", {"usb": [GOOD_USB]}, "no device usb:1: 1 on USB, 0 on PCIe", "--engine edgetpu"),
        ("pci", {"usb": [GOOD_USB]}, "no device pci", "name one"),
        ("", {"usb": [{**GOOD_USB, "permitted": False}]}, "may not use the Edge TPU on USB", "udev"),
        ("", {"usb": [{**GOOD_USB, "permitted": None}]}, "no node", "container"),
        ("pci:0", {"pci": ["x"], "apex": [{**APEX, "permitted": False}]}, "may not use /dev/apex_0", "group"),
        ("", {"usb": [{**GOOD_USB, "speed_mbps": 480.0}]}, "USB 2 port", "USB 3"),
        ("", {"usb": [GOOD_USB]}, "cannot be opened", "other programs"),
        ("pci", {"pci": ["x"], "apex": [APEX], "usb": [{**GOOD_USB, "permitted": False}]}, "cannot be opened", "end other"),
    ],
)  # fmt: skip
def test_a_device_that_cannot_be_opened_has_one_cause(
    word: str, change: dict[str, Any], says: str, fix: str
) -> None:
    """Each state of a machine leads to one sentence and one thing to do."""
    state = {"told": True, "usb": [], "pci": [], "apex": [], **change}
    facts = {"library": {"name": "libedgetpu.so.1", "error": None, "runtime": 14}, **state}
    error = EnvironmentFault("local: libedgetpu.so.1: Failed to load delegate from libedgetpu.so.1")
    found = explained_refusal(facts, error, word, "local")
    assert says in found.message
    assert fix in (found.hint or "")


@pytest.mark.skipif(loopback_sshd.missing() is not None, reason=str(loopback_sshd.missing()))
def test_a_board_behind_ssh_runs_it_likewise(
    take: pytest.MonkeyPatch, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same worker there: the model travels, the device's facts come back, a device that is not there is explained."""
    (tmp_path / "sshd").mkdir()
    with loopback_sshd.sshd(tmp_path / "sshd", sys.executable) as server:
        take.setenv(SSH, server.command)
        short = ["--target", server.target, "--min-seconds", "0.02", "--min-runs", "10", "--json"]
        assert run(["bench", str(model), "--engine", "edgetpu:usb:7", *short]) == 0
        (result,) = json.loads(capsys.readouterr().out)["results"]
        assert (result["target"], result["status"], result["delegated_ops"]) == (server.target, "ok", 1)
        assert result["accelerator"]["runtime"] == 12
        assert result["first_ms"] >= 30
        assert run(["bench", str(model), "--engine", "edgetpu:usb:9", *short]) == 3
        assert "Edge TPU" in capsys.readouterr().err
