"""The engine `edgetpu`: compiled models through libedgetpu, and clear words for each way in which that fails.

References:
    google-coral/libedgetpu, tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc: the words for a device.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge_effnet.runtimes.connection import Connection, RemoteModel

__all__ = [
    "COMPILED_MARK",
    "USB2_MBPS",
    "accelerator",
    "device_options",
    "explained_refusal",
    "is_compiled",
    "library",
    "load_compiled",
]

COMPILED_MARK: Final = b"edgetpu-custom-op"
"""Name of the operator that the compiler leaves: no other model has it."""

LIBRARY_VARIABLE: Final = "EDGETPU_LIBRARY"
_LIBRARIES: Final = {"Linux": "libedgetpu.so.1", "Darwin": "libedgetpu.1.dylib", "Windows": "edgetpu.dll"}

USB2_MBPS: Final = 480
"""A device at this speed hangs on a USB 2 port or cable."""

_DEVICE: Final = re.compile(r"(?:(usb|pci)?:\d{1,3}|usb|pci)?")
_TOO_OLD: Final = re.compile(
    r"requires runtime version \((\d+)\).*?this runtime version \((\d+)\)", re.DOTALL
)
_WORKER: Final = Path(__file__).with_name("worker_edgetpu.py")
_GUIDE: Final = "coral.ai/docs/accelerator/get-started"


def library() -> str:
    """Return what the delegate is loaded from: `EDGETPU_LIBRARY`, else the name that the system's loader looks for."""
    return os.environ.get(LIBRARY_VARIABLE) or _LIBRARIES.get(platform.system(), _LIBRARIES["Linux"])


def device_options(word: str) -> tuple[tuple[str, str], ...]:
    """Return the delegate's options for a device as the command line names it.

    Raises:
        UsageError: libedgetpu knows no such words.
    """
    if not _DEVICE.fullmatch(word):
        raise UsageError(
            "no Edge TPU is named so",
            got=f"edgetpu:{word}",
            allowed="edgetpu, edgetpu:usb, edgetpu:usb:N, edgetpu:pci, edgetpu:pci:N or edgetpu::N (N from 0)",
        )
    return (("device", word),) if word else ()


def is_compiled(model: Path | bytes) -> bool:
    """Return whether a model is compiled for the Edge TPU; a file that cannot be read is not."""
    try:
        return COMPILED_MARK in (model if isinstance(model, bytes) else model.read_bytes())
    except OSError:
        return False


def load_compiled(
    connection: Connection,
    model: Path | bytes,
    kernels: str,
    threads: int,
    delegates: Sequence[Mapping[str, Any]],
    *,
    timeout_s: float,
) -> RemoteModel:
    """Load a compiled model in a worker; its facts get `accelerator`, what runs it.

    Raises:
        DataError: The model is not compiled, or the runtime cannot read it.
        EnvironmentFault: Library, device or permission is missing, or the runtime is too old.
    """
    exists = isinstance(model, bytes) or model.is_file()
    if exists and not is_compiled(model):
        name = "MODEL" if isinstance(model, bytes) else model
        raise DataError(
            "the model is not compiled for the Edge TPU: nothing of it would run there",
            got=name,
            hint=f"edge-effnet edgetpu compile {name} -o DIR",
        )
    connection.extend(_WORKER)
    facts = connection.ask("edgetpu", library=delegates[0]["path"])[0]["edgetpu"]
    try:
        loaded = connection.load(model, kernels, threads, delegates=delegates, timeout_s=timeout_s)
    except EnvironmentFault as error:
        word = delegates[0].get("options", {}).get("device", "")
        raise explained_refusal(facts, error, word, connection.where) from error
    loaded.facts["accelerator"] = accelerator(facts)
    return loaded


def probe_device(connection: Connection, kernels: str, delegates: Sequence[Mapping[str, Any]]) -> str:
    """Open the device in a worker and let it go; return what would run there.

    Raises:
        EnvironmentFault: As in `load_compiled`.
    """
    connection.extend(_WORKER)
    facts = connection.ask("edgetpu", library=delegates[0]["path"])[0]["edgetpu"]
    try:
        reply, _ = connection.ask("probe", engine=kernels, delegates=list(delegates))
    except EnvironmentFault as error:
        word = delegates[0].get("options", {}).get("device", "")
        raise explained_refusal(facts, error, word, connection.where) from error
    return f"{reply['runtime']}, Edge TPU runtime {facts['library']['runtime'] or 'of unknown version'}"


def accelerator(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of what runs the model: library, runtime, devices."""
    speeds = [row["speed_mbps"] for row in facts["usb"] if row["speed_mbps"] is not None]
    return {
        "library": facts["library"]["name"],
        "runtime": facts["library"]["runtime"],
        "usb": len(facts["usb"]),
        "pci": len(facts["pci"]),
        "usb_speed_mbps": min(speeds, default=None),
    }


@dataclass(frozen=True)
class _Cause:
    """One way to fail: what is seen there, and what to do about it."""

    seen: Callable[[dict[str, Any], str], str | None]
    fix: str


def _no_library(facts: dict[str, Any], _: str) -> str | None:
    name, error = facts["library"]["name"], facts["library"]["error"]
    missing = error and name in error and "No such file" in error
    return f"the Edge TPU library {name} is not installed" if missing else None


def _broken_library(facts: dict[str, Any], _: str) -> str | None:
    error = facts["library"]["error"]
    return f"the Edge TPU library cannot be loaded: {error}" if error else None


def _no_device(facts: dict[str, Any], _: str) -> str | None:
    there = facts["usb"] or facts["pci"] or facts["apex"] or not facts["told"]
    return None if there else "no Edge TPU is attached"


def _no_driver(facts: dict[str, Any], word: str) -> str | None:
    wanted = not word.startswith("usb") and not facts["usb"]
    there = facts["pci"] and not facts["apex"] and wanted
    return f"an Edge TPU is on PCIe ({facts['pci'][0]}), and /dev/apex_0 is not there" if there else None


def _no_such_device(facts: dict[str, Any], word: str) -> str | None:
    kind, _, number = word.partition(":")
    counts = {"usb": len(facts["usb"]), "pci": len(facts["apex"])}
    count = counts.get(kind, sum(counts.values()))
    if count > int(number or 0) or not facts["told"]:
        return None
    return f"there is no device {word or 'at all'}: {counts['usb']} on USB, {counts['pci']} on PCIe"


def _usb_without_node(facts: dict[str, Any], word: str) -> str | None:
    rows = [row for row in facts["usb"] if row["permitted"] is None]
    found = rows and not word.startswith("pci")
    return f"the Edge TPU on USB ({rows[0]['place']}) has no node under /dev/bus/usb here" if found else None


def _usb_not_permitted(facts: dict[str, Any], word: str) -> str | None:
    rows = [row for row in facts["usb"] if row["permitted"] is False]
    found = rows and not word.startswith("pci")
    return f"this user may not use the Edge TPU on USB ({rows[0]['place']})" if found else None


def _pci_not_permitted(facts: dict[str, Any], word: str) -> str | None:
    rows = [row for row in facts["apex"] if row["permitted"] is False]
    return f"this user may not use {rows[0]['node']}" if rows and not word.startswith("usb") else None


def _slow_port(facts: dict[str, Any], word: str) -> str | None:
    slow = [row for row in facts["usb"] if row["speed_mbps"] is not None and row["speed_mbps"] <= USB2_MBPS]
    if not slow or word.startswith("pci"):
        return None
    return f"the Edge TPU is there, on a USB 2 port or cable ({slow[0]['speed_mbps']:g} Mbit/s), and cannot be opened"


def _busy(facts: dict[str, Any], _: str) -> str | None:
    del facts
    return "the Edge TPU is there, and cannot be opened"


_CAUSES: Final = (
    _Cause(_no_library, f"install libedgetpu1-std there ({_GUIDE}), or give {LIBRARY_VARIABLE}=PATH"),
    _Cause(_broken_library, "install what it names (often libusb-1.0), for this machine's processor"),
    _Cause(
        _no_device,
        "plug it in; lsusb shows 1a6e:089a or 18d1:9302, lspci 1ac1:089a; pass it into a container",
    ),
    _Cause(_no_driver, "install the driver gasket-dkms, and load the module apex"),
    _Cause(_no_such_device, "name one that is there, or plain --engine edgetpu for any"),
    _Cause(
        _usb_without_node,
        "in a container: pass /dev/bus/usb in as a volume, not the one device: its number changes",
    ),
    _Cause(
        _usb_not_permitted,
        "add the udev rule that libedgetpu1-std brings, join its group (plugdev), log in again",
    ),
    _Cause(
        _pci_not_permitted,
        "give it to a group that you are in (udev rule: SUBSYSTEM apex, group apex, mode 0660)",
    ),
    _Cause(
        _slow_port, "use a USB 3 port and the cable that came with it; no other process may hold the device"
    ),
    _Cause(_busy, "end other programs that hold it, unplug it and plug it in again, check its power supply"),
)
"""Every way to fail before a model is even looked at, in the order in which they are asked after."""


def explained_refusal(
    facts: dict[str, Any], error: EdgeEffnetError, word: str, where: str
) -> EnvironmentFault:
    """Turn a refusal into one cause and what to do about it.

    Args:
        facts: What `worker_edgetpu` found there.
        error: What loading said.
        word: The device that was asked for; empty for any.
        where: The target.
    """
    old = _TOO_OLD.search(error.message)
    if old is not None:
        needs, has = old.groups()
        return EnvironmentFault(
            f"{where}: the Edge TPU runtime is too old for the model: it needs {needs}, there is {has}",
            got=facts["library"]["name"],
            hint=f"upgrade libedgetpu there, or compile with --min-runtime {has}",
        )
    if "unresolved custom op" in error.message:
        return EnvironmentFault(
            f"{where}: the library took no part of the compiled model",
            got=facts["library"]["name"],
            hint="is it libedgetpu, and made for this version of TensorFlow Lite?",
        )
    if "Failed to load delegate" not in error.message and facts["library"]["error"] is None:
        return EnvironmentFault(error.message, got=facts["library"]["name"], hint=error.hint)
    for cause in _CAUSES:
        seen = cause.seen(facts, word)
        if seen is not None:
            return EnvironmentFault(f"{where}: {seen}", got=error.message[:200], hint=cause.fix)
    raise AssertionError("the last cause always is")
