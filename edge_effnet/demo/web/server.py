"""A small server of a fixed table: GET and HEAD, nothing read from the file system by the request's path.

What a request can ask for is a key of a table (see `resource`), compared as it came: nothing is decoded or joined, so
there is no path to climb. Everything else that a client can do is bounded: lines, headers, time, connections.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import socketserver
import sys
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.demo.web.handler import Handler
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from edge_effnet.demo.web.resource import Resource
    from edge_effnet.progress import Reporter

__all__ = ["MAX_CONNECTIONS", "WebServer", "open_server"]

MAX_CONNECTIONS: Final = 32
"""At once; a browser opens six to one host."""

_HOSTS: Final = "127.0.0.1, an address of this machine, or 0.0.0.0 for all of them"
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


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
        super().__init__(address, Handler)

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
