"""A board behind ssh, ``ssh://[USER@]HOST[:PORT][/PATH/TO/PYTHON]``: the worker is brought there and started.

The system's own ssh does the talking, with the user's keys, agent, configuration and known hosts. It may ask nothing:
no password is handled here, an unknown host is refused, and so is one whose key has changed.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import EdgeEffnetError, EnvironmentFault, UsageError
from edge_effnet.process import TimeLimitFault, run_program
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.connection import WORKER, Connection

if TYPE_CHECKING:
    from edge_effnet.process import Finished
    from edge_effnet.runtimes.base import Probe
    from edge_effnet.runtimes.targets import Timing

__all__ = ["SSH", "SshTarget", "ssh"]

SSH: Final = "EDGE_EFFNET_SSH"
"""Variable with the program and more arguments, as a shell would read them: ``ssh -F /path/to/config``."""

_OPTIONS: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=4",
    # A master that stays behind would keep this process's pipes; one that is there already is used.
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
)
"""Ours come first on the command line, where ssh takes the first value that it finds."""

_PATIENCE_S: Final = 60.0
_NO_PYTHON: Final = 83
_SSH_FAILED: Final = 255
_MARK: Final = "edge-effnet-worker "

_NAME: Final = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]{0,63})@)?"
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,20})?)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<python>/[^\0\n\r]{0,1000})?"
)
_FORM: Final = "ssh://[USER@]HOST[:PORT][/PATH/TO/PYTHON], an IPv6 address in brackets"


@dataclass(frozen=True)
class SshTarget:
    """A machine that ssh reaches.

    Attributes:
        name: As the command line says it.
        host: Name or address.
        user: Who to be there; None for what ssh's configuration says.
        port: Where it listens; None for what ssh's configuration says.
        python: The interpreter there.
    """

    name: str
    host: str
    user: str | None = None
    port: int | None = None
    python: str = "python3"
    timing: Timing = "measured"

    def probe(self) -> Probe:
        """Start a worker there and ask who it is."""
        try:
            with closing(self.connect()) as connection:
                return Available(f"Python {connection.hello['python']}")
        except EdgeEffnetError as error:
            return Missing(error.message, error.hint or "see docs/devices.md")

    def connect(self, engine: str = "xnnpack") -> Connection:
        """Bring the worker and start it; see `edge_effnet.runtimes.targets.WorkerTarget`.

        Raises:
            EnvironmentFault: The machine cannot be reached or trusted, has no Python, or its disk is full.
        """
        del engine  # the interpreter there has one runtime or the other; the worker says which
        path = self._bring_worker()
        start = f"exec {shlex.quote(self.python)} {shlex.quote(path)}"
        return Connection(
            [*self._ssh(), f"sh -c {shlex.quote(start)}"],
            where=self.name,
            shares_files=False,
            hint=f"is {self.host} on and reachable? try `{self._by_hand()}`",
        )

    def _bring_worker(self) -> str:
        """Copy the worker to the cache there, by its hash; return its path."""
        content = WORKER.read_bytes()
        receive = WORKER.with_name("ssh_receive.py").read_text(encoding="utf-8")
        python = shlex.quote(self.python)
        script = (
            f"command -v {python} >/dev/null 2>&1 || exit {_NO_PYTHON}; "
            f"exec {python} -c {shlex.quote(receive)} {sha256_of_bytes(content)}"
        )
        argv = [*self._ssh(), f"sh -c {shlex.quote(script)}"]
        try:
            done = run_program(argv, timeout_s=_PATIENCE_S, stdin=content)
        except TimeLimitFault as error:
            raise EnvironmentFault(
                f"{self.name} did not answer within {_PATIENCE_S:g} s", hint=f"try `{self._by_hand()}`"
            ) from error
        if done.returncode:
            raise self._fault(done)
        before, mark, path = done.text.rpartition(_MARK)
        if not mark or before.strip():
            raise EnvironmentFault(
                f"the login shell at {self.name} prints text of its own before a program runs",
                got=before.strip()[:200] or None,
                hint="keep its start-up files silent where the shell is not interactive",
            )
        return path.strip()

    def _ssh(self) -> list[str]:
        """Return the program and its arguments up to the command that runs there."""
        try:
            program, *more = shlex.split(os.environ.get(SSH) or "ssh")
        except ValueError as error:
            raise UsageError(
                f"${SSH} is no command line", got=os.environ.get(SSH), allowed="such as ssh -F FILE"
            ) from error
        options = [word for option in _OPTIONS for word in ("-o", option)]
        user = ["-l", self.user] if self.user else []
        port = ["-p", str(self.port)] if self.port else []
        return [program, "-T", *options, *more, *user, *port, "--", self.host]

    def _by_hand(self) -> str:
        """Return the command with which the user does the same."""
        port = f"-p {self.port} " if self.port else ""
        return f"ssh {port}{self.user + '@' if self.user else ''}{self.host}"

    def _fault(self, done: Finished) -> EnvironmentFault:
        complaint = done.complaint
        lines = [line.strip() for line in complaint.splitlines() if line.strip(" @")]
        last = lines[-1][:300] if lines else None
        if done.returncode != _SSH_FAILED:
            message, hint = _THERE.get(done.returncode, ("Python does not run at {0}", "try `{1}` and look"))
        else:
            message, hint = next(
                ((message, hint) for words, message, hint in _SAYS if re.search(words, complaint)),
                ("ssh cannot reach {0}", "try `{1}`"),
            )
        place = f"[{self.host}]:{self.port}" if self.port and self.port != 22 else self.host

        def fill(text: str) -> str:
            return text.format(self.name, self._by_hand(), place, self.python)

        return EnvironmentFault(fill(message), got=last, hint=fill(hint))


_SAYS: Final = (
    (
        "IDENTIFICATION HAS CHANGED",
        "the host key of {0} has changed: it is refused",
        "somebody may be listening in, or the machine was set up anew: make sure which, then `ssh-keygen -R '{2}'`",
    ),
    (
        "host key is known for|Host key verification failed",
        "the host key of {0} is not known: it is refused",
        "`{1}` once, compare the fingerprint with the one on the machine, and accept it",
    ),
    (
        "Permission denied",
        "{0} does not accept your key",
        "`ssh-copy-id` to it, or start an agent that has the key; no password is asked for here",
    ),
    ("Connection refused", "nobody listens at {0}", "start sshd there, or correct the port"),
    (
        "Could not resolve hostname",
        "the name of {0} is not known",
        "correct it, or give the machine's address",
    ),
    (
        "timed out|No route to host|Network is unreachable",
        "{0} cannot be reached",
        "is it on, and in this network?",
    ),
    (
        "Bad owner or permissions|bad permissions|UNPROTECTED",
        "ssh refuses one of its own files",
        "chmod 600 the file that it names",
    ),
)
"""What ssh says -> message, hint; {0} target, {1} the command by hand, {2} its name in known_hosts."""

_THERE: Final = {
    _NO_PYTHON: (
        "there is no {3} at {0}",
        "install it there (on Debian: apt-get install python3), or name the interpreter: {0}/path/to/python",
    ),
    84: (
        "the worker cannot be kept at {0}",
        "free some space in the cache folder there, or give that account a home folder that it may write",
    ),
    85: ("the worker arrived damaged at {0}", "try again"),
    86: ("Python at {0} is too old", "Python 3.9 or later; name another: ssh://HOST/path/to/python"),
}
"""Exit status of the script that brings the worker -> message, hint."""


def ssh(name: str) -> SshTarget:
    """Return the machine of a name such as ``ssh://pi@raspberrypi.local``.

    Raises:
        UsageError: The name is not of that form; it holds a password, or what ssh would take for an option.
    """
    match = _NAME.fullmatch(name)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or port == 0 or (port or 0) > 65535:
        password = re.match(r"ssh://[^/@:]*:[^/@]*@", name)
        raise UsageError(
            "not an address for ssh",
            got=re.sub(r":[^/@:]*@", ":...@", name) if password else name,
            allowed=_FORM,
            hint="passwords are not handled: use a key" if password else None,
        )
    return SshTarget(name, match["ipv6"] or match["host"], match["user"], port, match["python"] or "python3")
