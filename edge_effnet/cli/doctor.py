"""`edge-effnet doctor`: what works on this machine, what does not and why, and the installation of what can be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.progress import Reporter

__all__ = ["doctor"]


def doctor(
    install: str | None = typer.Option(
        None,
        "--install",
        metavar="NAME",
        help="Install arm64 (emulated cores), tflite-runtime or web (LiteRT.js) first.",
    ),
    force: bool = typer.Option(False, "--force", help="Install anew what is there."),
    accept_newer: bool = typer.Option(
        False, "--accept-newer", help="Take newer Debian packages where the locked ones are gone (arm64)."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """List every engine, target, library and program, with reason and fix where one is missing."""
    from edge_effnet.errors import UnknownNameError, UsageError
    from edge_effnet.runtimes.doctor import diagnose

    reporter = TerminalReporter(quiet=as_json)
    if install is not None and install not in _INSTALLS:
        raise UnknownNameError("thing to install", install, _INSTALLS)
    if install is None and (force or accept_newer):
        raise UsageError("there is nothing to install", allowed="--force and --accept-newer with --install")
    if accept_newer and install != "arm64":
        raise UsageError(
            "newer packages can be accepted for arm64 only", got=install, allowed="--install arm64"
        )
    said = [] if install is None else _INSTALLS[install](force, accept_newer, reporter)
    with reporter.stage("look"):
        findings = [finding.to_record() for finding in diagnose()]
    if as_json:
        print_json(findings)
        return
    print_lines(*said)
    _print_findings(findings)
    if install == "arm64":
        print_lines("next: edge-effnet bench MODEL.tflite --target arm64:cortex-a76")


def _install_arm64(force: bool, accept_newer: bool, reporter: Reporter) -> list[str]:
    from edge_effnet.runtimes.arm64 import default_folder
    from edge_effnet.runtimes.arm64.install import install

    made = install(force=force, accept_newer=accept_newer, reporter=reporter)
    counter = made["counter"]
    counting = "compiled" if counter["reason"] is None else f"missing: {counter['reason']}; {counter['fix']}"
    state = "installed" if made["installed_now"] else "was there already, installed"
    newer = [f"not the locked version: {package}" for package in made["not_as_locked"]]
    size = f"{made['size_bytes'] / 1e6:.0f} MB in {made['seconds']:.0f} s"
    return [f"arm64: {state}, {size}, at {default_folder()}", f"counting plug-in: {counting}", *newer]


def _install_tflite_runtime(force: bool, accept_newer: bool, reporter: Reporter) -> list[str]:
    from edge_effnet.runtimes.tflite_env import install_tflite_runtime

    del accept_newer
    with reporter.stage("install"):
        python = install_tflite_runtime(force=force)
    return [f"tflite-runtime: {python}"]


def _install_web(force: bool, accept_newer: bool, reporter: Reporter) -> list[str]:
    from edge_effnet.demo.web.runtime import install_web_runtime

    del accept_newer
    with reporter.stage("install"):
        folder = install_web_runtime(force=force)
    return [f"LiteRT.js: {folder}"]


_INSTALLS: Final[dict[str, Callable[[bool, bool, Reporter], list[str]]]] = {
    "arm64": _install_arm64,
    "tflite-runtime": _install_tflite_runtime,
    "web": _install_web,
}
"""Name -> what installs it (force, accept newer packages, progress) and returns lines about it."""


def _print_findings(findings: list[dict[str, Any]]) -> None:
    rows = [
        (row["kind"], row["name"], "yes" if row["available"] else "no", row["version"] or "-")
        for row in findings
    ]
    print_table("what works here", ("kind", "name", "works", "version"), rows, left=4)
    for row in findings:
        if not row["available"]:
            print_lines(f"{row['name']}: {row['reason']}", f"  fix: {row['fix']}")
