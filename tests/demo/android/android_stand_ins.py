"""What stands for Android's tools in the quick tests: a base APK, and a runner that signs, verifies and makes keys on paper."""

from __future__ import annotations

import json
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes.fake_adb import FakeAdb

from edge_effnet.demo.android.archive import add_entries
from edge_effnet.demo.android.base import ABOUT
from edge_effnet.process import Finished

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ABOUT_RECORD = {
    "package": "dev.edgeeffnet.demo",
    "activity": "dev.edgeeffnet.demo.CameraActivity",
    "version": "1.0",
    "min_sdk": 24,
    "target_sdk": 36,
    "abis": ["arm64-v8a"],
    "runtime": "TensorFlow Lite 2.16.1",
    "sources_sha256": "0" * 64,
}
DIGEST = "ab" * 32
VERIFIED = f"""Verifies
Verified using v1 scheme (JAR signing): false
Verified using v2 scheme (APK Signature Scheme v2): true
Verified using v3 scheme (APK Signature Scheme v3): true
Number of signers: 1
Signer #1 certificate DN: CN=Android Debug
Signer #1 certificate SHA-256 digest: {DIGEST}
"""
"""After apksigner 31.0.2."""


def library(alignment: int = 4096) -> bytes:
    """Return the beginning of a 64-bit ELF file with one segment that is loaded and one that is not."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, 2)
    loaded = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 64, 64, alignment)
    note = struct.pack("<IIQQQQQQ", 4, 4, 0, 0, 0, 64, 64, 4)
    return head.ljust(64, b"\0") + loaded + note


def base_apk(path: Path, about: Mapping[str, object] = ABOUT_RECORD, alignment: int = 4096) -> Path:
    """Write an APK without a model."""
    plain = path.with_suffix(".plain")
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("AndroidManifest.xml", b"\x03\x00\x08\x00" + bytes(40))
        archive.writestr("classes.dex", b"dex\n035\0" + bytes(101))
        archive.writestr(ABOUT, json.dumps(about))
    add_entries(plain, path, {"lib/arm64-v8a/libtensorflowlite_jni.so": library(alignment)})
    plain.unlink()
    return path


@dataclass
class Tools:
    """A runner in which apksigner and keytool are played.

    Attributes:
        calls: Every argument list.
        environments: The variables that were set on top.
        sign: Exit status and complaint of `apksigner sign`.
        verify: Exit status and answer of `apksigner verify`.
    """

    calls: list[list[str]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    sign: tuple[int, bytes] = (0, b"")
    verify: tuple[int, bytes] = (0, VERIFIED.encode())

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Finished:
        """Play one call."""
        self.calls.append(list(argv))
        self.environments.append(dict(env or {}))
        name, words = Path(argv[0]).name, list(argv)
        if name == "keytool":
            Path(words[words.index("-keystore") + 1]).write_bytes(b"a key")
            return Finished(tuple(argv), 0, b"", b"")
        if name == "apksigner" and words[1] == "sign":
            status, told = self.sign
            if status == 0:
                Path(words[words.index("--out") + 1]).write_bytes(Path(words[-1]).read_bytes())
            return Finished(tuple(argv), status, b"", told)
        if name == "apksigner" and words[1] == "verify":
            return Finished(tuple(argv), self.verify[0], self.verify[1], b"")
        raise AssertionError(argv)


class PhoneWithApps(FakeAdb):
    """A device that answers `adb install` and `am start` as real ones do."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        text = self.program.read_text()
        marker = 'if [ "$3" = push ]; then'
        assert marker in text
        answer = 'if [ "$3" = install ]; then cat "$home/state/answer"; exit "$(cat "$home/state/install_status")"; fi\n'
        self.program.write_text(text.replace(marker, answer + marker, 1))
        self._write("bin/am", f'#!/bin/sh\necho "$@" >> {home}/started\ncat {home}/state/start\n')
        self.answers("Performing Streamed Install\nSuccess\n")
        self.set(start="Starting: Intent { cmp=dev.edgeeffnet.demo/.CameraActivity }\nStatus: ok\n")

    def answers(self, text: str, status: int = 0) -> None:
        """Set what `adb install` says."""
        self.set(answer=text, install_status=status)
