"""The emulated environment on disk: where it lies, what it holds, how a program is started in it."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import user_cache
from edge_effnet.runtimes.arm64.locked import read_lock
from edge_effnet.runtimes.base import Available, Missing

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.runtimes.arm64.cores import Core
    from edge_effnet.runtimes.base import Probe

__all__ = ["FIX", "Installation", "default_folder", "unsupported_host"]

FIX: Final = "edge-effnet doctor --install arm64"

_EMULATOR: Final = "host/usr/bin/qemu-aarch64"
_LOADER: Final = "host/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
_LIBRARIES: Final = ("host/lib/x86_64-linux-gnu", "host/usr/lib/x86_64-linux-gnu")

_ENVIRONMENT: Final = {
    "HOME": "/",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    # The tunables of the C library and of malloc stay at their defaults: nothing of the host's environment comes in.
}
"""The whole environment of an emulated program, two paths aside: of its packages, and of where it keeps models.

Fixed, because its size moves the stack and the hash seed moves dictionaries, and both move instruction counts.
"""


def default_folder() -> Path:
    """Return where the environment is installed; it may not exist.

    Raises:
        EnvironmentFault: The package that knows the user's cache folder is missing.
    """
    return user_cache("arm64")


def unsupported_host() -> Missing | None:
    """Say why this machine cannot emulate, or return None if it can."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return None
    return Missing(
        f"the emulated environment runs on x86-64 Linux, and this is {platform.machine()} {platform.system()}",
        "on a machine that has the core itself, use the target local; else run in an x86-64 Linux container",
    )


@dataclass(frozen=True)
class Installation:
    """An emulated environment in a folder; see `install` for what makes it.

    Attributes:
        folder: Its root.
    """

    folder: Path

    @property
    def manifest_path(self) -> Path:
        """The record of what was installed."""
        return self.folder / "manifest.json"

    @property
    def plugin(self) -> Path:
        """The compiled counting plug-in, where a compiler was found."""
        return self.folder / "plugin" / "counter.so"

    @property
    def packages(self) -> Path:
        """The folder of the emulated machine's wheels."""
        return self.folder / "site"

    def core_root(self, core: Core) -> Path:
        """Return what a core's program sees in front of the host's file system."""
        return self.folder / "cores" / core.name

    def manifest(self) -> dict[str, Any]:
        """Return the record of what was installed.

        Raises:
            OSError: Nothing is installed there.
            ValueError: The record is damaged.
        """
        record: dict[str, Any] = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        return record

    def probe(self) -> Probe:
        """Say whether programs can be run in it; never raises."""
        if (unsupported := unsupported_host()) is not None:
            return unsupported
        try:
            record = self.manifest()
            version = f"qemu-user {record['qemu']}, ai-edge-litert {record['litert']}"
            lock_sha256 = record["lock_sha256"]
        except FileNotFoundError:
            return Missing("the emulated environment is not installed", FIX)
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Missing(f"the record of the emulated environment is damaged: {error!r}", f"{FIX} --force")
        if lock_sha256 != read_lock().sha256:
            return Missing("the emulated environment was made by another version of edge-effnet", FIX)
        return Available(version)

    def probe_counting(self) -> Probe:
        """Say whether instructions can be counted in it; never raises."""
        state = self.probe()
        if isinstance(state, Missing) or self.plugin.is_file():
            return state
        counter = self.manifest().get("counter") or {}
        reason = counter.get("reason") or "it is gone"
        return Missing(f"no counting plug-in: {reason}", counter.get("fix") or f"{FIX} --force")

    def argv(
        self, core: Core, *arguments: str, counts: Path | None = None, keep_bytecode: bool = False
    ) -> list[str]:
        """Return what starts the emulated Python.

        Args:
            core: What is emulated.
            arguments: Of Python.
            counts: File to which the counting plug-in writes.
            keep_bytecode: Write compiled modules beside their sources; a start without them takes three times as long.
        """
        # A comma in a value is doubled, since a single one ends it.
        out = str(counts).replace(",", ",,")
        plugin = [] if counts is None else ["-plugin", f"{self.plugin},out={out}"]
        places = {"PYTHONPATH": str(self.packages), "EDGE_EFFNET_CACHE": str(self.folder)}
        environment = {**_ENVIRONMENT, **places}
        root = self.core_root(core)
        return [
            *("env", "-i"),
            *(str(self.folder / _LOADER), "--library-path"),
            ":".join(str(self.folder / name) for name in _LIBRARIES),
            *(str(self.folder / _EMULATOR), "-cpu", core.qemu_cpu, "-seed", "0"),
            *plugin,
            *(word for name, value in environment.items() for word in ("-E", f"{name}={value}")),
            *("-L", str(root), str(root / "usr" / "bin" / "python3.11")),
            *(() if keep_bytecode else ("-B",)),
            *("-S", *arguments),
        ]
