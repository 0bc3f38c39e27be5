"""Speaks to a server byte by byte, as no library would; and serves a table in a thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.demo.web.resource import Resource
from edge_effnet.demo.web.server import WebServer, open_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROUTES = {
    "/": Resource(b"<!doctype html><title>page</title>" * 40, ".html"),
    "/main.js": Resource(b"export const answer = 42;\n" * 40, ".js"),
    "/icon.png": Resource(bytes(range(256)), ".png"),
    "/x.wasm": Resource(b"\0asm" * 1000, ".wasm"),
}


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 when the connection was closed without an answer.
        headers: By lower-case name.
        body: Everything after the headers.
    """

    status: int
    headers: dict[str, str]
    body: bytes


@contextlib.contextmanager
def serving(routes: Mapping[str, Resource] | None = None, **options: Any) -> Iterator[WebServer]:
    """Serve in a thread, on a free port of loopback."""
    host = options.pop("host", "127.0.0.1")
    server = open_server(host, 0, ROUTES if routes is None else routes, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def connect(server: WebServer) -> socket.socket:
    """Open a connection."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def exchange(server: WebServer, request: bytes) -> Answer:
    """Send bytes, and read until the server closes."""
    with connect(server) as connection:
        with contextlib.suppress(OSError):  # a server that refuses may close before everything is sent
            connection.sendall(request)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """Read until the server closes."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]) if first else 0, headers, body)


def ask(server: WebServer, target: str = "/", method: str = "GET", **headers: str) -> Answer:
    """Send one honest request; underscores in header names are dashes."""
    given = {"Host": "localhost", "Connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return exchange(server, f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
