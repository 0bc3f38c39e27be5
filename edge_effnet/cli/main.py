"""The command `edge-effnet`: one line per verb here, one file per verb beside it."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import typer

from edge_effnet import __version__
from edge_effnet.cli.lazy import LazyVerbs
from edge_effnet.errors import EdgeEffnetError

__all__ = ["app", "main"]

VERBS: dict[str, str] = {
    "list": "edge_effnet.cli.list:list_variants",
    "info": "edge_effnet.cli.info:info",
    "train": "edge_effnet.cli.train:train",
    "qat": "edge_effnet.cli.qat:qat",
    "convert": "edge_effnet.cli.convert:convert",
    "tune": "edge_effnet.cli.tune:tune",
    "inspect": "edge_effnet.cli.inspect:inspect",
    "verify": "edge_effnet.cli.verify:verify",
    "eval": "edge_effnet.cli.eval:evaluate",
    "bench": "edge_effnet.cli.bench:bench",
    "profile": "edge_effnet.cli.profile:profile",
    "edgetpu": "edge_effnet.cli.edgetpu:app",
    "demo": "edge_effnet.cli.demo:app",
    "run": "edge_effnet.cli.run:run",
    "doctor": "edge_effnet.cli.doctor:doctor",
    "report": "edge_effnet.cli.report:report",
    "compare": "edge_effnet.cli.compare:compare",
    "quickstart": "edge_effnet.cli.quickstart:quickstart",
}
"""Verb -> "module:function" (a group of verbs: "module:app"), in the order of the pipeline."""

_INTERRUPTED = 130


class _Verbs(LazyVerbs):
    verbs = VERBS


app = typer.Typer(cls=_Verbs, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"edge-effnet {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """From an EfficientNet name to a measured, verified, full-integer model on the edge device."""
    del version
    if debug:
        os.environ["EDGE_EFFNET_DEBUG"] = "1"


def _lacking(error: BaseException) -> str | None:
    """Return what the machine ran out of, and the fix, if that is what happened."""
    if isinstance(error, MemoryError):
        return "out of memory\n  fix: lower --calibration-samples or --resolution"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}\n  fix: free some space where the output goes"
    return None


def _exit_code(error: BaseException) -> int:
    """Say on stderr what went wrong, and return the exit code of it."""
    if isinstance(error, EdgeEffnetError):
        first, *rest = str(error).splitlines()
        sys.stderr.write(f"error: {first}\n")
        sys.stderr.writelines(f"  {line}\n" for line in rest)
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        sys.stderr.write("interrupted: nothing was written under its final name\n")
        return _INTERRUPTED
    if lacking := _lacking(error):
        sys.stderr.write(f"error: {lacking}\n")
        return 3
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return 0
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of the command-line library
        error.show()
        return int(error.exit_code)
    sys.stderr.write(f"error: unexpected {type(error).__name__}: {error}\n")
    sys.stderr.write("  fix: run again with --debug and report it\n")
    return 1


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; the codes are drawn in `edge_effnet.errors`."""
    try:
        outcome = app(args=arguments, prog_name="edge-effnet", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that turns errors into codes
        if "--debug" in (sys.argv if arguments is None else arguments):
            traceback.print_exc()
        return _exit_code(error)
    if outcome == _INTERRUPTED:  # the command-line library has caught Ctrl-C and said nothing
        return _exit_code(KeyboardInterrupt())
    return outcome if isinstance(outcome, int) else 0


def main() -> None:
    """Entry point of the command `edge-effnet`."""
    sys.exit(run())
