"""Write the four files of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import check_output, write_bytes
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.report.render_csv import render_csv
from edge_effnet.report.render_html import render_html
from edge_effnet.report.render_json import render_json
from edge_effnet.report.render_markdown import render_markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["OUTPUTS", "check_folder", "write_report"]

OUTPUTS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "report.html": render_html,
    "report.json": render_json,
    "report.csv": render_csv,
    "MODEL_CARD.md": render_markdown,
}
"""File -> what makes it from the document."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Make the folder and refuse files that are there, before any work is done.

    Raises:
        OutputExistsError: A file is there and ``force`` is false.
        UsageError: The folder is a file.
        EnvironmentFault: It cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError("the output is not a folder", got=folder, hint="give a folder with -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"the folder cannot be made: {error.strerror}", got=folder, hint="choose another -o"
        ) from error
    for name in OUTPUTS:
        check_output(folder / name, force=force)


def write_report(document: dict[str, Any], folder: Path, *, force: bool = False) -> list[Path]:
    """Write every file of `OUTPUTS` into a folder, and return their paths.

    All are rendered before the first is written, so that an error leaves the folder as it was.
    """
    check_folder(folder, force=force)
    rendered = {folder / name: render(document).encode() for name, render in OUTPUTS.items()}
    for path, data in rendered.items():
        write_bytes(path, data, force=force)
    return list(rendered)
