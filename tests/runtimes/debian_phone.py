"""A phone for tests: Debian's own adbd in a chroot and a network of its own, with the tool benchmark_model.

Needs root and the folder that ``tests/runtimes/debian_phone.sh FOLDER`` makes once; see there. What no Debian has
(getprop, dumpsys, cpufreq) is put there as small programs and files. The client is the system's own adb.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes.fake_adb import THERMAL

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "EDGE_EFFNET_PHONE"
"""Variable that names the folder."""

PROPERTIES = {
    "ro.product.manufacturer": "Debian",
    "ro.product.model": "chroot",
    "ro.soc.model": "none",
    "ro.build.version.release": "13",
    "ro.build.version.sdk": "33",
    "ro.build.fingerprint": "debian/chroot",
    "ro.product.cpu.abi": "x86_64",
    "ro.product.cpu.abilist": "x86_64,x86",
}
CLOCKS_KHZ = (1_804_800, 2_841_600)
"""Of the two cores: the second is the big one."""

_START = """
ip link set lo up
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount -t tmpfs tmpfs {root}/tmp
mount -t tmpfs -o size={disk} tmpfs {root}/data/local/tmp
mount --rbind /dev {root}/dev
while :; do ADBD_PORT=5555 chroot {root} /usr/sbin/adbd; sleep 1; done
"""


def missing() -> str | None:
    """Say why there can be no such phone here."""
    if os.environ.get(FOLDER) is None:
        return f"set {FOLDER} to the folder that tests/runtimes/debian_phone.sh made"
    if os.geteuid() != 0:
        return "only root can start a chroot with a network of its own"
    absent = [name for name in ("adb", "unshare", "nsenter", "ip") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


class Phone:
    """The running phone.

    Attributes:
        root: Its file system.
        tool: benchmark_model for it.
        plain_tool: The same, built without XNNPACK.
        adb: Program that is adb inside its network.
        process: The daemon, in a group of its own.
    """

    serial = "127.0.0.1:5555"

    def __init__(self, root: Path, work: Path, disk: str) -> None:
        self.root, self.tool = root, root / "src" / "benchmark_model"
        self.plain_tool = root / "src" / "benchmark_plain"
        self.hot(0)
        script = _START.format(root=root, disk=disk)
        self._log = (work / "adbd.log").open("wb")
        self.process = subprocess.Popen(
            ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "bash", "-c", script],
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.adb = work / "adb"
        enter = f"nsenter --net=/proc/{self.process.pid}/ns/net"
        self.adb.write_text(f'#!/bin/sh\nexec {enter} -- adb "$@"\n')
        self.adb.chmod(0o755)

    def wait(self) -> None:
        """Wait until adb has connected to it."""
        for _ in range(60):
            done = subprocess.run(
                [self.adb, "connect", self.serial], capture_output=True, check=False, text=True
            )
            if "connected to" in done.stdout:
                break
            time.sleep(0.25)
        # adb's server finds the same daemon by its port too, as an emulator; tests that want one device forget it.
        time.sleep(0.5)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the daemon; one that is killed is started anew after a second, like a phone that restarts."""
        found = subprocess.run(
            ["pgrep", "-s", str(self.process.pid), "-x", "adbd"], capture_output=True, check=True, text=True
        )
        for word in found.stdout.split():
            os.kill(int(word), number)

    def hot(self, status: int) -> None:
        """Set the thermal status."""
        folder = self.root / "etc" / "phone"
        folder.mkdir(exist_ok=True)
        (folder / "thermal").write_text(THERMAL.format(status=status))

    def close(self) -> None:
        """End the phone and adb's server for it."""
        with contextlib.suppress(ProcessLookupError):
            subprocess.run([self.adb, "kill-server"], capture_output=True, check=False, timeout=20)
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()


def _furnish(root: Path) -> None:
    """Put there what Android has and Debian has not."""
    lines = "".join(f"[{key}]: [{value}]\n" for key, value in PROPERTIES.items())
    (root / "etc" / "phone").mkdir(exist_ok=True)
    (root / "etc" / "phone" / "properties").write_text(lines)
    programs = {
        "getprop": 'if [ $# = 0 ]; then cat /etc/phone/properties; else sed -n "s/^\\[$1\\]: \\[\\(.*\\)\\]$/\\1/p" /etc/phone/properties; fi',
        "dumpsys": "cat /etc/phone/thermal",
    }
    for name, script in programs.items():
        path = root / "usr" / "local" / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    (root / "data" / "local" / "tmp").mkdir(parents=True, exist_ok=True)
    for index, clock in enumerate(CLOCKS_KHZ):
        folder = root / "sys" / "devices" / "system" / "cpu" / f"cpu{index}" / "cpufreq"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpuinfo_max_freq").write_text(f"{clock}\n")
        (folder / "scaling_cur_freq").write_text(f"{clock // 2}\n")
        (folder / "scaling_governor").write_text("schedutil\n")


@contextlib.contextmanager
def phone(work: Path, disk: str = "64m") -> Iterator[Phone]:
    """Start a phone and let adb find it; `work` takes its files, `disk` is the size of its storage."""
    root = Path(os.environ[FOLDER])
    _furnish(root)
    running = Phone(root, work, disk)
    try:
        running.wait()
        yield running
    finally:
        running.close()
