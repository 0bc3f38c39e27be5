"""`edge-effnet quickstart`: the whole line on an embedded default, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.quickstart import Quickstart

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
    found = run_quickstart(request, TerminalReporter(quiet=as_json))
    if as_json:
        print_json(found.to_record())
        return
    print_table(_title(found), _COLUMNS, list(_rows(found)))
    print_lines(*_lines(found))


def _title(found: Quickstart) -> str:
    record = found.to_record()
    return (
        f"EfficientNet-B0, {record['resolution_px']} px, our own weights for {record['set']['id']} "
        f"({len(record['set']['classes'])} classes)"
    )


def _rows(found: Quickstart) -> Iterator[tuple[str, ...]]:
    record = found.to_record()
    floats, ints = record["eval"]["models"]
    sizes = [record["convert"][precision]["size_bytes"] for precision in ("float32", "w8a8")]
    yield "size, MB", *(f"{size / 1e6:.2f}" for size in sizes), f"{sizes[0] / sizes[1]:.2f} x smaller"
    yield f"top-1 % of {ints['n']} [95 %]", _share(floats), _share(ints), _drop(record["eval"]["paired"])
    yield "same first class, %", "", "", f"{record['eval']['paired']['agreement']:.2f}"
    yield "full integer", "no", _verdict(found), _operators(found)
    first, last = record["latency"]["models"]
    ratio = f"{record['latency']['speed_up']:.2f} x faster"
    yield "latency, ms [quartiles]", _latency(first), _latency(last), ratio


def _share(model: dict[str, float | list[float]]) -> str:
    low, high = model["top1_ci95"]  # type: ignore[misc]
    return f"{model['top1']:.2f} [{low:.2f}, {high:.2f}]"


def _drop(pair: dict[str, float | list[float]]) -> str:
    """Return the change from float to int8 in points: the drop of the record with its sign turned."""
    low, high = pair["ci95"]  # type: ignore[misc]
    return f"{0 - pair['drop_top1']:+.2f} [{0 - high:+.2f}, {0 - low:+.2f}] points"  # type: ignore[operator]


def _verdict(found: Quickstart) -> str:
    audit = found.inspection.audit
    return f"{'yes' if audit.full_integer else 'NO'}, {audit.count('warning')} warnings"


def _operators(found: Quickstart) -> str:
    cost = found.inspection.cost
    share = 100.0 * cost.int8_macs / cost.macs if cost.macs else 0.0
    return f"{sum(cost.operators.values())} operators, {share:.0f} % of MACs int8"


def _latency(model: dict[str, float | list[float]]) -> str:
    low, high = model["quartiles_ms"]  # type: ignore[misc]
    return f"{model['median_ms']:.2f} [{low:.2f}, {high:.2f}]"


def _lines(found: Quickstart) -> Iterator[str]:
    record = found.to_record()
    latency, convert = record["latency"]["conditions"], record["convert"]["w8a8"]
    yield (
        f"pictures: split {record['set']['split']} of {record['set']['id']}, never trained or calibrated on; "
        f"calibrated on {convert['calibration']['count']} of split train; Wilson intervals, paired difference"
    )
    yield (
        f"latency: measured on this machine ({latency['host']['machine']}), {latency['engine']}, "
        f"{latency['threads']} thread, {latency['statistic']}"
    )
    stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in record["seconds"].items())
    yield f"seconds: {stages}"
    yield f"{convert['path']}  sha256 {convert['sha256']}"
    first, *others = found.next_commands
    yield f"next: {first}"
    yield from (f"      {command}" for command in others)
