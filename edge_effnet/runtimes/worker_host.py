"""What machine a worker runs on: an extension of `worker.py`, and as self-contained as that."""

from __future__ import annotations

import os
import pathlib
import platform
from typing import Any


def host_facts() -> dict[str, Any]:
    """Return what the machine is and how busy: cores, clock, governor, load, temperature, limits; null where not told."""
    limits = _first("/sys/fs/cgroup/cpu.max", "max").split()
    memory = _first("/sys/fs/cgroup/memory.max", "max")
    mhz = _number("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", 1e-3)
    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "governor": _first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "") or None,
        "frequency_mhz": mhz if mhz is not None else _cpuinfo_number("cpu MHz"),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "temperature_c": _temperature(),
        "container": {
            "cpu_quota": int(limits[0]) / int(limits[1]) if limits[0] != "max" and len(limits) == 2 else None,
            "memory_limit_bytes": None if memory == "max" else int(memory),
        },
    }


def _first(path: str, default: str) -> str:
    try:
        return pathlib.Path(path).read_text().strip() or default
    except (OSError, UnicodeDecodeError):
        return default


def _number(path: str, factor: float = 1.0) -> float | None:
    text = _first(path, "")
    return float(text) * factor if text.lstrip("-").isdigit() else None


def _cpuinfo_number(key: str) -> float | None:
    try:
        return float(_cpuinfo(key) or "")
    except ValueError:
        return None


def _cpuinfo(key: str) -> str | None:
    for line in _first("/proc/cpuinfo", "").splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return None


def _cpu_name() -> str | None:
    board = _first("/proc/device-tree/model", "").strip("\0")
    part = _cpuinfo("CPU part")
    return _cpuinfo("model name") or board or (f"ARM part {part}" if part else platform.processor() or None)


def _temperature() -> float | None:
    zones = pathlib.Path("/sys/class/thermal").glob("thermal_zone*/temp")
    degrees = [value for value in (_number(str(zone), 1e-3) for zone in zones) if value is not None]
    return max(degrees, default=None)


def host(worker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Say what machine this is."""
    del worker, request
    return {"host": host_facts()}


ACTIONS = {"host": host}
