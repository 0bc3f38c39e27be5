"""Drive a headless Firefox by Marionette, which it brings along: no library, no driver."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAMES = ("firefox-esr", "firefox")
_PATIENCE_S = 60.0
_PREFERENCES = {
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,  # a camera that shows colours
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
}


def find() -> str | None:
    """Return the browser of this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Firefox:
    """One browser with one page; it answers `run` as `report.browser.Browser` does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._buffer, self._last = connection, b"", 0
        self._receive()  # its greeting
        self.ask("WebDriver:NewSession", capabilities={})

    def ask(self, command: str, **parameters: Any) -> Any:
        """Send one command and return its answer."""
        self._last += 1
        message = json.dumps([0, self._last, command, parameters]).encode()
        self._connection.sendall(str(len(message)).encode() + b":" + message)
        _, _, error, result = self._receive()
        assert error is None, f"{command}: {error}"
        return result

    def _receive(self) -> Any:
        while b":" not in self._buffer:
            self._more()
        size, _, self._buffer = self._buffer.partition(b":")
        while len(self._buffer) < int(size):
            self._more()
        message, self._buffer = self._buffer[: int(size)], self._buffer[int(size) :]
        return json.loads(message)

    def _more(self) -> None:
        piece = self._connection.recv(1 << 16)
        assert piece, "the browser ended"
        self._buffer += piece

    def open(self, url: str) -> None:
        """Load an address."""
        self.ask("WebDriver:Navigate", url=url)

    def run(self, script: str) -> Any:
        """Return the value of a script in the page."""
        wrapped = (
            "const done = arguments[0];"
            f"Promise.resolve().then(() => ({script})).then(value => done({{value}}), error => done({{error: String(error)}}));"
        )
        answer = self.ask("WebDriver:ExecuteAsyncScript", script=wrapped, args=[])["value"]
        assert "error" not in answer, answer["error"]
        return answer.get("value")


@contextlib.contextmanager
def start(profile: Path, preferences: Mapping[str, bool] = MappingProxyType({})) -> Iterator[Firefox]:
    """Start a browser with an empty profile, a camera that is allowed and more settings; it ends with the block."""
    program = find()
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    profile.mkdir()
    chosen = {**_PREFERENCES, **preferences, "marionette.port": port}
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in chosen.items())
    )
    process = subprocess.Popen(
        [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with _connected(port) as connection:
            yield Firefox(connection)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        with contextlib.suppress(OSError):
            connection = socket.create_connection(("127.0.0.1", port), 1.0)
            connection.settimeout(_PATIENCE_S)
            return connection
        assert time.monotonic() < deadline, "the browser does not start"
        time.sleep(0.1)
