"""`demo android` from beginning to end: model judged, base found, model put in, signed, checked, installed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import atomic_output, check_output, sha256_of_file
from edge_effnet.demo.android.archive import PAGE_BYTES, add_entries, check_entries
from edge_effnet.demo.android.base import find_base
from edge_effnet.demo.android.install import find_device, install
from edge_effnet.demo.android.keys import debug_key, given_key
from edge_effnet.demo.android.payload import read_payload
from edge_effnet.demo.android.sign import sign, verify
from edge_effnet.demo.android.sources import check_project, find_sources, write_project
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from edge_effnet.demo.android.base import Base
    from edge_effnet.demo.android.keys import Key
    from edge_effnet.demo.android.payload import Payload
    from edge_effnet.process import Runner
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.adb import Device

__all__ = ["SCHEMA_VERSION", "AndroidRequest", "run_android"]

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class AndroidRequest:
    """What is asked for; the options of the command line.

    Attributes:
        model: A .tflite file.
        output: APK to write; None for none.
        project: Folder to write the Gradle project to; None for none.
        install: Put the APK on the phone and start it.
        keystore: The user's keystore; None for a debug key.
        alias: Which key in it.
        password_env: Variable that has its password.
        password_file: File whose first line is its password.
        base: APK without a model to start from; None to find or build one.
        force: Overwrite the APK and replace the project.
    """

    model: Path
    output: Path | None = None
    project: Path | None = None
    install: bool = False
    keystore: Path | None = None
    alias: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    base: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be done, before anything is built."""
        if self.output is None and self.project is None:
            raise UsageError("nothing to write", allowed="-o APK, --project DIR, or both")
        if self.install and self.output is None:
            raise UsageError("--install needs an APK", hint="add -o APK")
        loose = self.alias or self.password_env or self.password_file
        if self.keystore is None and loose:
            raise UsageError("--ks-alias and the password belong to --keystore", got=loose)
        if self.output is not None:
            if self.output.suffix != ".apk":
                raise UsageError("the app's name does not end in .apk, and adb wants that", got=self.output)
            check_output(self.output, force=self.force)
        if self.project is not None:
            check_project(self.project, force=self.force)
            self._keep_files_out_of(self.project.resolve())

    def _keep_files_out_of(self, project: Path) -> None:
        """Refuse files that would go with the older project that the new one replaces."""
        for path in (self.model, self.output, self.keystore, self.password_file, self.base):
            if path is not None and path.resolve().is_relative_to(project):
                raise UsageError("this file lies in the project's folder, which is replaced", got=path)


def run_android(
    request: AndroidRequest, reporter: Reporter, *, runner: Runner = run_program
) -> dict[str, Any]:
    """Write an APK, a Gradle project, or both, with a model inside.

    Returns:
        The record; see docs/json.md.

    Raises:
        UsageError: An output exists, or the key cannot be used.
        DataError: The model or the base APK is unusable.
        EnvironmentFault: A tool, the app's sources or the phone is missing, or the phone refuses the app.
        ConversionError: The app could not be built, or its signature does not verify.
    """
    payload = read_payload(request.model)
    for text in payload.notes:
        reporter.note("warning", text)
    device = find_device(runner=runner) if request.install else None
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "apk": None,
        "model": payload.to_record(),
        "project": None,
        "installed": None,
        "notes": list(payload.notes),
    }
    if request.output is not None:
        record["apk"] = _apk(request, request.output, payload, reporter, runner)
        record["notes"] += _page_notes(record["apk"]["segments_bytes"])
    if request.project is not None:
        sources = find_sources()
        if sources is None:
            raise EnvironmentFault("this installation has no sources of the app", hint="use a checkout")
        write_project(sources, request.project, payload.assets, force=request.force)
        record["project"] = str(request.project)
    if device is not None and request.output is not None:
        record["installed"] = _installed(device, request.output, record["apk"], reporter)
    return record


def _apk(
    request: AndroidRequest, output: Path, payload: Payload, reporter: Reporter, runner: Runner
) -> dict[str, Any]:
    key = _key(request, runner)
    base = find_base(request.base, reporter, runner=runner)
    with (
        reporter.stage("pack"),
        tempfile.TemporaryDirectory(prefix="edge-effnet-") as work,
        atomic_output(output, force=request.force, suffix=".apk") as signed,
    ):
        unsigned = Path(work) / "unsigned.apk"
        add_entries(base.path, unsigned, payload.assets)
        sign(unsigned, signed, key, min_sdk=base.about["min_sdk"], runner=runner)
        signature = verify(signed, key, runner=runner)
        segments = check_entries(signed, payload.assets)
    return {
        "path": str(output),
        "sha256": sha256_of_file(output),
        "size_bytes": output.stat().st_size,
        **_identity(base),
        "signature": signature.to_record(),
        "base": base.to_record(),
        "alignment_bytes": PAGE_BYTES,
        "segments_bytes": segments,
    }


def _key(request: AndroidRequest, runner: Runner) -> Key:
    if request.keystore is None:
        return debug_key(runner=runner)
    return given_key(
        request.keystore,
        alias=request.alias,
        password_env=request.password_env,
        password_file=request.password_file,
    )


def _identity(base: Base) -> dict[str, Any]:
    keys = ("package", "activity", "version", "min_sdk", "target_sdk", "abis", "runtime")
    return {key: base.about[key] for key in keys}


def _page_notes(segments: dict[str, int]) -> list[str]:
    """Return what a phone with pages of 16 KB means for the native libraries."""
    least = min(segments.values(), default=PAGE_BYTES)
    if least >= PAGE_BYTES:
        return []
    note = (
        f"the runtime's libraries are linked for pages of {least} bytes: a phone with pages of {PAGE_BYTES} runs them in its"
        " compatibility mode or not at all; the Gradle project (--project) takes LiteRT, which is said to be linked for both"
    )
    return [note]


def _installed(device: Device, path: Path, apk: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    with reporter.stage("install"):
        return install(device, path, apk)
