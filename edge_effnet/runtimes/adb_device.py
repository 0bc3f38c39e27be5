"""What an Android device is and how warm it is: read with its own shell, null where it does not tell."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_effnet.runtimes.adb import Device

__all__ = ["Core", "Thermal", "big_cores", "cool_down", "cores_of", "device_facts", "thermal_of"]

_CORES: Final = """for c in /sys/devices/system/cpu/cpu[0-9]*; do
echo "core ${c##*cpu} $(cat $c/online 2>/dev/null || echo 1) $(cat $c/cpufreq/cpuinfo_max_freq 2>/dev/null || echo -) \
$(cat $c/cpufreq/scaling_cur_freq 2>/dev/null || echo -) $(cat $c/cpufreq/scaling_governor 2>/dev/null || echo -)"
done"""

_FACTS: Final = """getprop
echo "uname $(uname -m) $(uname -s) $(uname -r)"
echo "load $(cat /proc/loadavg)" """

_THERMAL: Final = """dumpsys thermalservice
for z in /sys/class/thermal/thermal_zone*; do
echo "zone $(cat $z/type) $(cat $z/temp)"
done"""

_PROPERTIES: Final = {
    "manufacturer": ("ro.product.manufacturer",),
    "model": ("ro.product.model",),
    "soc": ("ro.soc.model", "ro.board.platform", "ro.hardware"),
    "android": ("ro.build.version.release",),
    "sdk": ("ro.build.version.sdk",),
    "build": ("ro.build.fingerprint",),
    "abi": ("ro.product.cpu.abi",),
    "abilist": ("ro.product.cpu.abilist",),
}
"""Key of the record -> properties that may hold it, the best first."""

STATUSES: Final = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's thermal status by number (android.os.PowerManager, since Android 10)."""

_HOT_C: Final = 150
"""Zones above this are no temperatures: some kernels put flags and currents among them."""


@dataclass(frozen=True)
class Core:
    """One core.

    Attributes:
        index: Its number.
        max_khz: Highest clock; None where it is not told.
        khz: Clock now.
        governor: What sets the clock.
    """

    index: int
    max_khz: int | None
    khz: int | None
    governor: str | None


def cores_of(device: Device) -> list[Core]:
    """Return the cores that are switched on, by number."""
    _, output = device.shell(_CORES)
    rows = [line.split() for line in output.splitlines() if line.startswith("core ")]
    cores = [
        Core(int(row[1]), _int(row[3]), _int(row[4]), None if row[5] == "-" else row[5])
        for row in rows
        if len(row) == 6 and row[1].isdecimal() and row[2] != "0"
    ]
    return sorted(cores, key=lambda core: core.index)


def big_cores(cores: Sequence[Core], threads: int) -> tuple[int, ...]:
    """Return the cores with the highest clock, as many kinds as the threads need; none where clocks are not told.

    A phone has cores of two or three kinds. All threads on the fastest kind that has room for them is what an app in
    the foreground gets, and it keeps a run from wandering between kinds.
    """
    clocks = sorted({core.max_khz for core in cores if core.max_khz is not None}, reverse=True)
    chosen: list[int] = []
    for clock in clocks:
        if len(chosen) < threads:
            chosen += [core.index for core in cores if core.max_khz == clock]
    return tuple(sorted(chosen))


def device_facts(device: Device, cores: Sequence[Core]) -> dict[str, Any]:
    """Return the device's record: the keys of ``host``, and in ``android`` what only a phone has."""
    _, output = device.shell(_FACTS)
    lines = output.splitlines()
    properties = dict(re.findall(r"^\[([^\]]+)\]: \[([^\]]*)\]", output, re.MULTILINE))
    phone = {key: _first(properties, names) for key, names in _PROPERTIES.items()}
    words = next((line.split()[1:] for line in lines if line.startswith("uname ")), [])
    load = next((line.split()[1:2] for line in lines if line.startswith("load ")), [])
    fastest = max((core for core in cores if core.khz), key=lambda core: core.khz or 0, default=None)
    governors = sorted({core.governor for core in cores if core.governor})
    return {
        "machine": words[0] if words else phone["abi"],
        "system": f"Android {phone['android']}" if phone["android"] else " ".join(words[1:]) or None,
        "cpu": phone["soc"],
        "cores": len(cores) or None,
        "governor": "+".join(governors) or None,
        "frequency_mhz": None if fastest is None or fastest.khz is None else fastest.khz / 1e3,
        "load_average": _float(load[0]) if load else None,
        "temperature_c": thermal_of(device).hottest_c,
        "container": {"cpu_quota": None, "memory_limit_bytes": None},
        "android": {**phone, "max_khz": {str(core.index): core.max_khz for core in cores}},
    }


@dataclass(frozen=True)
class Thermal:
    """How warm a device is.

    Attributes:
        status: Android's thermal status, 0 (none) to 6; None where it is not told.
        temperatures_c: Degrees by sensor, those of processors where they are marked.
        reason: Why there is no status.
    """

    status: int | None
    temperatures_c: dict[str, float]
    reason: str | None = None

    @property
    def hottest_c(self) -> float | None:
        """The highest of the temperatures."""
        return max(self.temperatures_c.values(), default=None)

    def to_record(self) -> dict[str, Any]:
        """Return it for a record."""
        name = None if self.status is None else STATUSES[self.status]
        return {
            "status": self.status,
            "status_name": name,
            "hottest_c": self.hottest_c,
            "reason": self.reason,
        }


def thermal_of(device: Device) -> Thermal:
    """Read the thermal status (Android 10 and later) and temperatures, from the service or else from the kernel."""
    _, output = device.shell(_THERMAL)
    found = re.search(r"Thermal Status: (\d)\b", output)
    status = int(found[1]) if found and int(found[1]) < len(STATUSES) else None
    # mType 0 is a processor; 3, the skin, is what throttling follows on most phones.
    sensors = re.findall(r"Temperature\{mValue=([0-9.]+), mType=[03], mName=([^,}]+)", output)
    degrees = {name.strip(): _float(value) for value, name in sensors}
    zones = re.findall(r"^zone (\S.*?) (-?\d+)\s*$", output, re.MULTILINE)
    degrees = degrees or {name: int(value) / 1e3 for name, value in zones}
    kept = {name: value for name, value in degrees.items() if value is not None and 0 < value < _HOT_C}
    reason = None if status is not None else "the device has no thermal service that the shell may ask"
    return Thermal(status, kept, reason)


def cool_down(
    device: Device, limit_s: float, *, step_s: float = 2.0, sleep: Callable[[float], None] = time.sleep
) -> Thermal:
    """Wait until the thermal status is 0, at most a limit; where it is not told, rest for a fixed tenth of the limit.

    Returns:
        How warm it is at the end.
    """
    state, waited = thermal_of(device), 0.0
    if state.status is None and limit_s > 0:
        sleep(limit_s / 10)
        return thermal_of(device)
    while state.status and waited < limit_s:
        sleep(min(step_s, limit_s - waited))
        waited += step_s
        state = thermal_of(device)
    return state


def _first(properties: dict[str, str], names: Sequence[str]) -> str | None:
    return next((properties[name].strip() for name in names if properties.get(name, "").strip()), None)


def _int(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 16 else None


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
