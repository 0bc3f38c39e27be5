"""A small server of a fixed table: GET and HEAD, nothing read from the file system by the request's path.

What a request can ask for is a key of a table (see `resource`), compared as it came: nothing is decoded or joined, so
there is no path to climb. Everything else that a client can do is bounded: lines, headers, time, connections.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import ipaddress
import os
import socket
import socketserver
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final, cast

from edge_effnet.demo.web.headers import accepts_gzip, is_known, local_host, security_headers
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from io import BufferedIOBase

    from edge_effnet.demo.web.resource import Resource
    from edge_effnet.progress import Reporter

__all__ = ["MAX_CONNECTIONS", "WebServer", "open_server"]

MAX_LINE_BYTES: Final = 2048
"""Of a request line; the longest route has 45."""

MAX_HEAD_BYTES: Final = 16384
"""Of a request's headers; a browser sends about 700."""

MAX_CONNECTIONS: Final = 32
"""At once; a browser opens six to one host."""

IDLE_S: Final = 20.0
"""From the end of an answer, or the opening of a connection, to the end of the next request's headers."""

ANSWER_S: Final = 120.0
"""For sending one answer: 9.4 MB at 0.6 Mbit/s."""

_METHODS: Final = ("GET", "HEAD")
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


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


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what has no version is no HTTP/0.9 either: it gets a whole answer
    timeout = IDLE_S

    def setup(self) -> None:
        super().setup()
        self._head = _Head(self.rfile)
        self.rfile = cast("Any", self._head)

    @property
    def _server(self) -> WebServer:
        return cast("WebServer", self.server)

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
        resource = self._server.routes.get(self.path.partition("?")[0])
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
        if self.headers.get("Transfer-Encoding") or self.headers.get("Content-Length", "0") != "0":
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
        self.close_connection = True
        self.send_response_only(status)
        self._send_headers({"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"})
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
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


class WebServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """The server, listening when it is made; `open_server` makes one.

    Args:
        family: Of the address.
        address: Host and port; port 0 takes a free one.
        routes: Path -> what is answered.
        isolated: Whether the page is cross-origin isolated, which threads in the browser need.
        tls: What encrypts; None is plain http.
        reporter: Is told of every request that is refused.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name == "posix"  # on Windows it would let two servers share a port
    request_queue_size = 64

    def __init__(
        self,
        family: socket.AddressFamily,
        address: tuple[Any, ...],
        routes: Mapping[str, Resource],
        *,
        isolated: bool = True,
        tls: ssl.SSLContext | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self.address_family = family
        self.routes, self.isolated = dict(routes), isolated
        self._tls, self._reporter = tls, reporter or Silent()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._until: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """What it is bound to."""
        return ipaddress.ip_address(str(self.server_address[0]).partition("%")[0])

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it; then a request for another host is refused (DNS rebinding)."""
        return self.address.is_loopback

    @property
    def waiting(self) -> int:
        """Connections that are open."""
        with self._lock:
            return len(self._until)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; its TLS handshake happens at its first read, in its own thread."""
        connection, address = self.socket.accept()
        if self._tls is not None:
            connection.settimeout(IDLE_S)
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection when there are too many."""
        if self._slots.acquire(blocking=False):
            return True
        self.refused(HTTPStatus.SERVICE_UNAVAILABLE, client_address[0], f"{MAX_CONNECTIONS} connections")
        if self._tls is None:
            with contextlib.suppress(OSError):
                request.sendall(_BUSY)
        return False

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._until.pop(request, None)
            self._slots.release()

    def expect(self, connection: socket.socket, seconds: float) -> None:
        """End a connection unless it comes further within some seconds, however slowly it trickles."""
        connection.settimeout(seconds)
        with self._lock:
            self._until[connection] = time.monotonic() + seconds

    def service_actions(self) -> None:
        """End what is overdue; called twice a second."""
        now = time.monotonic()
        with self._lock:
            for connection in [one for one, until in self._until.items() if until < now]:
                del self._until[connection]
                _cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what went wrong in a connection; no traceback for a client that went away."""
        del request
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self._reporter.note("warning", f"{client_address[0]}: {type(error).__name__}: {error}")

    def refused(self, status: HTTPStatus, client: str, what: str) -> None:
        """Tell of a request that was refused."""
        self._reporter.note("info", f"{client}: {status.value} {status.phrase}: {what[:100]!a}")


def _cut(connection: socket.socket) -> None:
    # Not the TLS socket's own shutdown: that would turn its reading thread to plain text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def open_server(host: str, port: int, routes: Mapping[str, Resource], **options: Any) -> WebServer:
    """Return a server that listens; `serve_forever` answers, ``server_close`` ends it.

    Args:
        host: A name or an address of this machine; ``0.0.0.0`` and ``::`` are all of them.
        port: 0 takes a free one.
        routes: Path -> what is answered.
        options: See `WebServer`.

    Raises:
        UsageError: The port is no port, or the host is not this machine's.
        EnvironmentFault: The port is taken or not allowed.
    """
    if not host:  # to the system it would mean all addresses
        raise UsageError("--host is empty", allowed=_HOSTS)
    if not 0 <= port <= 65535:
        raise UsageError("--port is no port", got=port, allowed="0 to 65535; 0 takes a free one")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError("--host is no address", got=host, allowed=_HOSTS) from error
    try:
        return WebServer(family, address, routes, **options)
    except OSError as error:
        raise _fault(error, host, port) from error


_HOSTS: Final = "127.0.0.1, an address of this machine, or 0.0.0.0 for all of them"


def _fault(error: OSError, host: str, port: int) -> EnvironmentFault | UsageError:
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError("--host is no address of this machine", got=host, allowed=_HOSTS)
    if error.errno == errno.EADDRINUSE:
        return EnvironmentFault(
            "the port is taken", got=f"{host} port {port}", hint="--port 0 takes a free one"
        )
    if error.errno == errno.EACCES:
        return EnvironmentFault(
            "the port is not allowed to you", got=f"{host} port {port}", hint="--port 8080"
        )
    return EnvironmentFault(f"the server cannot listen: {error.strerror}", got=f"{host} port {port}")
