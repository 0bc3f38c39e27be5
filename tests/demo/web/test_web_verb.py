"""`edge-effnet demo web` on the command line."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from demo.web.raw_client import ask, serving

from edge_effnet.cli import demo_web
from edge_effnet.cli.main import run
from edge_effnet.demo.web import site as site_module
from edge_effnet.demo.web.server import WebServer
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[3]

# A job in the background may inherit an ignored SIGINT, which a terminal never gives. LiteRT.js is not asked for here.
_PRELUDE = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edge_effnet.demo.web import site
folder = pathlib.Path(sys.argv.pop(1))
site.web_runtime = lambda *_: folder
from edge_effnet.cli.main import main
main()
"""


@pytest.fixture
def litert(tmp_path: Path) -> Path:
    """Something in the place of LiteRT.js."""
    folder = tmp_path / "litert"
    (folder / "core").mkdir(parents=True)
    (folder / "core/index.js").write_text("export {};\n")
    return folder


@pytest.fixture
def verb(
    monkeypatch: pytest.MonkeyPatch, litert: Path, colours: Callable[..., Path]
) -> Iterator[Callable[..., int]]:
    """The verb inside this process: its server listens, answers nothing, and is stopped as by Ctrl-C."""
    servers: list[WebServer] = []

    def stopped_at_once(server: WebServer, *_: Any) -> None:
        servers.append(server)
        raise KeyboardInterrupt

    monkeypatch.setattr(site_module, "web_runtime", lambda *_: litert)
    monkeypatch.setattr(WebServer, "serve_forever", stopped_at_once)
    model = colours()

    def give(*arguments: object) -> int:
        words = list(map(str, arguments))
        words += [] if "--model" in words else ["--model", str(model)]
        words += [] if "--port" in words else ["--port", "0"]
        return run(["demo", "web", "--no-open", *words])

    yield give
    assert all(server.fileno() == -1 for server in servers)  # closed


@pytest.fixture
def program(litert: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the verb in a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def give(*arguments: object) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", _PRELUDE, str(litert), "demo", "web", "--no-open", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield give
    for one in started:
        one.kill()
        one.communicate()


def _first_line(started: subprocess.Popen[bytes]) -> str:
    assert started.stdout is not None
    ready, _, _ = select.select([started.stdout], [], [], 60)
    assert ready, "nothing on stdout"
    return started.stdout.readline().decode()


def _opened(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - its own loopback
        content: bytes = answer.read()
    return content


def test_the_first_line_is_the_address_and_ctrl_c_ends_well(
    program: Callable[..., subprocess.Popen[bytes]], colours: Callable[..., Path]
) -> None:
    """Read from a pipe while it runs; what is opened there is the page and the model; exit code 0, nothing more on stdout."""
    started = program("--model", colours(), "--port", 0)
    url = _first_line(started).removesuffix("\n")
    assert b"<html" in _opened(url)
    assert _opened(f"{url}model.tflite")[4:8] == b"TFL3"
    assert _opened(f"{url}litert/core/index.js") == b"export {};\n"
    facts = json.loads(_opened(f"{url}model.json"))
    assert facts["io"] == {"model": "int8", "served": "uint8"}
    assert facts["litert"]["version"]
    assert len(facts["page_sha256"]) == 64
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=20)
    assert started.returncode == 0, err
    assert out == b""
    assert b"Traceback" not in err
    assert err.endswith(b"stopped\n")


def test_json_is_one_document_of_its_schema(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the address in it, in place of the first line."""
    assert verb("--json", "--threads", 2, "--no-isolation") == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(read_schema("demo-web")).validate(record)
    assert record["url"].startswith("http://127.0.0.1:")
    assert (record["lan_urls"], record["threads"], record["isolated"]) == ([], 2, False)
    assert any("one thread" in note for note in record["notes"])


def test_everything_but_the_address_is_on_stderr(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """And what was changed about the model is said."""
    assert verb() == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith("http://127.0.0.1:")
    assert "served as uint8" in err
    assert "only this machine can open it" in err
    assert "localhost only" not in err  # here the camera works


def test_open_to_the_network_the_camera_needs_https(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before somebody wonders on the phone; the first line is still what this machine opens."""
    monkeypatch.setattr(site_module, "lan_addresses", lambda: ("192.0.2.7", "2001:db8::7"))
    assert verb("--host", "0.0.0.0") == 0  # noqa: S104 - that is the case
    out, err = capsys.readouterr()
    assert out.startswith("http://127.0.0.1:")
    assert "http://192.0.2.7:" in err
    assert "2001:db8" not in err  # it listens on IPv4 only
    assert "add --https" in err


def test_https_shows_the_certificate_and_a_code_that_a_phone_reads(
    verb: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The picture in the terminal, photographed and decoded, is the address."""
    cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")
    for name in ("cryptography", "segno"):
        pytest.importorskip(name, reason="the extra edge-effnet[web] is not installed")
    monkeypatch.setattr("edge_effnet.demo.web.certificate.user_cache", lambda _: tmp_path)
    monkeypatch.setattr(site_module, "lan_addresses", lambda: ("192.0.2.7",))
    assert verb("--host", "0.0.0.0", "--https") == 0  # noqa: S104 - that is the case
    out, err = capsys.readouterr()
    assert out.startswith("https://127.0.0.1:")
    assert "add --https" not in err
    assert err.count(":") > 31  # the fingerprint
    assert "it is self-signed" in err
    assert "keep no page offline" in err
    rows = []
    for line in (line for line in err.splitlines() if set(line) & set("█▀▄")):
        rows.append([letter in "█▀" for letter in line])
        rows.append([letter in "█▄" for letter in line])
    picture = np.kron(np.array(rows, np.uint8) * 255, np.ones((8, 8), np.uint8))
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert text == out.strip().replace("127.0.0.1", "192.0.2.7")


def test_a_certificate_of_ones_own_means_https(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is not called self-signed, and pages may be kept offline."""
    pytest.importorskip("cryptography", reason="the extra edge-effnet[web] is not installed")
    from edge_effnet.demo.web.certificate import certificate_for

    assert verb("--certificate", certificate_for((), tmp_path / "own").path, "--host", "0.0.0.0") == 0  # noqa: S104
    out, err = capsys.readouterr()
    assert out.startswith("https://127.0.0.1:")
    assert "self-signed" not in err
    assert "offline" not in err
    assert "sha256 of the certificate" in err


def test_without_segno_the_address_is_enough(
    verb: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A code that cannot be drawn is said, and nothing fails."""
    pytest.importorskip("cryptography", reason="the extra edge-effnet[web] is not installed")
    monkeypatch.setitem(sys.modules, "segno", None)
    monkeypatch.setattr("edge_effnet.demo.web.certificate.user_cache", lambda _: tmp_path)
    monkeypatch.setattr(site_module, "lan_addresses", lambda: ("192.0.2.7",))
    assert verb("--host", "0.0.0.0", "--https") == 0  # noqa: S104 - that is the case
    assert "no QR code: pip install 'edge-effnet[web]'" in capsys.readouterr().err


def test_a_browser_is_opened_only_where_there_is_a_display(
    monkeypatch: pytest.MonkeyPatch, litert: Path, colours: Callable[..., Path]
) -> None:
    """With the address; never with --no-open."""
    opened: list[str] = []

    class _Thread:
        def __init__(self, target: Callable[..., None], args: tuple[str], daemon: bool) -> None:
            assert daemon
            opened.append(args[0])

        def start(self) -> None:
            pass

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(site_module, "web_runtime", lambda *_: litert)
    monkeypatch.setattr(WebServer, "serve_forever", stop)
    monkeypatch.setattr(demo_web.threading, "Thread", _Thread)
    monkeypatch.setattr(sys, "platform", "linux")
    words = ["demo", "web", "--model", str(colours()), "--port", "0"]
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run(words) == 0
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert run([*words, "--no-open"]) == 0
    assert opened == []
    assert run(words) == 0
    assert opened[0].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "MISSING"], 4, "the model cannot be read"),
        (["--model", "FOLDER"], 4, "the model cannot be read"),
        (["--model", "PAGE"], 4, "not a TFLite model"),
        (["--host", "no such host"], 2, "--host is no address"),
        (["--host", "192.0.2.1"], 2, "no address of this machine"),
        (["--host", ""], 2, "--host is empty"),
        (["--port", "70000"], 2, "--port is no port"),
        (["--threads", "0"], 2, "--threads is out of range"),
        (["--threads", "65"], 2, "--threads is out of range"),
        (["--certificate", "MISSING"], 4, "the certificate cannot be used"),
        (["--key", "PAGE"], 2, "of no use without --certificate"),
    ],
)
def test_what_cannot_work_is_said(
    arguments: list[str],
    code: int,
    words: str,
    verb: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What, got, allowed and fix, with the exit code; and nothing on stdout, or a script would open it."""
    (tmp_path / "page.html").write_text("<html>not found</html>")
    names = {"MISSING": tmp_path / "no.tflite", "FOLDER": tmp_path, "PAGE": tmp_path / "page.html"}
    assert verb(*(names.get(word, word) for word in arguments)) == code
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_said(verb: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert verb("--port", other.getsockname()[1]) == 3
    out, err = capsys.readouterr()
    assert "the port is taken" in err
    assert "--port 0" in err
    assert out == ""


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(("host", "url"), [("::1", "http://[::1]:"), ("localhost", "http://")])
def test_other_names_of_loopback_are_loopback(
    verb: Callable[..., int], capsys: pytest.CaptureFixture[str], host: str, url: str
) -> None:
    """With brackets where the address has colons."""
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    assert verb("--host", host) == 0
    out, err = capsys.readouterr()
    assert out.startswith(url)
    assert "only this machine can open it" in err


def test_a_sidecar_is_served_beside_the_model(
    monkeypatch: pytest.MonkeyPatch, litert: Path, colours: Callable[..., Path]
) -> None:
    """And without one its route is not there."""
    from edge_effnet.progress import Silent

    monkeypatch.setattr(site_module, "web_runtime", lambda *_: litert)
    model = colours(contract=None)
    for content, status in ((None, 404), (b'{"labels": ["red", "green", "blue"]}', 200)):
        if content is not None:
            model.with_suffix(".contract.json").write_bytes(content)
        site = site_module.open_site(site_module.WebRequest(model, port=0), Silent())
        routes = site.server.routes
        site.server.server_close()
        with serving(routes) as server:
            answer = ask(server, "/contract.json")
            assert answer.status == status
            assert json.loads(ask(server, "/model.json").body)["sidecar"] is (content is not None)
        assert content is None or answer.body == content
