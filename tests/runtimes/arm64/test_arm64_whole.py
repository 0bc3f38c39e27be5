"""The emulated cores as a whole, minutes long: a real installation, an interrupted one, equality with this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.images import Preprocessing, list_images, load_pixels
from edge_effnet.runtimes.arm64 import CORES, Installation, count_inference, default_folder
from edge_effnet.runtimes.arm64.install import install
from edge_effnet.runtimes.arm64.target import Arm64Target, arm64
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

_IMAGES = 16


def _skip_unless(*states: object) -> None:
    for state in states:
        if isinstance(state, Missing):
            pytest.skip(f"arm64: {state.reason}; fix: {state.fix}")


@pytest.fixture(scope="module")
def place() -> Installation:
    """The environment in the user's cache."""
    found = Installation(default_folder())
    _skip_unless(found.probe(), found.probe_counting())
    return found


@pytest.fixture
def model(shared: Path) -> Path:
    """A real int8 network with trained weights."""
    return shared / "data/weights/mobilenet_v2_ptq_int8.tflite"


@pytest.fixture
def pixels(shared: Path, model: Path) -> list[np.ndarray]:
    """Photographs, as the network wants them."""
    side = LocalModel(model).input.shape[1]
    files = list_images(shared / "data/imagenet/val_1300")
    return [load_pixels(path, Preprocessing(side)) for path in files[:: len(files) // _IMAGES][:_IMAGES]]


def test_three_processes_count_a_real_network_the_same(place: Installation, model: Path) -> None:
    """To the instruction; and this one, which has operators that XNNPACK leaves, says why they are not told apart."""
    found = [count_inference(model, "cortex-a55") for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert found[0].spread == 0
    assert found[0].instructions > 50e6
    assert found[0].operators is None
    assert "65 of 68" in str(found[0].reason)


def test_a_better_core_needs_fewer_instructions(place: Installation, model: Path) -> None:
    """A53: no dot product; A55 and A76: dot product; A710: matrix product."""
    names = ("cortex-a53", "cortex-a55", "cortex-a76", "cortex-a710")
    counts = [count_inference(model, name).instructions for name in names]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 2 * counts[-1]


@pytest.mark.parametrize("name", CORES)
def test_every_core_gives_the_outputs_of_this_machine(
    place: Installation, model: Path, pixels: list[np.ndarray], name: str
) -> None:
    """XNNPACK int8 with trained weights: at most one step apart, and the same class."""
    here = LocalModel(model)
    with closing(arm64(f"arm64:{name}").connect()) as connection:
        there = connection.load(model)
        for image in pixels:
            theirs, ours = there.run_pixels(image).astype(int), here.run_pixels(image).astype(int)
            assert np.abs(theirs - ours).max() <= 1
            assert theirs.argmax() == ours.argmax()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation in a folder of its own, with the machine's apt and pip."""
    folder = tmp_path_factory.mktemp("a 'folder' with spaces") / "arm64"
    if isinstance(state := Installation(folder).probe(), Missing) and "x86-64" in state.reason:
        pytest.skip(f"arm64: {state.reason}; fix: {state.fix}")
    manifest = install(folder)
    assert manifest["not_as_locked"] == []
    assert manifest["size_bytes"] < 200e6
    return Installation(folder)


def test_an_installation_elsewhere_counts_the_same(
    made: Installation, place: Installation, model: Path
) -> None:
    """Nothing of where it lies comes into the count."""
    assert isinstance(made.probe(), Available)
    _skip_unless(made.probe_counting())
    where = Arm64Target("arm64:cortex-a76", CORES["cortex-a76"], made)
    with closing(where.connect()) as connection:
        assert where.count(connection.load(model)) == count_inference(model, "cortex-a76")


def test_nothing_that_lies_in_it_points_out_of_it(made: Installation) -> None:
    """It must not depend on the machine's own libraries, nor on where it was built."""
    links = [path for path in (made.folder / "cores").rglob("*") if path.is_symlink()]
    assert links
    assert not [path for path in links if path.readlink().is_absolute()]


@pytest.mark.parametrize("after_s", [0.5, 3.0, 7.0])
def test_an_installation_that_is_interrupted_leaves_nothing(tmp_path: Path, after_s: float) -> None:
    """Ctrl-C in the middle: exit 130, no folder, no program that goes on."""
    program = [sys.executable, "-m", "edge_effnet", "doctor", "--install", "arm64"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    cache = tmp_path / "edge-effnet"
    while done.poll() is None and not list(cache.glob(".arm64.*")):
        time.sleep(0.05)
    time.sleep(after_s)
    if done.poll() is not None:
        pytest.skip(f"it had ended within {after_s} s")
    done.send_signal(signal.SIGINT)
    _, stderr = done.communicate(timeout=30)
    assert done.returncode == 130, stderr
    assert list(cache.iterdir()) == []
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in listed
