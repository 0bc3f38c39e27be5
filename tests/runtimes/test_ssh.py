"""runtimes.ssh: names, the command line, and a real sshd on loopback with everything that can go wrong."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtimes import loopback_sshd
from runtimes.tiny_models import colour_classifier

from edge_effnet.errors import EdgeEffnetError, EnvironmentFault, UsageError
from edge_effnet.runtimes.base import Missing
from edge_effnet.runtimes.ssh import SSH, ssh
from edge_effnet.runtimes.targets import target

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_sshd = pytest.mark.skipif(loopback_sshd.missing() is not None, reason=str(loopback_sshd.missing()))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[loopback_sshd.Server]:
    """A running sshd, and the environment that reaches it."""
    with loopback_sshd.sshd(tmp_path, sys.executable) as running:
        monkeypatch.setenv(SSH, running.command)
        yield running


def _fault(running: loopback_sshd.Server, name: str | None = None) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught:
        ssh(name or running.target).connect()
    assert caught.value.exit_code == 3
    assert caught.value.hint
    return caught.value


def _gone(pid: int, within_s: float = 10.0) -> bool:
    for _ in range(int(within_s / 0.05)):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ssh://pi@raspberrypi.local", ("pi", "raspberrypi.local", None, "python3")),
        ("ssh://board", (None, "board", None, "python3")),
        (
            "ssh://pi@10.0.0.7:2222/home/pi/env/bin/python",
            ("pi", "10.0.0.7", 2222, "/home/pi/env/bin/python"),
        ),
        ("ssh://me@[fe80::1%eth0]:22", ("me", "fe80::1%eth0", 22, "python3")),
        ("ssh://[::1]", (None, "::1", None, "python3")),
    ],
)
def test_a_name_is_taken_apart(name: str, parts: tuple) -> None:
    """User, host, port and interpreter; an IPv6 address in brackets, as in any address."""
    found = ssh(name)
    assert (found.user, found.host, found.port, found.python) == parts
    assert found.name == name
    assert target(name) == found


@pytest.mark.parametrize(
    "name",
    [
        "ssh:host",
        "ssh://",
        "ssh://-oProxyCommand=sh",
        "ssh://-l@host",
        "ssh://user@-host",
        "ssh://user@host:0",
        "ssh://user@host:70000",
        "ssh://user@host:22x",
        "ssh://user@ho st",
        "ssh://user@host;id",
        "ssh://$(id)@host",
        "ssh://user@::1",
        "ssh://host/path\nmore",
        "ssh://a@b@host",
    ],
)
def test_what_is_no_address_is_refused(name: str) -> None:
    """Nothing that ssh would take for an option, and nothing for a shell to read."""
    with pytest.raises(UsageError, match="not an address"):
        ssh(name)


def test_a_password_is_refused_and_not_repeated() -> None:
    """No password handling: and none in an error message either."""
    with pytest.raises(UsageError) as caught:
        ssh("ssh://pi:secret@host")
    assert "secret" not in str(caught.value)
    assert "key" in str(caught.value)


@given(st.text(max_size=40))
def test_any_name_is_refused_or_safe(rest: str) -> None:
    """Whatever follows ``ssh://``: the host never begins with a dash, and nothing in it is for a shell."""
    try:
        found = ssh(f"ssh://{rest}")
    except UsageError:
        return
    assert not found.host.startswith("-")
    assert not set(found.host + (found.user or "")) & set(" \t\n;&|$`\"'()<>\\*?")


def test_ours_come_before_the_users_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the first value that it finds: host-key checking cannot be switched off by the environment."""
    monkeypatch.setenv(SSH, "ssh -F 'my config' -o StrictHostKeyChecking=no")
    words = ssh("ssh://pi@host:2222")._ssh()
    assert words[0] == "ssh"
    assert words.index("StrictHostKeyChecking=yes") < words.index("StrictHostKeyChecking=no")
    assert "my config" in words
    assert words[-6:] == ["-l", "pi", "-p", "2222", "--", "host"]


@needs_sshd
def test_a_model_runs_there_as_it_does_here(server: loopback_sshd.Server) -> None:
    """Worker and model travel by hash, once; the output is the model's."""
    model = colour_classifier()
    with closing(ssh(server.target).connect()) as connection:
        loaded = connection.load(model.to_bytes(), "builtin")
        red = np.zeros((4, 4, 3), np.uint8)
        red[..., 0] = 255
        assert loaded.logits(red) == pytest.approx(model.logits(red), abs=model.output_scale)
    kept = {path: path.stat().st_mtime_ns for path in server.home.rglob("*") if path.is_file()}
    assert sorted(path.suffix for path in kept) == [".py", ".tflite"]
    with closing(ssh(server.target).connect()) as connection:
        connection.load(model.to_bytes(), "builtin")
    assert {path: path.stat().st_mtime_ns for path in server.home.rglob("*") if path.is_file()} == kept


@needs_sshd
def test_a_damaged_worker_there_is_replaced(server: loopback_sshd.Server) -> None:
    """What lies in the cache is compared, not trusted for its name."""
    ssh(server.target).connect().close()
    (worker,) = server.home.rglob("worker-*.py")
    worker.write_text("raise SystemExit('altered')")
    ssh(server.target).connect().close()
    assert "altered" not in worker.read_text()


@needs_sshd
def test_an_address_of_ipv6_works(server: loopback_sshd.Server) -> None:
    """In brackets, as in any address."""
    try:
        connection = ssh(server.target.replace("127.0.0.1", "[::1]")).connect()
    except EnvironmentFault as error:
        pytest.skip(f"no IPv6 on loopback here: {error.got}")
    connection.close()


@needs_sshd
def test_an_unknown_host_is_refused(server: loopback_sshd.Server) -> None:
    """With the command to look at the key oneself; nothing is written to the known hosts."""
    known = server.folder / "known_hosts"
    known.write_text("")
    fault = _fault(server)
    assert "not known" in fault.message
    assert f"ssh -p {server.port}" in str(fault.hint)
    assert known.read_text() == ""


@needs_sshd
def test_a_changed_host_key_is_refused(server: loopback_sshd.Server) -> None:
    """With words of its own, since it may be an attack."""
    server.stop()
    server.make_key("host_key")
    server.start()
    fault = _fault(server)
    assert "has changed" in fault.message
    assert "ssh-keygen -R" in str(fault.hint)


@needs_sshd
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda running: running.make_key("user_key"), "does not accept your key"),
        (lambda running: running.stop(), "nobody listens"),
    ],
)
def test_a_refusal_is_named(server: loopback_sshd.Server, change: object, words: str) -> None:
    """The user's key is not accepted; nobody listens."""
    change(server)  # type: ignore[operator]
    assert words in _fault(server).message


@needs_sshd
def test_a_name_that_does_not_resolve_is_named(server: loopback_sshd.Server) -> None:
    """`.invalid` never does."""
    assert "name" in _fault(server, "ssh://nobody@does-not-exist.invalid").message


@needs_sshd
def test_a_machine_without_python_is_named(server: loopback_sshd.Server) -> None:
    """The interpreter of the address is not there."""
    fault = _fault(server, server.target.replace(sys.executable, "/opt/none/bin/python"))
    assert "there is no /opt/none/bin/python" in fault.message


@needs_sshd
def test_a_shell_that_talks_is_named(server: loopback_sshd.Server) -> None:
    """A start-up file that prints would end up between the worker's messages."""
    talking = server.folder / "talking"
    talking.write_text(f'#!/bin/sh\necho "Welcome!"\nexec {sys.executable} "$@"\n')
    talking.chmod(0o755)
    fault = _fault(server, server.target.replace(sys.executable, str(talking)))
    assert "prints text of its own" in fault.message
    assert fault.got == "Welcome!"


@needs_sshd
def test_a_python_that_is_too_old_is_named(server: loopback_sshd.Server) -> None:
    """The script that says so runs on the old one."""
    old = server.folder / "old"
    begin = "import sys; sys.version_info = (3, 7, 0); sys.argv[:2] = []; exec(sys.argv.pop(0))"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{begin}" "$@"\n')
    old.chmod(0o755)
    fault = _fault(server, server.target.replace(sys.executable, str(old)))
    assert "too old" in fault.message


@needs_sshd
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_takes_nothing_is_named(server: loopback_sshd.Server) -> None:
    """The cache folder there cannot be made."""
    server.stop()
    server.start({"EDGE_EFFNET_CACHE": "/dev/full/cache"})
    fault = _fault(server)
    assert "cannot be kept" in fault.message
    assert "/dev/full" in str(fault.got)


@needs_sshd
def test_a_machine_without_a_runtime_gets_the_line_to_type(server: loopback_sshd.Server) -> None:
    """Python is there and numpy perhaps, LiteRT is not: pip's line is the fix."""
    bare = server.folder / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    with closing(ssh(server.target.replace(sys.executable, str(bare))).connect()) as connection:
        with pytest.raises(EnvironmentFault, match="ai-edge-litert") as caught:
            connection.load(colour_classifier().to_bytes())
        assert "pip install" in str(caught.value.hint)


@needs_sshd
def test_a_connection_cut_in_a_run_is_named_and_leaves_no_process(server: loopback_sshd.Server) -> None:
    """Its session dies in the middle of an inference: the error says so at once, and the worker ends."""
    with closing(ssh(server.target).connect()) as connection:
        pid = connection.hello["pid"]
        model = connection.load(colour_classifier().to_bytes(), "builtin")
        cut = threading.Timer(
            0.5, lambda: [os.kill(session, signal.SIGKILL) for session in server.sessions()]
        )
        cut.start()
        started = time.monotonic()
        with pytest.raises(EnvironmentFault, match="broke off"):
            model.time(100_000_000)
        assert time.monotonic() - started < 10
    assert _gone(pid)


@needs_sshd
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_worker_ends_when_this_side_dies(server: loopback_sshd.Server, number: int) -> None:
    """The local ssh is killed in the middle of an inference: the worker there ends, whatever it is doing."""
    connection = ssh(server.target).connect()
    pid = connection.hello["pid"]
    model = connection.load(colour_classifier().to_bytes(), "builtin")
    running = threading.Thread(target=_ignore, args=(model,))
    running.start()
    time.sleep(0.3)
    os.kill(connection._program.pid, number)
    assert _gone(pid)
    running.join()
    connection.close()


@needs_sshd
@pytest.mark.slow
def test_a_network_that_dies_without_a_word_is_noticed(server: loopback_sshd.Server) -> None:
    """Sshd is stopped, not killed: nothing closes the connection; ssh asks whether it lives, and gives up."""
    with closing(ssh(server.target).connect()) as connection:
        sessions = server.sessions()
        for pid in sessions:
            os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(EnvironmentFault, match="broke off") as caught:
            connection.ask("memory")
        assert 10 < time.monotonic() - started < 40
        assert "not responding" in str(caught.value.got)
        for pid in sessions:
            os.kill(pid, signal.SIGCONT)
    assert _gone(connection.hello["pid"])


def _ignore(model: object) -> None:
    try:
        model.time(100_000_000)  # type: ignore[attr-defined]
    except EdgeEffnetError:
        return


@needs_sshd
def test_a_probe_never_raises(server: loopback_sshd.Server) -> None:
    """It says what is wrong and what to do."""
    server.stop()
    state = ssh(server.target).probe()
    assert isinstance(state, Missing)
    assert state.fix
