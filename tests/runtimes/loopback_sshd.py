"""A real sshd on loopback for tests: its own host key, configuration, port and known hosts, as the present user."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def missing() -> str | None:
    """Say why there can be no sshd here."""
    absent = [name for name in ("ssh", "ssh-keygen") if shutil.which(name) is None]
    if _sshd() is None:
        absent.append("sshd")
    return (
        f"not installed: {', '.join(absent)} (on Debian: apt-get install openssh-server)" if absent else None
    )


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


class Server:
    """The running sshd.

    Attributes:
        folder: Its files.
        port: Where it listens.
        user: Whom it lets in: the present user, with the key of this folder.
        home: Folder that takes the place of the user's cache.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.python = folder, python
        self.user, self.home = getpass.getuser(), folder / "cache"
        self.home.mkdir()
        self.make_key("host_key")
        self.make_key("user_key")
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.know()
        (folder / "ssh_config").write_text(
            f"Host *\n IdentityFile {folder}/user_key\n IdentitiesOnly yes\n IdentityAgent none\n"
            f" UserKnownHostsFile {folder}/known_hosts\n GlobalKnownHostsFile none\n UpdateHostKeys no\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        """The target's name."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.python}"

    @property
    def command(self) -> str:
        """What a user would set as the ssh to use."""
        return f"ssh -F {shlex.quote(str(self.folder / 'ssh_config'))}"

    def make_key(self, name: str) -> None:
        """Make a new pair of keys."""
        for path in self.folder.glob(f"{name}*"):
            path.unlink()
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.folder / name)]
        subprocess.run(words, check=True)

    def know(self) -> None:
        """Write the present host key into the known hosts."""
        kind, key, _ = (self.folder / "host_key.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port},[::1]:{self.port} {kind} {key}\n")

    def start(self, environment: dict[str, str] | None = None) -> None:
        """Start listening; sessions see the environment given."""
        settings = {"XDG_CACHE_HOME": str(self.home), **(environment or {})}
        config = self.folder / "sshd_config"
        pairs = " ".join(f"{key}={value}" for key, value in settings.items())
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nListenAddress ::1\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv {pairs}\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(_sshd()), "-D", "-e", "-f", str(config)], stderr=log, stdin=subprocess.DEVNULL
            )
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "sshd.log").read_text())

    def sessions(self) -> list[int]:
        """Return sshd's processes that serve connections."""
        assert self.process is not None
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(word) for word in listed.stdout.split()]

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self.process is None:
            return
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process = None


@contextlib.contextmanager
def sshd(folder: Path, python: str) -> Iterator[Server]:
    """Run an sshd whose sessions start that Python."""
    server = Server(folder, python)
    server.start()
    try:
        yield server
    finally:
        server.stop()
