"""A conversion that takes a second or two, for tests of the command line."""

from __future__ import annotations

from pathlib import Path

from edge_effnet.cli.main import run

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = ["--model", "lite0", "--weights", "random", "--resolution", "64", "--num-classes", "10"]
QUICK = [*SMALL, "--calibration-samples", "8"]


def convert(*arguments: str | Path, options: list[str] = QUICK) -> int:
    """Run `edge-effnet convert` on the small network; return its exit code."""
    return run(["convert", *options, *map(str, arguments)])


def names_in(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
