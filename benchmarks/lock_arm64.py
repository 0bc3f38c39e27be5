"""Write the lock of the emulated arm64 environment anew: ``python benchmarks/lock_arm64.py``.

Takes what apt (with Debian 12 sources) and pip offer today, and records version, size and sha256 of every file. Run it
when `edge-effnet doctor --install arm64` says that the mirror has newer packages, look at the difference, and run the
slow tests of tests/runtimes/arm64 on the result: instruction counts may change with a library.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from edge_effnet.artifacts import sha256_of_file, write_json
from edge_effnet.process import run_program
from edge_effnet.runtimes.arm64.apt import PrivateApt
from edge_effnet.runtimes.arm64.locked import GUEST, HOST
from edge_effnet.runtimes.arm64.wheels import PLATFORMS

LOCK = Path(__file__).resolve().parent.parent / "edge_effnet" / "runtimes" / "arm64" / "lock.json"
RELEASE, PYTHON = "Debian 12 (bookworm)", "3.11"
WANTED = {HOST: ["qemu-user"], GUEST: [f"python{PYTHON}", "libstdc++6"]}
WHEELS = {"ai-edge-litert": "2.3.0", "numpy": "2.4.6"}

NOT_NEEDED = {
    # what only an installation by dpkg runs
    *(
        "dpkg",
        "tar",
        "gcc-12-base",
        "libacl1",
        "libmd0",
        "libselinux1:arm64",
        "libpcre2-8-0:arm64",
        "libzstd1",
    ),
    # what only modules of Python's library need that a worker never imports
    *(
        "readline-common",
        "libreadline8",
        "libncursesw6",
        "libtinfo6",
        "libsqlite3-0",
        "libdb5.3",
        "media-types",
    ),
    *("libtirpc-common", "libtirpc3", "libnsl2", "libgssapi-krb5-2", "libkrb5-3", "libkrb5support0"),
    *("libk5crypto3", "libkeyutils1", "libcom-err2", "libuuid1", "libssl3"),
}
"""Dependencies that are left out, as ``name`` or ``name:architecture``; the self-test of an installation holds this."""


def debian_packages(work: Path) -> list[dict[str, Any]]:
    """Return the packages of both architectures with everything that they need."""
    apt = PrivateApt(work / "apt")
    apt.update()
    specs = [spec for architecture, names in WANTED.items() for spec in apt.closure(names, architecture)]
    needed = [spec for spec in specs if spec not in NOT_NEEDED and spec.split(":")[0] not in NOT_NEEDED]
    rows = [vars(package) for package in apt.known(needed, every_version=False)]
    return sorted(rows, key=lambda row: (row["architecture"], row["name"]))


def python_wheels(work: Path) -> list[dict[str, Any]]:
    """Return the wheels for the emulated machine."""
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", f"-d{work}"]
    argv += [f"--platform={name}" for name in PLATFORMS]
    argv += ["--implementation=cp", f"--python-version={PYTHON}"]
    rows = []
    for name, version in WHEELS.items():
        done = run_program([*argv, f"{name}=={version}"], timeout_s=600)
        if done.returncode:
            sys.exit(done.complaint)
        (path,) = work.glob(f"{name.replace('-', '_')}-{version}-*.whl")
        facts = {"file_name": path.name, "sha256": sha256_of_file(path), "size_bytes": path.stat().st_size}
        rows.append({"name": name, "version": version, **facts})
    return rows


def main() -> None:
    """Write the lock."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record = {
            "release": RELEASE,
            "python": PYTHON,
            "packages": debian_packages(Path(folder)),
            "wheels": python_wheels(Path(folder)),
        }
    write_json(LOCK, record, force=True)


if __name__ == "__main__":
    main()
