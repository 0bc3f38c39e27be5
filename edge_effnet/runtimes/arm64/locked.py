"""What the emulated environment is made of: every package and wheel with its version, size and sha256.

The lock is data (`lock.json`), made by ``python benchmarks/lock_arm64.py``. It names no mirror and no registry: the
packages come from where apt is set up to look, the wheels from where pip is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from edge_effnet.artifacts import sha256_of_bytes

__all__ = ["GUEST", "HOST", "Lock", "Package", "Wheel", "lock_from_record", "read_lock"]

HOST: Final = "amd64"
"""Debian's name of the machines that can emulate: QEMU and its libraries are of this architecture."""

GUEST: Final = "arm64"
"""Debian's name of the emulated architecture."""


@dataclass(frozen=True)
class Package:
    """One Debian package.

    Attributes:
        name: Such as ``libc6``.
        version: As Debian writes it, epoch included.
        architecture: ``amd64`` or ``arm64``.
        file_name: Its name in the archive.
        sha256: Of the file.
        size_bytes: Of the file.
    """

    name: str
    version: str
    architecture: str
    file_name: str
    sha256: str
    size_bytes: int

    @property
    def spec(self) -> str:
        """What apt calls the package whatever its version."""
        return f"{self.name}:{self.architecture}"

    @property
    def pinned(self) -> str:
        """What apt calls this version of it."""
        return f"{self.spec}={self.version}"


@dataclass(frozen=True)
class Wheel:
    """One Python wheel for the emulated machine.

    Attributes:
        name: Of the distribution.
        version: Of the distribution.
        file_name: Of the wheel.
        sha256: Of the wheel.
        size_bytes: Of the wheel.
    """

    name: str
    version: str
    file_name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Lock:
    """Everything that is installed.

    Attributes:
        release: Debian's release that the packages are from.
        python: Version of the emulated Python, ``major.minor``.
        packages: For both architectures.
        wheels: For the emulated one.
        sha256: Of the lock itself: an installation made from another lock is out of date.
    """

    release: str
    python: str
    packages: tuple[Package, ...]
    wheels: tuple[Wheel, ...]
    sha256: str

    @property
    def download_bytes(self) -> int:
        """Size of everything together, package lists left aside."""
        packages = sum(package.size_bytes for package in self.packages)
        return packages + sum(wheel.size_bytes for wheel in self.wheels)


def lock_from_record(record: dict[str, Any], sha256: str) -> Lock:
    """Return the lock that a JSON document holds."""
    return Lock(
        release=record["release"],
        python=record["python"],
        packages=tuple(Package(**row) for row in record["packages"]),
        wheels=tuple(Wheel(**row) for row in record["wheels"]),
        sha256=sha256,
    )


def read_lock() -> Lock:
    """Return the lock of this version of the package."""
    content = resources.files(__package__).joinpath("lock.json").read_bytes()
    return lock_from_record(json.loads(content), sha256_of_bytes(content))
