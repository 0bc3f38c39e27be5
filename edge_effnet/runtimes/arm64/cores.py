"""The arm64 cores that can be emulated, and how each is told apart by the libraries that choose kernels by it.

XNNPACK chooses its kernels from `/proc/cpuinfo`: the part number says which core's tuned kernel, the feature words
which instructions. QEMU 7.2 shows a program the host's file instead, so every core here has a file of its own, and
its feature words must agree with what QEMU's model of that core can execute.

References:
    Part numbers: the MIDR_EL1 register in Arm's technical reference manual of each core.
    Feature words: the names that Linux gives to the bits of HWCAP and HWCAP2 on arm64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_effnet.errors import UnknownNameError

__all__ = ["CORES", "Core", "core_of"]

_CPUS: Final = 4

_V8: Final = "fp asimd aes pmull sha1 sha2 crc32 cpuid"
"""What every Armv8.0 core here has."""

_V82: Final = f"{_V8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
"""Armv8.2 with half precision and the int8 dot product (asimddp)."""

_V9: Final = (
    f"{_V82} jscvt fcma sha3 sm3 sm4 sha512 sve asimdfhm dit uscat ilrcpc flagm paca pacg dcpodp sve2 flagm2 frint "
    "svei8mm svebf16 i8mm bf16 bti"
)
"""Armv9.0 with SVE2 and the int8 matrix product (i8mm)."""


@dataclass(frozen=True)
class Core:
    """One emulated core.

    Attributes:
        name: As in ``arm64:NAME``.
        qemu_cpu: QEMU's model, with switches.
        part: Part number in `/proc/cpuinfo`.
        variant: Variant there.
        revision: Revision there.
        features: Feature words there.
        note: What stands in for what; empty when QEMU models the core itself.
    """

    name: str
    qemu_cpu: str
    part: int
    variant: int
    revision: int
    features: str
    note: str = ""

    def cpuinfo(self) -> str:
        """Return the `/proc/cpuinfo` of a machine with four of these cores."""
        return "".join(
            f"processor\t: {number}\n"
            "BogoMIPS\t: 100.00\n"
            f"Features\t: {self.features}\n"
            "CPU implementer\t: 0x41\n"
            "CPU architecture: 8\n"
            f"CPU variant\t: {self.variant:#x}\n"
            f"CPU part\t: {self.part:#05x}\n"
            f"CPU revision\t: {self.revision}\n\n"
            for number in range(_CPUS)
        )


_STAND_IN: Final = "QEMU 7.2 has no model of it: {model} executes, with this core's identity and instructions"

CORES: Final[dict[str, Core]] = {
    core.name: core
    for core in (
        Core("cortex-a53", "cortex-a53", 0xD03, 0, 4, _V8),
        Core("cortex-a55", "cortex-a76", 0xD05, 2, 0, _V82, _STAND_IN.format(model="cortex-a76")),
        Core("cortex-a72", "cortex-a72", 0xD08, 0, 3, _V8),
        Core("cortex-a76", "cortex-a76", 0xD0B, 4, 1, _V82),
        Core("cortex-a78", "cortex-a76", 0xD41, 1, 0, _V82, _STAND_IN.format(model="cortex-a76")),
        # Without sme=off, LiteRT takes its SME kernels, and QEMU 7.2 computes them wrongly (over 100 int8 steps off).
        Core("cortex-a710", "max,sme=off", 0xD47, 2, 0, _V9, _STAND_IN.format(model="max without SME")),
    )
}
"""Name -> core, the oldest first."""


def core_of(name: str) -> Core:
    """Return a core by name.

    Raises:
        UnknownNameError: There is no such core.
    """
    if name not in CORES:
        raise UnknownNameError("arm64 core", name, CORES)
    return CORES[name]
