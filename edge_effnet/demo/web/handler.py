"""One connection to the server: reads requests within limits, and answers them from its table."""

from __future__ import annotations

import http.client
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final, cast

from edge_effnet.demo.web.headers import accepts_gzip, is_known, local_host, security_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedIOBase

    from edge_effnet.demo.web.server import WebServer

__all__ = ["Handler"]

MAX_LINE_BYTES: Final = 2048
"""Of a request line; the longest route has 45."""

MAX_HEAD_BYTES: Final = 16384
"""Of a request's headers; a browser sends about 700."""

IDLE_S: Final = 20.0
"""From the end of an answer, or the opening of a connection, to the end of the next request's headers."""

ANSWER_S: Final = 120.0
"""For sending one answer: 9.4 MB at 0.6 Mbit/s."""

_METHODS: Final = ("GET", "HEAD")


class _Head:
    """A request's head, read line by line up to a limit."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._left = 0

    def begin(self) -> bytes:
        """Return the request line, at most one byte more than it may have."""
        self._left = MAX_HEAD_BYTES
        return self._stream.readline(MAX_LINE_BYTES + 1)

    def readline(self, _: int = -1) -> bytes:
        """Return a header; `http.client` turns the error into status 431."""
        line = self._stream.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("header line")
        return line

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def close(self) -> None:
        self._stream.close()


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what has no version is no HTTP/0.9 either: it gets a whole answer
    disable_nagle_algorithm = (
        True  # headers and body are two writes: the second would wait for an acknowledgement
    )
    timeout = IDLE_S

    def setup(self) -> None:
        """Limit what is read."""
        super().setup()
        self._head = _Head(self.rfile)
        self.rfile = cast("Any", self._head)

    @property
    def _server(self) -> WebServer:
        return cast("WebServer", self.server)

    @property
    def _target(self) -> str:
        """What is asked for, as it came: Python folds doubled slashes in ``path``."""
        return self.requestline.split()[1]

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self._server.expect(self.connection, IDLE_S)
        try:
            self.raw_requestline = self._head.begin()
            if not self.raw_requestline:
                self.close_connection = True
            elif len(self.raw_requestline) > MAX_LINE_BYTES:
                self.requestline, self.request_version, self.command = "", "HTTP/1.1", "GET"
                self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            elif self.parse_request():
                self._server.expect(self.connection, ANSWER_S)
                self._answer()
            self.wfile.flush()
        except OSError:  # it went away, was too slow, or spoke another language than TLS
            self.close_connection = True

    def _answer(self) -> None:
        reason = self._refusal()
        if reason is not None:
            self.send_error(*reason)
            return
        resource = self._server.routes.get(self._target.partition("?")[0])
        if resource is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        gzipped = resource.is_compressed and accepts_gzip(self.headers.get("Accept-Encoding", ""))
        try:
            body, tag = resource.body(compressed=gzipped)
        except OSError as error:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, f"a file of the page is gone: {error.strerror}")
            return
        known = is_known(tag, self.headers.get("If-None-Match", ""))
        self.send_response_only(HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK)
        self._send_headers({"ETag": tag, "Cache-Control": "no-cache"})
        if resource.is_compressed:
            self.send_header("Vary", "Accept-Encoding")
        if not known:
            self.send_header("Content-Type", resource.mime)
            self.send_header("Content-Length", str(len(body)))
            if gzipped:
                self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if not known and self.command == "GET":
            self.wfile.write(body)

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        """Return why a request is not looked up at all."""
        if self.command not in _METHODS:
            return HTTPStatus.METHOD_NOT_ALLOWED, f"allowed: {', '.join(_METHODS)}"
        if self.headers.defects:  # the parser leaves out what follows, a length for one
            return HTTPStatus.BAD_REQUEST, "a header line that is none"
        lengths = {length.strip() for length in self.headers.get_all("Content-Length", [])}
        if "Transfer-Encoding" in self.headers or lengths - {"0"}:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request has no body here"
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1:
            return HTTPStatus.BAD_REQUEST, "one Host header is needed"
        if self._server.is_local and not local_host(hosts[0]):
            return HTTPStatus.MISDIRECTED_REQUEST, "open it as localhost, 127.0.0.1 or [::1]"
        return None

    def _send_headers(self, more: Mapping[str, str]) -> None:
        headers = {**security_headers(isolated=self._server.isolated), **more}
        for name, value in headers.items():
            self.send_header(name, value)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send a short plain text, and close the connection: what comes next on it may be the rest of a body."""
        del explain
        status = HTTPStatus(code)
        self._server.refused(status, self.client_address[0], getattr(self, "requestline", ""))
        detail = f": {message[:200]}" if message else ""
        body = f"{status.value} {status.phrase}{detail}\n".encode("ascii", "replace")
        self.send_response_only(status)
        self._send_headers({"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"})
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # which closes it, too
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", ", ".join(_METHODS))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_expect_100(self) -> bool:
        """Refuse a body before it is sent."""
        self.send_error(HTTPStatus.EXPECTATION_FAILED, "a request has no body here")
        return False

    def log_message(self, *_: Any) -> None:
        """Print nothing: see `WebServer.refused`."""
