"""`edge-effnet quickstart`: the whole line on an embedded default, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quickstart"]

_COLUMNS = ("", "float32", "int8", "int8 against float32")


def quickstart(
    output: Path = typer.Option(
        Path("runs/quickstart"),
        "-o",
        "--output",
        metavar="DIR",
        help="Folder for everything that is written.",
    ),
    force: bool = typer.Option(False, "--force", help="Write into a folder that holds something."),
    pictures: int = typer.Option(2000, "--pictures", min=1, help="Unseen test pictures, drawn from a seed."),
    samples: int = typer.Option(
        200, "--calibration-samples", min=1, help="Training pictures to calibrate on."
    ),
    runs: int = typer.Option(200, "--runs", min=1, help="Timed calls of each model."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Convert, audit, evaluate and time our own B0 on a set that is drawn from a seed: no download, under 3 minutes."""
    from edge_effnet.quickstart import QuickstartRequest, run_quickstart

    request = QuickstartRequest(output, pictures, samples, runs, force)
    record = run_quickstart(request, TerminalReporter(quiet=as_json)).to_record()
    if as_json:
        print_json(record)
        return
    print_table(_title(record), _COLUMNS, list(_rows(record)))
    print_lines(*_lines(record))


def _title(record: dict[str, Any]) -> str:
    data = record["set"]
    classes = len(data["classes"])
    return (
        f"EfficientNet-B0, {record['resolution_px']} px, our own weights for {data['id']} ({classes} classes)"
    )


def _rows(record: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    floats, ints = record["eval"]["models"]
    sizes = [record["convert"][precision]["size_bytes"] for precision in ("float32", "w8a8")]
    first, last = record["latency"]["models"]
    yield "size, MB", *(f"{size / 1e6:.2f}" for size in sizes), f"{sizes[0] / sizes[1]:.2f} x smaller"
    yield f"top-1 % of {ints['n']} [95 %]", _share(floats), _share(ints), _change(record["eval"]["paired"])
    yield "same first class, %", "", "", f"{record['eval']['paired']['agreement']:.2f}"
    yield "full integer", "no", *_verdict(record["inspect"])
    yield (
        "latency, ms [quartiles]",
        _time(first),
        _time(last),
        f"{record['latency']['speed_up']:.2f} x faster",
    )


def _share(model: dict[str, Any]) -> str:
    low, high = model["top1_ci95"]
    return f"{model['top1']:.2f} [{low:.2f}, {high:.2f}]"


def _change(pair: dict[str, Any]) -> str:
    """Return the change from float to int8: the drop of the record with its sign turned."""
    low, high = pair["ci95"]
    return f"{0 - pair['drop_top1']:+.2f} [{0 - high:+.2f}, {0 - low:+.2f}] points"


def _verdict(audit: dict[str, Any]) -> tuple[str, str]:
    warnings = sum(finding["severity"] == "warning" for finding in audit["findings"])
    share = 100.0 * audit["macs"]["int8"] / audit["macs"]["total"]
    return (
        f"{'yes' if audit['full_integer'] else 'NO'}, {warnings} warnings",
        f"{sum(audit['ops'].values())} operators, {share:.0f} % of MACs int8",
    )


def _time(model: dict[str, Any]) -> str:
    low, high = model["quartiles_ms"]
    return f"{model['median_ms']:.2f} [{low:.2f}, {high:.2f}]"


def _lines(record: dict[str, Any]) -> Iterator[str]:
    data, conditions, int8 = record["set"], record["latency"]["conditions"], record["convert"]["w8a8"]
    yield (
        f"pictures: split {data['split']} of {data['id']}, never trained or calibrated on; calibrated on "
        f"{int8['calibration']['count']} of split train; Wilson intervals, paired difference"
    )
    yield (
        f"latency: measured here ({conditions['host']['machine']}), {conditions['engine']}, "
        f"{conditions['threads']} thread, {conditions['statistic']}"
    )
    yield "seconds: " + ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in record["seconds"].items())
    yield f"{int8['path']}  sha256 {int8['sha256']}"
    first, *others = record["next"]
    yield f"next: {first}"
    yield from (f"      {command}" for command in others)
