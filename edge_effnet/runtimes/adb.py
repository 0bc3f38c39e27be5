"""Android's `adb`: which devices there are, a shell on one, and files brought to it by content hash.

The client of the system is used as it is, found as ``$ADB`` or on the path; its server, keys and port are the user's.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.process import Finished, TimeLimitFault, find_program, run_program

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.process import Runner

__all__ = ["FOLDER", "Adb", "Device", "Listed"]

FOLDER: Final = "/data/local/tmp/edge-effnet"
"""Where files go on the device: the shell's user may write and execute there on every Android."""

ADB: Final = "ADB"
SERIAL: Final = "ANDROID_SERIAL"
"""Variable that names the device where the target does not; adb's own."""

_PATIENCE_S: Final = 30.0
_PUSH_BYTES_PER_S: Final = 250_000
"""Slowest link that is waited for."""

_END: Final = "edge-effnet-exit:"
_SERIAL: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:\[\]%-]{0,127}")

_STATES: Final = {
    "unauthorized": "unlock the device and accept this computer's key; if it does not ask, plug it in again",
    "authorizing": "unlock the device and accept this computer's key",
    "offline": "plug it in again, or `adb reconnect`; if it stays offline, `adb kill-server`",
    "no permissions": "the USB device may not be opened: add yourself to the group plugdev and install the udev rules",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
    "bootloader": "start Android on it",
    "connecting": "wait until it is there",
}
"""State that `adb devices` tells -> what to do about it; ``device`` is the one that works."""


@dataclass(frozen=True)
class Listed:
    """A row of `adb devices -l`.

    Attributes:
        serial: Its name for adb.
        state: ``device``, ``unauthorized``, ``offline``, ...
        details: Model, product, transport as adb tells them.
    """

    serial: str
    state: str
    details: dict[str, str] = field(default_factory=dict)


def _program() -> str:
    found = find_program("adb", ADB)
    if found is None:
        named = os.environ.get(ADB)
        raise EnvironmentFault(
            "adb is not installed" if not named else f"the program that ${ADB} names is not there",
            got=named or None,
            hint=f"install the Android platform tools (package adb), or point ${ADB} to the program",
        )
    return found


@dataclass(frozen=True)
class Adb:
    """The client.

    Attributes:
        runner: Runs programs.
    """

    runner: Runner = run_program

    def call(self, *words: str, timeout_s: float = _PATIENCE_S) -> Finished:
        """Run the client.

        Raises:
            EnvironmentFault: It is not installed, or does not end in time.
        """
        try:
            return self.runner([_program(), *words], timeout_s=timeout_s)
        except TimeLimitFault as error:
            raise EnvironmentFault(
                f"adb had no answer within {timeout_s:g} s",
                got=shlex.join(words)[:200],
                hint="is the device hanging? unlock it, plug it in again, or `adb kill-server`",
            ) from error

    def version(self) -> str:
        """Return the client's version."""
        match = re.search(r"^Version (\S+)", self.call("version").text, re.MULTILINE)
        return match[1] if match else "of unknown version"

    def devices(self) -> list[Listed]:
        """Return every device that adb sees, usable or not.

        Raises:
            EnvironmentFault: adb fails.
        """
        done = self.call("devices", "-l")
        if done.returncode != 0:
            raise EnvironmentFault("adb cannot list devices", got=_last_line(done), hint="`adb kill-server`")
        rows = (
            line for line in done.text.splitlines() if line.strip() and not line.startswith(("List of", "*"))
        )
        return [_listed(row) for row in rows]

    def device(self, serial: str | None = None) -> Device:
        """Return the device of that serial number, the one that ``$ANDROID_SERIAL`` names, or the only one.

        Raises:
            UsageError: The serial number is none, or several devices are there and none is named.
            EnvironmentFault: No such device, or one that cannot be used yet.
        """
        wanted = serial or os.environ.get(SERIAL) or None
        if wanted is not None and not _SERIAL.fullmatch(wanted):
            raise UsageError("not a device's serial number", got=wanted, allowed="as `adb devices` prints it")
        listed = self.devices()
        rows = [row for row in listed if wanted in (None, row.serial)]
        if not rows:
            raise EnvironmentFault(
                "no device" if wanted is None else "no such device",
                got=wanted,
                allowed=", ".join(row.serial for row in listed) or None,
                hint="plug it in and switch USB debugging on, or `adb connect HOST:PORT`",
            )
        usable = [row for row in rows if row.state == "device"]
        if len(usable) > 1:
            raise UsageError(
                "several devices and no serial number",
                got=f"{len(usable)} devices",
                allowed=", ".join(f"adb:{row.serial}" for row in usable),
                hint=f"name one of them, or set ${SERIAL}",
            )
        if not usable:
            raise EnvironmentFault(
                f"the device is {rows[0].state}",
                got=rows[0].serial,
                hint=_STATES.get(rows[0].state, "start Android on it"),
            )
        return Device(self, usable[0].serial)


def _listed(row: str) -> Listed:
    serial, _, rest = row.strip().partition(" ") if "\t" not in row else row.strip().partition("\t")
    rest = rest.strip()
    if rest.startswith("no permissions"):
        return Listed(serial, "no permissions")
    state, *words = rest.split() or ["unknown"]
    return Listed(serial, state, dict(word.split(":", 1) for word in words if ":" in word))


def _last_line(done: Finished) -> str | None:
    lines = [line.strip() for line in (done.text + "\n" + done.complaint).splitlines() if line.strip()]
    return lines[-1][:300] if lines else None


@dataclass(frozen=True)
class Device:
    """One device that answers.

    Attributes:
        adb: The client.
        serial: Its name for adb.
    """

    adb: Adb
    serial: str

    def shell(self, script: str, *, timeout_s: float = _PATIENCE_S) -> tuple[int, str]:
        """Run a script of the device's shell.

        Args:
            script: POSIX shell; words that come from elsewhere are quoted by the caller.
            timeout_s: Seconds that it may take.

        Returns:
            (exit status, what it wrote on both streams). The status is read from the output, since devices before
            Android 7 do not pass it on, and since adb's own failures look like a status of 1.

        Raises:
            EnvironmentFault: The device has gone, or does not answer in time.
        """
        done = self.adb.call(
            "-s", self.serial, "shell", f"{{ {script}\n}} 2>&1; echo {_END}$?", timeout_s=timeout_s
        )
        output, found, status = done.text.replace("\r\n", "\n").rpartition(_END)
        if not found or not status.strip().isdecimal():
            raise EnvironmentFault(
                f"the connection to the device {self.serial} broke off",
                got=_last_line(done),
                hint="is it plugged in, unlocked and awake? see `adb devices -l`",
            )
        return int(status), output

    def bring(self, path: Path, name: str, *, executable: bool = False) -> str:
        """Copy a file to the device unless it is there already, whole or not at all.

        Args:
            path: The file here.
            name: How its name there ends; it begins with the content's hash.
            executable: Whether it is a program.

        Returns:
            Its path there.

        Raises:
            DataError: It cannot be read.
            EnvironmentFault: The device's disk is full or refuses it, or it arrived damaged.
        """
        try:
            sha256, size = sha256_of_file(path), path.stat().st_size
        except OSError as error:
            raise DataError(f"the file cannot be read: {error.strerror}", got=path) from error
        there = f"{FOLDER}/{sha256}-{name}"
        if self._has(there, sha256, size):
            return there
        part = f"{there}.{os.getpid()}.part"
        try:
            self._push(path, part, size)
            self._settle(path, part, there, sha256, executable=executable)
        except BaseException:
            self._forget(part)
            raise
        return there

    def _settle(self, path: Path, part: str, there: str, sha256: str, *, executable: bool) -> None:
        """Give a copy its name, after looking whether it arrived whole."""
        if not self._has(part, sha256, path.stat().st_size):
            raise EnvironmentFault(f"{path.name} arrived damaged on {self.serial}", hint="try again")
        mode, source, target = "755" if executable else "644", shlex.quote(part), shlex.quote(there)
        status, output = self.shell(f"chmod {mode} {source} && mv {source} {target}")
        if status:
            raise _cannot_keep(path, self.serial, output)

    def _has(self, path: str, sha256: str, size: int) -> bool:
        """Say whether a file is there and whole: by its hash, or on an old device without sha256sum by its size."""
        quoted = shlex.quote(path)
        script = f"[ -f {quoted} ] && {{ sha256sum {quoted} 2>/dev/null || wc -c < {quoted}; }}"
        status, output = self.shell(script, timeout_s=_PATIENCE_S + size / _PUSH_BYTES_PER_S)
        words = output.split()
        return status == 0 and bool(words) and words[0] in (sha256, str(size))

    def _push(self, path: Path, there: str, size: int) -> None:
        status, output = self.shell(f"mkdir -p {shlex.quote(FOLDER)}")
        if status:
            raise _cannot_keep(path, self.serial, output)
        timeout_s = _PATIENCE_S + size / _PUSH_BYTES_PER_S
        done = self.adb.call("-s", self.serial, "push", str(path.absolute()), there, timeout_s=timeout_s)
        if done.returncode:
            raise _cannot_keep(path, self.serial, done.text + "\n" + done.complaint)

    def _forget(self, path: str) -> None:
        try:
            self.shell(f"rm -f {shlex.quote(path)}")
        except EnvironmentFault:
            return  # the device has gone: what went wrong before is the news


def _cannot_keep(path: Path, serial: str, output: str) -> EnvironmentFault:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    full = "No space left" in output
    told = [line for line in lines if "error" in line or "No space" in line] or lines
    return EnvironmentFault(
        f"the disk of {serial} is full" if full else f"{path.name} cannot be copied to {serial}",
        got=told[0][:300] if told else None,
        hint=f"free some space there, for example `adb shell rm -r {FOLDER}`"
        if full
        else "see `adb devices -l`",
    )
