"""`edge-effnet compare`: what changed between two runs, and whether chance explains it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations while it runs
from typing import Any

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table

__all__ = ["compare"]

_WORDS = {
    "better": "better",
    "worse": "WORSE",
    "same": "same",
    "differs": "differs",
    "not shown": "no difference shown",
}


def compare(
    a: Path = typer.Argument(..., metavar="A", help="A record, a run folder or a report.json: the base."),
    b: Path = typer.Argument(..., metavar="B", help="The same for what is compared with it."),
    html: Path | None = typer.Option(None, "--html", metavar="FILE", help="Write the comparison as a page."),
    force: bool = typer.Option(False, "--force", help="Overwrite the page."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Say what changed from A to B; nothing is claimed where an interval covers no change."""
    from edge_effnet.artifacts import check_output, write_bytes
    from edge_effnet.report import collect, compare_document, render_compare

    if html is not None:
        check_output(html, force=force)
    document = compare_document(collect([a]), collect([b]), (str(a), str(b)))
    if html is not None:
        write_bytes(html, render_compare(document).encode(), force=force)
    if as_json:
        print_json(document)
        return
    _print_document(document)
    if html is not None:
        print_lines(f"page: {html}")


def _print_document(document: dict[str, Any]) -> None:
    from edge_effnet.report.render_compare import change_texts

    if document["unfair"]:
        print_table(
            "what makes the comparison unfair",
            ("concerns", "what differs", "A", "B"),
            [(item["concerns"], item["what"], item["a"], item["b"]) for item in document["unfair"]],
            left=4,
        )
    lines = [
        (
            change["model"],
            change["what"] + (f" ({change['condition']})" if change["condition"] else ""),
            *(change_texts(change)[key] for key in ("a", "b", "change")),
            _WORDS[change["verdict"]],
        )
        for change in document["changes"]
    ]
    if lines:
        columns = ("model", "figure", "A", "B", "change [95 %]", "verdict")
        print_table(document["sentence"], columns, lines, left=(0, 1, 5))
    else:
        print_lines(document["sentence"])
    if document["only_in_one"]:
        print_lines(*(f"only in {item['side'].upper()}: {item['what']}" for item in document["only_in_one"]))
    methods = {change["method"] for change in document["changes"] if not change["exact"]}
    print_lines(*sorted(methods))
