"""runtimes.worker and connection: a model in another process, and what happens when that goes wrong."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtimes.delegates import compiled_delegate
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError, EnvironmentFault, UnknownNameError, UsageError
from edge_effnet.runtimes import worker as protocol
from edge_effnet.runtimes.connection import WORKER, Connection
from edge_effnet.runtimes.engines import worker_engine
from edge_effnet.runtimes.targets import LocalTarget, target


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    """A model file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(colour_classifier().to_bytes())
    return path


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.none()).filter(
        lambda row: not {"bytes", "blobs"} & set(row)
    ),
    st.lists(st.binary(max_size=200), max_size=4),
)
def test_a_message_arrives_as_it_was_sent(fields: dict, blobs: list[bytes]) -> None:
    """Fields and blobs survive, whatever they hold; the next message begins where this one ends."""
    stream = io.BytesIO()
    protocol.write_message(stream, fields, blobs)
    protocol.write_message(stream, {"do": "next"}, [])
    stream.seek(0)
    found = protocol.read_message(stream)
    assert found == {**fields, "bytes": [len(blob) for blob in blobs], "blobs": blobs}
    following = protocol.read_message(stream)
    assert following is not None
    assert following["do"] == "next"
    assert protocol.read_message(stream) is None


def test_a_message_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    """Half a blob is an end of file, not a short blob; an absurd length is refused before memory is asked for."""
    stream = io.BytesIO()
    protocol.write_message(stream, {}, [b"whole"])
    with pytest.raises(EOFError):
        protocol.read_message(io.BytesIO(stream.getvalue()[:-1]))
    with pytest.raises(ValueError, match="impossible"):
        protocol.read_message(io.BytesIO(b'{"bytes": [99999999999]}\n'))


def test_the_worker_needs_nothing_of_this_package(tmp_path: Path) -> None:
    """It is one file: copied alone to an empty folder it still answers."""
    copy = tmp_path / "worker.py"
    copy.write_bytes(WORKER.read_bytes())
    with closing(Connection([sys.executable, "-I", str(copy)], where="copy")) as connection:
        assert connection.hello["protocol"] == protocol.PROTOCOL


def test_a_worker_that_loses_its_other_side_ends_at_once(model_path: Path) -> None:
    """No orphan, not even in the middle of a long measurement."""
    with subprocess.Popen(
        [sys.executable, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as program:
        assert program.stdin is not None
        load = {"do": "load", "id": "m", "engine": "xnnpack", "threads": 1, "path": str(model_path)}
        protocol.write_message(program.stdin, load, [])
        assert program.stdout is not None
        reply = protocol.read_message(program.stdout)
        assert reply is not None
        assert reply["ok"], reply
        protocol.write_message(program.stdin, {"do": "time", "id": "m", "runs": 10**9}, [])
        program.stdin.close()
        assert program.wait(10) == 0


def test_a_worker_that_dies_is_an_environment_fault_and_leaves_nothing(model_path: Path) -> None:
    """Exit 3, with the target's name; asking again says the same instead of hanging."""
    with closing(LocalTarget().connect()) as connection:
        model = connection.load(model_path)
        os.kill(connection.hello["pid"], signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(EnvironmentFault, match="worker at local broke off"):
                model.time(1)
    assert _gone(connection.hello["pid"])


def test_a_silent_worker_is_ended_when_its_time_is_over(model_path: Path) -> None:
    """A hung device costs one time limit, then the process is gone."""
    with closing(LocalTarget().connect()) as connection:
        model = connection.load(model_path)
        with pytest.raises(EnvironmentFault, match="did not answer within"):
            model.time(10**9, timeout_s=0.3)
        assert _gone(connection.hello["pid"])


def test_closing_ends_the_worker_and_may_be_done_twice() -> None:
    """Nothing is left running."""
    connection = LocalTarget().connect()
    connection.close()
    connection.close()
    assert _gone(connection.hello["pid"])


def test_what_a_library_prints_does_not_fall_between_the_messages(model_path: Path) -> None:
    """Stdout belongs to the protocol: a native print lands on stderr."""
    noisy = b"import os\ndef shout(worker, request):\n    os.write(1, b'noise')\n    return {}\nACTIONS = {'shout': shout}\n"
    path = model_path.with_name("worker_noise.py")
    path.write_bytes(noisy)
    with closing(LocalTarget().connect()) as connection:
        connection.extend(path)
        assert connection.ask("shout")[0]["ok"]
        assert connection.ask("hello")[0]["pid"] == connection.hello["pid"]


def test_a_model_travels_by_its_hash_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files are not shared the content is kept there under its hash, whole; a damaged copy is sent again."""
    monkeypatch.setenv("EDGE_EFFNET_CACHE", str(tmp_path / "cache"))
    content = colour_classifier().to_bytes()
    kept = tmp_path / "cache" / "models" / f"{sha256_of_bytes(content)}.tflite"
    pixels = np.full((4, 4, 3), 200, np.uint8)
    outputs = []
    for damage in (None, b"damaged", None):
        if damage is not None:
            kept.write_bytes(damage)
        with closing(
            Connection([sys.executable, str(WORKER)], where="there", shares_files=False)
        ) as connection:
            outputs.append(connection.load(content).run_pixels(pixels))
        assert kept.read_bytes() == content
    assert all(np.array_equal(outputs[0], other) for other in outputs)
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_worker_refuses_a_model_that_arrives_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content and hash must agree, and a hash is a hash, not a path."""
    monkeypatch.setenv("EDGE_EFFNET_CACHE", str(tmp_path))
    with closing(LocalTarget().connect()) as connection:
        with pytest.raises(EnvironmentFault, match="damaged"):
            connection.ask("put", b"content", sha256="0" * 64)
        with pytest.raises(EnvironmentFault, match="no sha256"):
            connection.ask("put", b"content", sha256="../../escape")
    assert list(tmp_path.rglob("*.tflite")) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 3 with what to do, and no half of a model."""
    (tmp_path / "models").symlink_to("/dev/full")
    monkeypatch.setenv("EDGE_EFFNET_CACHE", str(tmp_path))
    with closing(Connection([sys.executable, str(WORKER)], where="there", shares_files=False)) as connection:
        with pytest.raises(EnvironmentFault, match="cannot keep the model") as caught:
            connection.load(colour_classifier().to_bytes())
        assert "space" in str(caught.value)


def test_an_unknown_request_is_answered_not_fatal() -> None:
    """A newer near end gets an error, and the worker goes on."""
    with closing(LocalTarget().connect()) as connection:
        with pytest.raises(EnvironmentFault, match="unknown request 'fly'"):
            connection.ask("fly")
        assert connection.ask("hello")[0]["ok"]


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_a_remote_model_gives_the_bits_of_the_local_one(io: str) -> None:
    """The pipe changes nothing."""
    tiny = TinyModel(np.random.default_rng(1).integers(-100, 100, (5, 48)), io=io)
    from edge_effnet.runtimes import LocalModel

    here = LocalModel(tiny.to_bytes())
    there = worker_engine("xnnpack").load(tiny.to_bytes())
    pixels = np.random.default_rng(2).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    assert np.array_equal(here.run_pixels(pixels), there.run_pixels(pixels))
    assert np.array_equal(here.logits(pixels), there.logits(pixels))


def test_operators_that_a_delegate_took_are_counted() -> None:
    """XNNPACK takes the one operator of the model; the plain kernels leave it."""
    content = colour_classifier().to_bytes()
    taken = {name: worker_engine(name).load(content).facts for name in ("xnnpack", "builtin", "reference")}
    assert {name: facts["total_ops"] for name, facts in taken.items()} == dict.fromkeys(taken, 1)
    assert [taken[name]["delegated_ops"] for name in ("xnnpack", "builtin", "reference")] == [1, 0, 0]


def test_a_delegate_that_takes_nothing_is_loaded_and_counted_as_nothing(tmp_path: Path) -> None:
    """The model still runs, on the plain kernels, and the count says so."""
    library = compiled_delegate(tmp_path)
    loaded = worker_engine(f"delegate:{library}").load(colour_classifier().to_bytes())
    assert (loaded.facts["delegated_ops"], loaded.facts["total_ops"]) == (0, 1)


@pytest.mark.parametrize(
    ("options", "words"), [("?mode=refuse", "no device is attached"), ("?mode=fail", "delegate")]
)
def test_a_delegate_that_refuses_is_an_environment_fault(tmp_path: Path, options: str, words: str) -> None:
    """Exit 3 with the delegate's own words, where it has any, and the library's path."""
    library = compiled_delegate(tmp_path)
    with pytest.raises(EnvironmentFault, match=words) as caught:
        worker_engine(f"delegate:{library}{options}").load(colour_classifier().to_bytes())
    assert "library" in str(caught.value)


def test_a_delegate_library_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(EnvironmentFault, match=r"nowhere\.so"):
        worker_engine(f"delegate:{tmp_path}/nowhere.so").load(colour_classifier().to_bytes())


@pytest.mark.parametrize("name", ["xnpack", "xnnpack:fast", "coral"])
def test_an_unknown_engine_lists_what_there_is(name: str) -> None:
    """Exit 2."""
    with pytest.raises(UnknownNameError, match="delegate:PATH"):
        worker_engine(name)


@pytest.mark.parametrize("name", ["delegate:", "delegate:lib.so?x", "delegate"])
def test_a_delegate_without_path_or_with_odd_options_is_refused(name: str) -> None:
    """Exit 2 with the form that is understood."""
    with pytest.raises(UsageError, match=r"delegate:PATH"):
        worker_engine(name)


def test_the_edge_tpu_is_a_delegate_by_another_name() -> None:
    """Its library and its device go to the worker."""
    found = worker_engine("edgetpu:usb:0")
    assert found.delegates[0]["options"] == {"device": "usb:0"}
    assert "edgetpu" in found.delegates[0]["path"]
    assert worker_engine("edgetpu").delegates[0]["options"] == {}


def test_an_unknown_target_gets_a_suggestion() -> None:
    """Exit 2."""
    with pytest.raises(UnknownNameError, match="did you mean 'local'"):
        target("locl")


@pytest.mark.parametrize("name", ["python:", "python:/no/such/interpreter", "python:/etc/passwd", "local:8"])
def test_a_target_that_names_no_interpreter_is_refused(name: str) -> None:
    """Exit 2 before anything is started."""
    with pytest.raises(UsageError):
        target(name)


def test_an_interpreter_without_a_runtime_says_what_to_install(tmp_path: Path) -> None:
    """Exit 3: the worker starts, and the engine is what is missing."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    place = target(f"python:{tmp_path / 'bare'}")
    words = "ai-edge-litert cannot be loaded"
    with closing(place.connect()) as connection, pytest.raises(EnvironmentFault, match=words) as caught:  # type: ignore[attr-defined]
        connection.load(colour_classifier().to_bytes())
    assert "pip install" in str(caught.value)


def test_a_malformed_model_is_a_data_error_there_too(tmp_path: Path) -> None:
    """The same classes of error as inside this process."""
    path = tmp_path / "broken.tflite"
    path.write_bytes(colour_classifier().to_bytes()[:300])
    with pytest.raises(DataError):
        worker_engine("xnnpack").load(path)


def test_a_worker_that_nobody_asks_ends_by_itself() -> None:
    """A network that dies without a word leaves stdin open: an idle worker ends all the same."""
    program = "from edge_effnet.runtimes import worker; worker.IDLE_S = 0.2; worker.main()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as idle:
        assert idle.wait(20) == 0
