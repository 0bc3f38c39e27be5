"""A phone that nobody has unlocked: speaks just enough of adb's protocol to ask for a key and never be content.

References:
    packages/modules/adb/protocol.txt: a message is six little-endian words and its data.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTH, _TOKEN = b"AUTH", 1


def _message(command: bytes, arg0: int, data: bytes) -> bytes:
    word = int.from_bytes(command, "little")
    return struct.pack("<6I", word, arg0, 0, len(data), sum(data) & 0xFFFFFFFF, word ^ 0xFFFFFFFF) + data


def _receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _refuse(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while True:
                    header = struct.unpack("<6I", _receive(connection, 24))
                    _receive(connection, header[3])
                    connection.sendall(_message(_AUTH, _TOKEN, os.urandom(20)))


@contextlib.contextmanager
def locked_phone() -> Iterator[str]:
    """Listen on loopback; yield the address that `adb connect` takes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_refuse, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
