"""Counts the instructions of an inference, on an emulated core: an extension of `worker.py`, and as self-contained as that.

The emulator's plug-in (`counter.c`) sees system calls. A mark is one that fails and does nothing else, so that these
requests do no harm where there is no plug-in.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
from typing import Any

_NO_FILE = -0x7A11
"""The plug-in's sign: a file descriptor that cannot be."""

_SET_STOP, _OPEN, _CLOSE = 0, 1, 2
"""Commands, in the place of lseek's third argument."""


def mark(command: int, value: int = 0) -> None:
    """Tell the plug-in something."""
    with contextlib.suppress(OSError):
        os.lseek(_NO_FILE, value, command)


def count_open(worker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Name the addresses that are noted inside a window, before the code there has run for the first time.

    Args:
        worker: Keeps the plug-in's file open; its name is removed, so that nothing is left behind.
        request: ``module`` whose import loads the library, ``library`` (its file name), ``addresses`` counted from where
            it is loaded, ``counts`` (the plug-in's file).
    """
    path = pathlib.Path(request["counts"])
    worker.counts = path.open(encoding="ascii")
    path.unlink()
    importlib.import_module(request["module"])
    maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
    starts = [line.partition("-")[0] for line in maps if line.endswith("/" + request["library"])]
    for address in request["addresses"]:
        mark(_SET_STOP, int(starts[0], 16) + address)
    return {}


def count(worker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Run a model inside windows; return the plug-in's line for each."""
    invoke = worker.models[request["id"]].interpreter.invoke
    for _ in range(request["runs"]):
        mark(_OPEN)
        invoke()
        mark(_CLOSE)
    return {"lines": [worker.counts.readline() for _ in range(request["runs"])]}


ACTIONS = {"count_open": count_open, "count": count}
