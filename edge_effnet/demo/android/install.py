"""Puts an APK on a phone over adb and starts it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program
from edge_effnet.runtimes.adb import Adb

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.process import Runner
    from edge_effnet.runtimes.adb import Device

__all__ = ["REFUSALS", "find_device", "install"]

_PATIENCE_S: Final = 60.0
_BYTES_PER_S: Final = 250_000
"""Slowest link that is waited for."""

REFUSALS: Final = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "the app is there with another signature: adb uninstall {package}",
    "INSTALL_FAILED_VERSION_DOWNGRADE": "a newer version is there: adb uninstall {package}",
    "INSTALL_FAILED_OLDER_SDK": "the phone is older than Android 7.0 (API 24)",
    "INSTALL_FAILED_NO_MATCHING_ABIS": "the phone's processor is none of {abis}",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "the phone is full: free some space",
    "INSTALL_FAILED_USER_RESTRICTED": "allow installing over USB in the phone's developer options, and confirm on its screen",
    "INSTALL_FAILED_ABORTED": "the phone's owner, or Play Protect, declined: confirm on its screen",
    "INSTALL_FAILED_VERIFICATION_FAILURE": "the phone's verifier declined: confirm on its screen",
    "INSTALL_FAILED_INVALID_APK": "build it again; if that does not help, it is a defect of this program",
    "INSTALL_PARSE_FAILED_NO_CERTIFICATES": "the signature did not survive the way: build it again",
}
"""What Android's package manager answers -> what to do.

References:
    PackageManager.INSTALL_FAILED_* in frameworks/base/core/java/android/content/pm/PackageManager.java
"""


def find_device(*, runner: Runner = run_program) -> Device:
    """Return the phone, before anything is built for it.

    Raises:
        EnvironmentFault: adb or a device is missing, or it is not authorised.
        UsageError: There are several and ``$ANDROID_SERIAL`` names none.
    """
    return Adb(runner).device()


def install(device: Device, path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Install an APK over an older one and start it.

    Args:
        device: See `find_device`.
        path: The APK.
        about: What it says about itself: package, activity, abis.

    Returns:
        ``serial`` and ``activity``.

    Raises:
        EnvironmentFault: The phone refuses it, has gone, or does not start it.
    """
    timeout_s = _PATIENCE_S + path.stat().st_size / _BYTES_PER_S
    done = device.adb.call("-s", device.serial, "install", "-r", str(path.absolute()), timeout_s=timeout_s)
    told = f"{done.text}\n{done.complaint}"
    if done.returncode or "Success" not in told:
        raise _refusal(device.serial, told, about)
    activity = f"{about['package']}/{about['activity']}"
    _, output = device.shell(f"am start -n {shlex.quote(activity)}")
    if "Error" in output or "Exception" in output:
        wrong = next(line for line in output.splitlines() if "Error" in line or "Exception" in line)
        raise EnvironmentFault("the app is installed and did not start", got=wrong.strip()[:300])
    return {"serial": device.serial, "activity": activity}


def _refusal(serial: str, told: str, about: dict[str, Any]) -> EnvironmentFault:
    code = re.search(r"INSTALL_\w+", told)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    got = next((line for line in lines if code and code[0] in line), lines[-1] if lines else None)
    fix = REFUSALS.get(code[0]) if code else None
    words = {"package": about["package"], "abis": ", ".join(about["abis"])}
    return EnvironmentFault(
        f"{serial} does not install the app",
        got=got and got[:300],
        hint=fix.format(**words) if fix else "is it plugged in, unlocked and awake? see `adb devices -l`",
    )
