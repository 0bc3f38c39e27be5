"""demo.web.server: what a hostile client gets, byte by byte."""

from __future__ import annotations

import random
import socket
import time
from typing import TYPE_CHECKING

import pytest
from demo.web.raw_client import ask, connect, exchange, read_answer, serving

from edge_effnet.demo.web import handler as module
from edge_effnet.demo.web import server as server_module
from edge_effnet.demo.web.resource import routes_from_folder
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_effnet.demo.web.server import WebServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A folder is served; beside it lies a secret."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "page").mkdir()
    (folder / "page/main.js").write_text("fine")
    (folder / "secret.js").write_text("secret")
    with serving(routes_from_folder(folder / "page", "/")) as running:
        yield running


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.js", "/..", "/.", "/./main.js", "/page/../../secret.js", "/%2e%2e/secret.js", "/%2E%2E%2Fsecret.js",
        "/..%2fsecret.js", "/..%5csecret.js", "/..\\secret.js", "\\..\\secret.js", "/%252e%252e/secret.js",
        "/%c0%ae%c0%ae/secret.js", "/main.js%00", "/main.js\0", "/main.js%00.png", "/main%2ejs", "/main.js/",
        "/main.js/../secret.js", "/main.js;/../secret.js", "/C:/secret.js", "//etc/passwd", "/etc/passwd",
        "/proc/self/environ", "file:///etc/passwd", "http://localhost/main.js", "http://evil.example/", "*",
        "../secret.js", "main.js", "/MAIN.JS", "/\xe4", "/~", "/#main.js", "/.git/config", "/litert", "/index.html",
    ],
)  # fmt: skip
def test_only_the_exact_path_finds_anything(server: WebServer, target: str) -> None:
    """Nothing is decoded, joined or tidied up, so there is nothing to climb with."""
    answer = ask(server, target)
    assert answer.status in {400, 404}
    assert b"secret" not in answer.body.replace(target.encode("latin-1"), b"")
    assert b"fine" not in answer.body
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_doubled_slash_is_no_other_place(server: WebServer) -> None:
    """Some Pythons fold it before we see it: it is another key all the same."""
    assert ask(server, "//main.js").status == 404
    assert ask(server, "///../secret.js").status == 404


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "BREW", "CONNECT"]
)
def test_only_get_and_head_are_answered(server: WebServer, method: str) -> None:
    """405, and which ones are."""
    answer = ask(server, "/main.js", method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "headers",
    [{"Content_Length": value} for value in ("5", "99999999999999", "x", "+0", "0, 5")]
    + [{"Transfer_Encoding": "chunked"}],
)
def test_a_body_is_refused_unread(server: WebServer, headers: dict[str, str]) -> None:
    """And the connection is closed, so that the body is not taken for the next request."""
    answer = ask(server, "/main.js", Connection="keep-alive", **headers)
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


def test_a_body_is_never_a_second_request(server: WebServer) -> None:
    """Request smuggling: one answer only."""
    smuggled = b"GET /main.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"GET /main.js HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(smuggled)}\r\n\r\n".encode()
    answer = exchange(server, head + smuggled)
    assert answer.status == 413
    assert b"HTTP/1.1" not in answer.body


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 0\r\nContent-Length: 43", "Content-Length : 43", "Transfer-Encoding:", "Transfer-Encoding : chunked",
        "Content-Length\t: 43", ": 43\r\nContent-Length: 43",
    ],
)  # fmt: skip
def test_no_way_of_writing_a_length_hides_a_second_request(server: WebServer, lines: str) -> None:
    """Twice, with a space before the colon, empty, or behind a line that ends the parser's reading."""
    smuggled = b"GET /main.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = exchange(
        server, f"GET /main.js HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n".encode() + smuggled
    )
    assert answer.status in {400, 413}
    assert b"HTTP/1.1" not in answer.body


@pytest.mark.parametrize(
    "host", ["127.0.0.2", "127.0.0.2:8080", "[::1]", "[::1]:1", "LOCALHOST:1", "127.255.255.254"]
)
def test_every_loopback_address_is_this_machine(server: WebServer, host: str) -> None:
    """`--host 127.0.0.2` listens there, and prints that address to be opened."""
    assert ask(server, "/main.js", Host=host).status == 200


def test_a_client_that_waits_for_leave_gets_none(server: WebServer) -> None:
    """`Expect: 100-continue` asks whether a body is welcome."""
    assert ask(server, "/main.js", Expect="100-continue").status == 417


@pytest.mark.parametrize("length", [module.MAX_LINE_BYTES, 70_000, 1_000_000])
def test_a_long_request_line_is_refused(server: WebServer, length: int) -> None:
    """414, whatever the length, and without reading all of it."""
    assert ask(server, "/" + "a" * length).status in {414, 0}  # 0: closed with the rest of the line unread
    assert ask(server, "/main.js").status == 200


def test_a_line_just_too_long_is_told_so(server: WebServer) -> None:
    """The limit holds to the byte: what fits is looked up."""
    around = len("GET / HTTP/1.1\r\n")
    fits = module.MAX_LINE_BYTES - around
    assert ask(server, "/" + "a" * fits).status == 404
    with connect(server) as connection:
        connection.sendall(b"GET /" + b"a" * (fits + 1) + b" HTTP/1.1\r\n")
        assert read_answer(connection).status == 414


@pytest.mark.parametrize(
    "lines",
    [
        "X: " + "a" * (module.MAX_HEAD_BYTES + 1),
        "\r\n".join(f"X{i}: a" for i in range(150)),
        "X: " + "a" * 500_000,
    ],
)
def test_large_headers_are_refused(server: WebServer, lines: str) -> None:
    """One that is too long, too many, or far too long."""
    answer = exchange(server, f"GET /main.js HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    assert answer.status in {431, 0}
    assert b"fine" not in answer.body


def test_headers_just_too_large_are_told_so(server: WebServer) -> None:
    """All lines together, not each alone."""
    line = b"X-Filler: " + b"a" * 990 + b"\r\n"
    with connect(server) as connection:
        connection.sendall(b"GET /main.js HTTP/1.1\r\nHost: localhost\r\n" + line * 16)
        connection.sendall(b"Y: " + b"b" * 384)
        assert read_answer(connection).status == 431


@pytest.mark.parametrize(
    "request_",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"GET /main.js\r\n\r\n", b"GET /main.js HTTP/9.9\r\n\r\n", b"GET / x HTTP/1.1\r\n\r\n",
     b"GET /main.js HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\n\n",
     b"GET /main.js HTTP/1.1\r\nHost localhost\r\n\r\n", b"GET /main.js HTTP/1.0\r\n\r\n",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /main.js HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_refused(server: WebServer, request_: bytes) -> None:
    """Nonsense, TLS on a plain port, older and newer protocols, no Host, two Hosts: nothing is served, nothing breaks."""
    answer = exchange(server, request_)
    assert b"fine" not in answer.body
    assert ask(server, "/main.js").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "192.168.1.5",
        "127.0.0.1.evil.example",
        "[127.0.0.1]",
        "::1",
        "0x7f.1",
    ],
)
def test_another_sites_name_is_refused_on_loopback(server: WebServer, host: str) -> None:
    """A page of the web that lets its own name point to this machine could read the model."""
    answer = ask(server, "/main.js", Host=host)
    assert answer.status == 421
    assert b"localhost" in answer.body


def test_open_to_the_network_any_name_is_answered() -> None:
    """A machine has names that we do not know; and whoever is in the network may read it anyway."""
    with serving(host="0.0.0.0") as running:  # noqa: S104 - that is the case
        assert not running.is_local
        assert ask(running, Host="raspberry.local:8080").status == 200


def test_random_bytes_break_nothing(server: WebServer) -> None:
    """Pieces of honest requests, shuffled and damaged: each gets an error or a file of the page, and the next is served."""
    draw = random.Random(0)
    pieces = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"/main.js",
        b"/../",
        b" HTTP/1.1",
        b"\r\n",
        b"\n",
        b"\r",
        b"Host: localhost",
    ]
    pieces += [
        b"Content-Length: ",
        b"5",
        b"-1",
        b":",
        b"\0",
        b"\xff\xfe",
        b"Expect: 100-continue",
        b" ",
        b"%2e",
        b"a" * 3000,
    ]
    for _ in range(300):
        request_ = b"".join(draw.choices(pieces, k=draw.randrange(1, 14))) + b"\r\n\r\n"
        with connect(server) as connection:
            connection.sendall(request_)
            connection.shutdown(socket.SHUT_WR)
            answer = read_answer(connection)
        assert b"secret" not in answer.body
        assert answer.status in {0, 200, 400, 404, 405, 413, 414, 417, 421, 431, 505}
    assert ask(server, "/main.js").body == b"fine"


def test_errors_say_no_more_than_needed(server: WebServer) -> None:
    """Short plain text: no path of this machine, no version, nothing of the request."""
    answer = ask(server, "/<script>alert(1)</script>")
    assert answer.body == b"404 Not Found\n"
    assert answer.headers["cache-control"] == "no-store"


def test_refusals_are_told_without_steering_the_terminal() -> None:
    """What a stranger sends is shown as ASCII."""
    reporter = Silent()
    with serving(reporter=reporter) as running:
        ask(running, "/\x1b]0;owned\x07\xe4")
    assert len(reporter.notes) == 1
    text = reporter.notes[0][1]
    assert text.isprintable()
    assert "404 Not Found" in text


def test_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told that we are busy; one that ends makes room."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    with serving() as running:
        held = [connect(running) for _ in range(3)]
        for connection in held:
            connection.sendall(b"GET /icon.png HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(65536)
        assert ask(running).status in {503, 0}  # 0: closed before the request was read
        held.pop().close()
        until = time.monotonic() + 10
        while ask(running).status != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        for connection in held:
            connection.close()


def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open connection holds a thread."""
    monkeypatch.setattr(module, "IDLE_S", 0.3)
    with serving() as running, connect(running) as connection:
        start = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - start < 3


def test_who_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then would keep any single wait short: the whole head has one time limit."""
    monkeypatch.setattr(module, "IDLE_S", 0.5)
    with serving() as running, connect(running) as connection:
        start = time.monotonic()
        with pytest.raises(OSError, match=r".*"):  # noqa: PT012 - which of the sends meets the end is chance
            while time.monotonic() - start < 8:
                connection.sendall(b"G")
                time.sleep(0.1)
        assert time.monotonic() - start < 4


def test_who_reads_slowly_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody takes ends, and its connection with it."""
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    from edge_effnet.demo.web.resource import Resource

    with serving({"/": Resource(bytes(64 << 20), ".png")}) as running, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", running.port))
        connection.settimeout(10)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1.5)
        assert not running.waiting
        assert len(read_answer(connection).body) < 64 << 20


def test_a_client_that_vanishes_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    """No traceback on the terminal, and its slot is free again."""
    reporter = Silent()
    with serving(reporter=reporter) as running:
        for _ in range(server_module.MAX_CONNECTIONS + 5):
            with connect(running) as connection:
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                )  # closing resets it
                connection.sendall(b"GET / HT")
            time.sleep(0.01)
        assert ask(running).status == 200
        until = time.monotonic() + 5
        while running.waiting:
            assert time.monotonic() < until
            time.sleep(0.02)
    assert reporter.notes == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("error", "told"), [(ConnectionResetError("gone"), 0), (RuntimeError("a fault"), 1)])
def test_a_fault_of_ours_is_told_and_a_client_that_went_away_is_not(error: Exception, told: int) -> None:
    """Neither ends the server, neither is a traceback."""
    reporter = Silent()
    with serving(reporter=reporter) as running:
        try:
            raise error  # noqa: TRY301 - as it would be while a request is served
        except Exception:  # noqa: BLE001 - as the library calls it
            running.handle_error(None, ("127.0.0.1", 1))
    assert len(reporter.notes) == told


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    """Whoever unpacks an archive into the page's folder cannot open the rest of the disk."""
    (tmp_path / "page").mkdir()
    (tmp_path / "secret.js").write_text("secret")
    (tmp_path / "page/a.js").symlink_to(tmp_path / "secret.js")
    assert routes_from_folder(tmp_path / "page", "/") == {}
