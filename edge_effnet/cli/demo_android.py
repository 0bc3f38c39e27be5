"""`edge-effnet demo android`: an app with the user's own model in it."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003 - typer reads the annotations while it runs
from typing import Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines

__all__ = ["android"]


def android(
    model: Path = typer.Option(..., "--model", metavar="MODEL", help="A .tflite file that `convert` wrote."),
    output: Path | None = typer.Option(None, "-o", "--output", metavar="APK", help="The app to write."),
    project: Path | None = typer.Option(
        None,
        "--project",
        metavar="DIR",
        help="Write the Gradle project, for Android Studio, with the model in it.",
    ),
    install: bool = typer.Option(False, "--install", help="Install it over adb and start it."),
    keystore: Path | None = typer.Option(
        None, "--keystore", metavar="FILE", help="Sign with a key of this keystore. [default: a debug key]"
    ),
    ks_alias: str | None = typer.Option(None, "--ks-alias", metavar="NAME", help="Which key in it."),
    ks_pass_env: str | None = typer.Option(
        None, "--ks-pass-env", metavar="VARIABLE", help="Environment variable that has its password."
    ),
    ks_pass_file: Path | None = typer.Option(
        None, "--ks-pass-file", metavar="FILE", help="File whose first line is its password."
    ),
    base: Path | None = typer.Option(
        None,
        "--base",
        metavar="APK",
        help="App without a model, as android_demo/tools/build_apk.sh makes it.",
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the app, replace the project."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Put a model, its labels and its preprocessing into the Android camera demo: an app to install, or a Gradle project."""
    from edge_effnet.demo.android.pack import AndroidRequest, run_android

    request = AndroidRequest(
        model, output, project, install, keystore, ks_alias, ks_pass_env, ks_pass_file, base, force
    )
    record = run_android(request, TerminalReporter(quiet=as_json))
    if as_json:
        print_json(record)
    else:
        _print_record(record)


def _print_record(record: dict[str, Any]) -> None:
    apk, installed, project = record["apk"], record["installed"], record["project"]
    if apk is not None:
        signature = apk["signature"]
        what = (
            "a debug key: it can be tried and not published"
            if signature["kind"] == "debug"
            else signature["keystore"]
        )
        print_lines(
            f"wrote {apk['path']}  {apk['size_bytes']:,} bytes",
            f"  sha256       {apk['sha256']}",
            f"  package      {apk['package']} {apk['version']}, Android API {apk['min_sdk']} to {apk['target_sdk']}",
            f"  runtime      {apk['runtime']} for {', '.join(apk['abis'])}",
            f"  signed with  {what}",
            f"  certificate  {signature['certificate']}, sha256 {signature['certificate_sha256']}",
        )
    if project is not None:
        print_lines(f"wrote {project}  (open it in Android Studio)")
    print_lines(*(f"note: {text}" for text in record["notes"]))
    if installed is not None:
        print_lines(f"installed on {installed['serial']} and started: {installed['activity']}")
    elif apk is not None:
        print_lines(f"next: adb install -r {shlex.quote(apk['path'])}")
    else:
        print_lines(f"next: cd {shlex.quote(str(project))} && tools/build_apk.sh")
