"""`edge-effnet report`: one page, one document, one table and one card from the records of a run."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations while it runs
from typing import Any

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table

__all__ = ["report"]


def report(
    runs: list[Path] = typer.Argument(
        ..., metavar="RUN...", help="Record files (JSON), folders that hold some, or an earlier report.json."
    ),
    out: Path = typer.Option(
        ...,
        "-o",
        "--out",
        metavar="DIR",
        help="Folder for report.html, report.json, report.csv and MODEL_CARD.md.",
    ),
    fail_if: list[str] = typer.Option(
        [],
        "--fail-if",
        metavar="EXPR",
        help="What must not be, such as 'top1_drop>0.5' or 'p90_ms>12'; repeatable. Exit 6 if it is.",
    ),
    title: str | None = typer.Option(None, "--title", help="Heading; the models' names by default."),
    force: bool = typer.Option(False, "--force", help="Overwrite an earlier report."),
    as_json: bool = typer.Option(False, "--json", help="Print the document on stdout too."),
) -> None:
    """Join records by the model's hash and show what they say, with intervals, conditions and sources."""
    from edge_effnet import report as library
    from edge_effnet.artifacts import sha256_of_file
    from edge_effnet.errors import GateError
    from edge_effnet.report.write import check_folder

    gates = [library.parse_gate(expression) for expression in fail_if]
    check_folder(out, force=force)
    document = library.report_document(library.collect(runs), gates, title=title)
    written = library.write_report(document, out, force=force)
    if as_json:
        print_json(document)
    else:
        _print_summary(document)
        print_lines(*(f"{path}  sha256 {sha256_of_file(path)[:16]}" for path in written))
    failing = library.failing_lines(document["gates"])
    if failing:
        raise GateError(
            f"{document['verdict']['sentence']} (the report is written all the same)",
            got="\n       ".join(failing),
            hint="see the gates on top of report.html",
        )
    if not as_json:
        print_lines(f"next: edge-effnet compare {out / 'report.json'} OTHER/report.json")


def _print_summary(document: dict[str, Any]) -> None:
    from edge_effnet.report.formats import ABSENT, fixed, megabytes, milliseconds, with_interval

    lines = []
    for model in document["models"]:
        accuracy, drop = model["accuracy"], model["drop"]
        times = [
            row for row in document["latency"] if row["model"] == model["key"] and row["timing"] == "measured"
        ]
        fastest = min(
            (row for row in times if row["median_ms"] is not None),
            key=lambda row: row["median_ms"],
            default=None,
        )
        lines.append(
            (
                model["name"],
                megabytes(model["size_bytes"]),
                with_interval(accuracy["top1"], accuracy["top1_ci95"], fixed) if accuracy else ABSENT,
                with_interval(drop["drop_top1"], drop["ci95"], fixed) if drop else ABSENT,
                milliseconds(fastest["median_ms"], fastest["ci95_ms"]) if fastest else ABSENT,
            )
        )
    columns = ("model", "size", "top-1 % [95 %]", "top-1 drop, points [95 %]", "fastest median ms [95 %]")
    print_table(f"{document['title']}: {document['verdict']['sentence']}", columns, lines)
    if document["skipped"]:
        print_lines(f"{len(document['skipped'])} files were left out; report.html says why")
