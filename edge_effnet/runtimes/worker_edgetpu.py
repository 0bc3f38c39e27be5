"""What Edge TPU hangs on a worker's machine: an extension of `worker.py`, and as self-contained as that.

References:
    google-coral/libedgetpu: USB ids of the device before (1a6e:089a) and after (18d1:9302) its first use, PCI id 1ac1:089a,
    `edgetpu_version` of its C interface. The kernel driver gasket/apex gives a PCIe device the node /dev/apex_N.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
from typing import Any

USB_IDS = {"1a6e:089a": False, "18d1:9302": True}
"""Vendor and product -> whether the device has its firmware already."""
PCI_ID = ("0x1ac1", "0x089a")


def edgetpu_facts(library: str, root: str = "/") -> dict[str, Any]:
    """Return the state of the library, of the devices and of their permissions; ``told`` is false where no system tells.

    Args:
        library: What the delegate is loaded from.
        root: Where ``sys`` and ``dev`` lie.
    """
    top = pathlib.Path(root)
    return {
        "library": _library(library),
        "told": (top / "sys/bus").is_dir(),
        "usb": _usb(top),
        "pci": _pci(top),
        "apex": _apex(top),
    }


def _library(name: str) -> dict[str, Any]:
    """Return whether the library can be loaded, and which Edge TPU runtime it says it is."""
    try:
        loaded = ctypes.CDLL(name)
    except OSError as error:
        return {"name": name, "error": str(error), "runtime": None}
    try:
        loaded.edgetpu_version.restype = ctypes.c_char_p
        text = (loaded.edgetpu_version() or b"").decode(errors="replace")
    except AttributeError:
        text = ""
    found = re.search(r"RuntimeVersion\((\d+)\)", text)
    return {"name": name, "error": None, "runtime": int(found.group(1)) if found else None}


def _usb(root: pathlib.Path) -> list[dict[str, Any]]:
    rows = []
    for folder in sorted((root / "sys/bus/usb/devices").glob("*")):
        name = f"{_text(folder / 'idVendor')}:{_text(folder / 'idProduct')}"
        if name not in USB_IDS:
            continue
        bus, device, speed = (_text(folder / key) for key in ("busnum", "devnum", "speed"))
        node = root / "dev/bus/usb" / bus.zfill(3) / device.zfill(3)
        rows.append(
            {
                "id": name,
                "place": folder.name,
                "speed_mbps": float(speed) if re.fullmatch(r"\d+(\.\d+)?", speed) else None,
                "ready": USB_IDS[name],
                "permitted": _permitted(node),
            }
        )
    return rows


def _pci(root: pathlib.Path) -> list[str]:
    folders = sorted((root / "sys/bus/pci/devices").glob("*"))
    return [one.name for one in folders if (_text(one / "vendor"), _text(one / "device")) == PCI_ID]


def _apex(root: pathlib.Path) -> list[dict[str, Any]]:
    return [
        {"node": f"/dev/{node.name}", "permitted": _permitted(node)}
        for node in sorted((root / "dev").glob("apex_*"))
    ]


def _permitted(node: pathlib.Path) -> bool | None:
    return os.access(node, os.R_OK | os.W_OK) if node.exists() else None


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def edgetpu(_: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the request."""
    return {"edgetpu": edgetpu_facts(request["library"])}


ACTIONS = {"edgetpu": edgetpu}
