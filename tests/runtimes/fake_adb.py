"""A program that stands for adb: it runs the device's scripts in this machine's sh, and replays what real ones printed.

What it says when something is wrong was recorded from adb 29.0.6 (Debian bookworm) with adbd 34.0.5 (Debian sid) behind it, and with
`locked_phone.py` for an unauthorised one; `test_adb_phone.py` checks the same against the real ones. What the tool prints comes from
tests/golden/benchmark_model.
"""

from __future__ import annotations

import os
import shlex
import struct
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "benchmark_model"

THERMAL = """IsStatusOverride: false
Thermal Status: {status}
Current temperatures from HAL:
\tTemperature{{mValue=38.25, mType=0, mName=CPU0, mStatus=0}}
\tTemperature{{mValue=27.0, mType=2, mName=battery, mStatus=0}}
"""
"""What `dumpsys thermalservice` prints, after ThermalManagerService of Android 12."""

_PROGRAM = r"""#!/bin/sh
home={home}
is() {{ [ -s "$home/state/$1" ]; }}
{{ printf '%s\037' "$@"; printf '\036'; }} >> "$home/calls"
case "$1" in
version) printf 'Android Debug Bridge version 1.0.41\nVersion 29.0.6-debian\n'; exit;;
devices) echo 'List of devices attached'; cat "$home/state/devices"; echo; exit;;
esac
grep -q "$2" "$home/state/devices" || {{ echo "error: device '$2' not found" >&2; exit 1; }}
if [ "$3" = push ]; then
    is full && {{ head -c 10 "$4" > "$home/device$5"; echo "adb: error: failed to copy '$4' to '$5': remote write failed: No space left on device"
        echo "$4: 0 files pushed, 0 skipped. 582.2 MB/s (9000000 bytes in 0.015s)"; exit 1; }}
    if is cut; then head -c 10 "$4" > "$home/device$5"; else cat "$4" > "$home/device$5"; fi
    echo "$4: 1 file pushed, 0 skipped."
    exit
fi
case "$4" in *-benchmark_model\ --graph=*) is vanish && exit;; esac
is hang_all && sleep 60
PATH="$home/bin:$PATH" exec sh -c "$(printf '%s' "$4" | sed -E \
    -e "s#[^ ]*-benchmark_model --graph#$home/bin/tool --graph#g" \
    -e "s#/data/local/tmp#$home/device/data/local/tmp#g" -e "s#/sys/#$home/device/sys/#g")"
"""

_TOOL = r"""#!/bin/sh
home={home}
{{ printf '%s ' "$@"; printf '\037\036'; }} >> "$home/runs"
case "$*" in *--enable_op_profiling=true*) cat "$(cat "$home/state/profile")";; *) cat "$(cat "$home/state/output")";; esac
exit "$(cat "$home/state/status")"
"""


def elf(machine: int) -> bytes:
    """Return the beginning of a program for a kind of processor."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


class FakeAdb:
    """The program and the device behind it.

    Attributes:
        home: Its files: ``device`` is the device's storage.
        program: What `$ADB` names.
        tool: A file that looks like benchmark_model for the device.
    """

    serial = "R5CT0000"

    def __init__(
        self, home: Path, clocks_khz: tuple[int, ...] = (1_800_000, 1_800_000, 2_400_000, 2_840_000)
    ) -> None:
        self.home, self.program, self.tool = home, home / "adb", home / "benchmark_model"
        (home / "bin").mkdir(parents=True)
        (home / "device" / "data" / "local" / "tmp").mkdir(parents=True)
        self._write("adb", _PROGRAM.format(home=shlex.quote(str(home))))
        self.tool.write_bytes(elf(183))
        self._write("bin/taskset", '#!/bin/sh\nshift\nexec "$@"\n')
        self._write("bin/dumpsys", f"#!/bin/sh\ncat {home}/thermal\n")
        self._write("bin/getprop", f"#!/bin/sh\ncat {home}/properties/${{1:-all}} 2>/dev/null\n")
        self.properties(
            {
                "ro.product.model": "Pixel 0",
                "ro.soc.model": "Imagined 8",
                "ro.build.version.release": "14",
                "ro.product.cpu.abi": "arm64-v8a",
                "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a",
            }
        )
        for index, clock in enumerate(clocks_khz):
            folder = home / "device" / "sys" / "devices" / "system" / "cpu" / f"cpu{index}" / "cpufreq"
            folder.mkdir(parents=True)
            (folder / "cpuinfo_max_freq").write_text(f"{clock}\n")
            (folder / "scaling_cur_freq").write_text("600000\n")
            (folder / "scaling_governor").write_text("schedutil\n")
        self.set(
            devices=f"{self.serial}               device usb:1-1 product:p model:Pixel_0 device:d transport_id:1\n"
        )
        self.warm(0)
        self.prints("measured.txt")
        self._write("bin/tool", _TOOL.format(home=shlex.quote(str(home))))

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.write_text(text)
        path.chmod(0o755)

    def set(self, **state: object) -> None:
        """Change what the program does: texts, and switches that are on when they are not empty."""
        folder = self.home / "state"
        folder.mkdir(exist_ok=True)
        for name, value in state.items():
            (folder / name).write_text(str(value))

    def properties(self, values: dict[str, str]) -> None:
        """Set what `getprop` says."""
        folder = self.home / "properties"
        folder.mkdir(exist_ok=True)
        for key, value in values.items():
            (folder / key).write_text(f"{value}\n")
        (folder / "all").write_text("".join(f"[{key}]: [{value}]\n" for key, value in values.items()))

    def warm(self, status: int) -> None:
        """Set the thermal status."""
        (self.home / "thermal").write_text(THERMAL.format(status=status))

    def prints(self, name: str, status: int = 0, profile: str = "profile.txt") -> None:
        """Set which recorded output the tool prints, and its exit status."""
        self.set(output=str(GOLDEN / name), profile=str(GOLDEN / profile), status=status)

    def calls(self, name: str = "calls") -> list[list[str]]:
        """Return the words that the program, or the tool (``runs``), was called with."""
        path = self.home / name
        calls = path.read_text().split("\036")[:-1] if path.exists() else []
        return [call.split("\037")[:-1] for call in calls]

    def environment(self) -> dict[str, str]:
        """Return the variables that make the package use it."""
        return {
            "ADB": str(self.program),
            "EDGE_EFFNET_BENCHMARK_MODEL": str(self.tool),
            "PATH": os.environ["PATH"],
        }
