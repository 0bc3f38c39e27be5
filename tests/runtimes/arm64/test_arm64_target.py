"""Targets arm64:CORE, on the installed environment: outputs and exact counts, never times."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from build_model import clean
from runtimes.tiny_models import colour_classifier

from edge_effnet.cli.main import run
from edge_effnet.errors import DataError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes.arm64 import CORES, Installation, default_folder
from edge_effnet.runtimes.arm64.installed import unsupported_host
from edge_effnet.runtimes.arm64.target import Arm64Target, arm64
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.litert import LocalModel
from edge_effnet.runtimes.targets import target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_effnet.runtimes.connection import Connection

WHERE = arm64("arm64:cortex-a76")


@pytest.fixture(scope="module")
def place() -> Installation:
    """The environment in the user's cache."""
    found = Installation(default_folder())
    for state in (found.probe(), found.probe_counting()):
        if isinstance(state, Missing):
            pytest.skip(f"arm64: {state.reason}; fix: {state.fix}")
    return found


@pytest.fixture(scope="module")
def connection(place: Installation) -> Iterator[Connection]:
    """A worker on an A76: starting one takes more than a second."""
    with closing(WHERE.connect()) as found:
        yield found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense layer that tells red, green and blue."""
    path = tmp_path_factory.mktemp("model") / "colours.tflite"
    path.write_bytes(colour_classifier(size_px=8).to_bytes())
    return path


@pytest.fixture
def without_plugin(place: Installation, tmp_path: Path) -> Installation:
    """The same environment, as it is where no compiler was found."""
    bare = Installation(tmp_path / "bare")
    bare.folder.mkdir()
    for name in ("host", "root", "site", "cores"):
        (bare.folder / name).symlink_to(place.folder / name)
    counter = {"compiler": None, "reason": "there is no C compiler", "fix": "install gcc"}
    bare.manifest_path.write_text(json.dumps({**place.manifest(), "counter": counter}))
    return bare


def test_a_core_has_outputs_and_no_times() -> None:
    """Emulated milliseconds say nothing about a phone: no record may hold one."""
    assert all(target(f"arm64:{name}").timing == "none" for name in CORES)


@pytest.mark.parametrize(
    ("name", "error"), [("arm64", UsageError), ("arm64:", UsageError), ("arm64:m4", UnknownNameError)]
)
def test_a_core_that_is_not_named_or_not_known_is_refused(name: str, error: type[Exception]) -> None:
    """Exit 2 with what is allowed."""
    with pytest.raises(error, match="cortex-a53"):
        target(name)


@pytest.mark.parametrize("engine", ["tflite-runtime", "delegate"])
def test_an_engine_that_the_environment_lacks_is_refused(engine: str) -> None:
    """Only LiteRT's own are installed there."""
    with pytest.raises(UnknownNameError, match="xnnpack, builtin, reference"):
        arm64("arm64:cortex-a53").connect(engine)


def test_without_an_installation_the_target_is_missing_with_its_fix(tmp_path: Path) -> None:
    """The probe says what to run, and so does the error."""
    nothing = Arm64Target("arm64:cortex-a53", CORES["cortex-a53"], Installation(tmp_path / "nothing"))
    state = nothing.probe()
    assert isinstance(state, Missing)
    if unsupported_host() is None:
        assert state.fix == "edge-effnet doctor --install arm64"
    with pytest.raises(EnvironmentFault, match="is missing"):
        nothing.connect()


def test_a_core_gives_the_outputs_of_this_machine(connection: Connection, model: Path) -> None:
    """One dense layer, whose sums are exact: bit for bit."""
    here, there = LocalModel(model), connection.load(model)
    random = np.random.default_rng(5)
    assert connection.host()["machine"] == "aarch64"
    for _ in range(4):
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        assert np.array_equal(there.run_pixels(pixels), here.run_pixels(pixels))


def test_the_parts_of_a_count_are_its_whole(connection: Connection, model: Path) -> None:
    """And a second load of the same model counts the same."""
    first, second = (WHERE.count(connection.load(model)) for _ in range(2))
    assert first == second
    assert first.spread == 0
    assert first.operators
    assert first.before + sum(first.operators) == first.instructions


def test_every_operator_of_a_network_has_its_count(connection: Connection) -> None:
    """Convolutions, a pooling, a dense layer: the parts differ and are the whole."""
    model = connection.load(clean().pack())
    found = WHERE.count(model)
    assert found.operators is not None
    assert len(found.operators) >= model.facts["total_ops"]
    assert len(set(found.operators)) > 3
    assert all(count > 0 for count in found.operators)
    assert found.before + sum(found.operators) == found.instructions


def test_a_larger_layer_takes_more_instructions(connection: Connection) -> None:
    """The count is of this model: a constant would not follow."""
    models = [colour_classifier([(1, -1, 0)] * 64, size_px=side).to_bytes() for side in (16, 32)]
    small, large = (sum(WHERE.count(connection.load(model)).operators or ()) for model in models)
    assert 2.5 < large / small < 4.5


@pytest.mark.parametrize("engine", ["builtin", "reference"])
def test_other_engines_have_a_total_and_say_why_no_operators(
    connection: Connection, model: Path, engine: str
) -> None:
    """Operators are told apart inside XNNPACK only."""
    found = WHERE.count(connection.load(model, engine))
    assert found.instructions > 1000
    assert found.operators is None
    assert "XNNPACK" in str(found.reason)


def test_counting_is_for_one_thread(connection: Connection, model: Path) -> None:
    """The plug-in counts the thread that opens the window: others would be missing from the sum."""
    with pytest.raises(UsageError, match="one thread"):
        WHERE.count(connection.load(model, threads=2), threads=2)


def test_a_file_that_is_no_model_is_a_data_error(connection: Connection, tmp_path: Path) -> None:
    """Exit 4, from the emulated runtime as from the local one."""
    path = tmp_path / "page.tflite"
    path.write_bytes(b"<html>" * 99)
    with pytest.raises(DataError):
        connection.load(path)


def test_without_the_plug_in_outputs_work_and_counting_says_why_not(
    without_plugin: Installation, model: Path
) -> None:
    """A machine without a compiler loses the counts and nothing else."""
    where = Arm64Target("arm64:cortex-a76", CORES["cortex-a76"], without_plugin)
    assert isinstance(where.probe(), Available)
    with closing(where.connect()) as found:
        there = found.load(model)
        assert there.run_pixels(np.zeros((8, 8, 3), np.uint8)).shape == (1, 3)
        with pytest.raises(EnvironmentFault, match="there is no C compiler") as caught:
            where.count(there)
    assert caught.value.hint == "install gcc"


def test_bench_reports_the_same_count_from_another_process_and_no_time(
    connection: Connection, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exact to the instruction, whatever the environment; counted and timed figures never share a column."""
    monkeypatch.setenv("SOMETHING_LONG_IN_THE_ENVIRONMENT", "x" * 999)
    assert run(["bench", str(model), "--target", "arm64:cortex-a76", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["timing"] == "none"
    assert result["instructions"] == WHERE.count(connection.load(model)).instructions
    assert [value for key, value in result.items() if key.endswith("_ms") and value is not None] == []
    assert result["instructions_spread"] == 0
    assert result["peak_rss_bytes"] is None, "the emulator's memory is not the model's"
