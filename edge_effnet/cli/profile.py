"""`edge-effnet profile`: where the time of one inference goes, operator by operator."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, printable
from edge_effnet.errors import UsageError

__all__ = ["profile"]

_LONGEST = 10
_REASONS = 5
_NAME_LENGTH = 44


def profile(
    model: Path = typer.Argument(..., metavar="MODEL", help="A .tflite file."),
    engine: str = typer.Option(
        "xnnpack",
        "--engine",
        help="xnnpack or builtin (profiler), reference or tflite-runtime (each operator alone).",
    ),
    target: str = typer.Option(
        "local",
        "--target",
        help="local, python:PATH, ssh://USER@HOST[:PORT]; arm64:CORE counts instructions instead.",
    ),
    threads: int = typer.Option(1, "--threads", help="Threads inside one inference."),
    min_seconds: float = typer.Option(3.0, "--min-seconds", help="Measured time, at least."),
    min_runs: int = typer.Option(40, "--min-runs", help="Profiled inferences, at least."),
    cpus: str | None = typer.Option(
        None, "--cpus", metavar="LIST", help="Stay on these cores, such as 0 or 0,2-3."
    ),
    timeout: float = typer.Option(120.0, "--timeout", help="Seconds that a device may take for one answer."),
    operators: int = typer.Option(
        _LONGEST, "--operators", min=0, help="How many operators to list, longest first (JSON: all)."
    ),
    plot: Path | None = typer.Option(
        None, "--plot", metavar="DIR", help="Draw two SVGs there: a bar for each block, and the roofline."
    ),
    out: Path | None = typer.Option(
        None, "-o", "--out", metavar="JSON", help="Write the record, for `report`."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the record and the drawings."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Time every operator, and set it against what this machine can do."""
    from edge_effnet.artifacts import check_output, write_json
    from edge_effnet.bench.plan import Plan, cpus_from_text
    from edge_effnet.bench.profile import profile_file
    from edge_effnet.bench.profile_plot import draw_profile, plot_paths

    drawings = {} if plot is None else plot_paths(_made(plot), model)
    for path in (*drawings.values(), *([] if out is None else [out])):
        check_output(path, force=force)
    plan = Plan(threads, min_seconds, min_runs, cpus=cpus_from_text(cpus), timeout_s=timeout)
    reporter = TerminalReporter(quiet=as_json)
    record = profile_file(model, engine, target, plan, reporter)
    drawn, notes = draw_profile(record, drawings, force=force) if drawings else ((), ())
    for note in notes:
        reporter.note("skipped", note)
    record["plots"] = {kind: str(drawings[kind]) for kind in drawn}
    if out is not None:
        write_json(out, record, force=force)
    if as_json:
        print_json(record)
        return
    _print_groups(record)
    _print_operators(record, operators)
    _print_summary(record, out)


def _made(folder: Path) -> Path:
    """Return a folder, made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder for the drawings cannot be made: {error.strerror}",
            got=folder,
            hint="choose another --plot",
        ) from error
    return folder


_GROUP_COLUMNS = (
    "kind",
    "operators",
    "µs",
    "%",
    "M MACs",
    "GMAC/s",
    "% of peak",
    "GB/s",
    "MAC/B",
    "roof",
    "% of roof",
)
_COUNT_COLUMNS = ("kind", "operators", "M instructions", "%", "M MACs", "MAC/instruction")


def _print_groups(record: dict[str, Any]) -> None:
    timed = record["timing"] == "measured"
    row_of = _timed_row if timed else _counted_row
    threads = record["threads"]
    where = f"{record['engine']}, {threads} thread{'s' if threads > 1 else ''}, {record['target']}"
    columns = _GROUP_COLUMNS if timed else _COUNT_COLUMNS
    kinds = [
        row_of(printable(row["name"], _NAME_LENGTH), row, record) for row in _by_size(record["kinds"], timed)
    ]
    print_table(f"{printable(Path(record['model']).name)}: {where}", columns, kinds, left={0, 9})
    if any(row["name"] for row in record["blocks"]):
        blocks = [row_of(row["name"] or "(no block)", row, record) for row in record["blocks"]]
        print_table("Blocks", ("block", *columns[1:]), blocks, left={0, 9})


def _by_size(rows: list[dict[str, Any]], timed: bool) -> list[dict[str, Any]]:
    key = "us" if timed else "instructions"
    return sorted(rows, key=lambda row: -(row[key] or 0))


def _timed_row(name: str, row: dict[str, Any], record: dict[str, Any]) -> tuple[str, ...]:
    del record
    return (
        name,
        str(row["operators"]),
        _number(row["us"], 0),
        _number(row["share"], 1, 100),
        _number(row["macs"] or None, 1, 1e-6),
        _number(row["gmacs_per_s"], 1),
        _number(row["share_of_peak"], 0, 100),
        _number(row["gbytes_per_s"], 1),
        _number(row["intensity"] or None, 1),
        row["roof"] or "-",
        _number(row["share_of_roof"], 0, 100),
    )


def _counted_row(name: str, row: dict[str, Any], record: dict[str, Any]) -> tuple[str, ...]:
    count = row["instructions"]
    return (
        name,
        str(row["operators"]),
        _number(count, 3, 1e-6),
        _number(None if count is None else count / record["instructions"], 1, 100),
        _number(row["macs"] or None, 1, 1e-6),
        _number(row["macs"] / count if count and row["macs"] else None, 2),
    )


def _print_operators(record: dict[str, Any], count: int) -> None:
    """Print the operators that take longest, and rows that are not one to one."""
    timed = record["timing"] == "measured"
    unit, key, factor, digits = ("µs", "us", 1.0, 1) if timed else ("M instructions", "instructions", 1e-6, 3)
    chosen = _by_size(record["operators"], timed)[:count]
    rows = [
        (
            str(row["index"]),
            printable(row["name"], _NAME_LENGTH),
            printable(row["kind"], _NAME_LENGTH),
            printable(row["kernel"] or "-", _NAME_LENGTH),
            _number(row[key], digits, factor),
            *((_number(row["gmacs_per_s"], 1), _number(row["share_of_peak"], 0, 100)) if timed else ()),
        )
        for row in chosen
    ]
    if rows:
        title = f"Largest {len(rows)} of {len(record['operators'])} rows"
        columns = ("#", "name", "kind", "kernel", unit, *(("GMAC/s", "% of peak") if timed else ()))
        print_table(title, columns, rows, left=4)
    strange = [row for row in record["operators"] if row["reason"]]
    lines = [f"#{row['index']} {printable(row['name'], _NAME_LENGTH)}: {row['reason']}" for row in strange]
    print_lines(
        *lines[:_REASONS], *[f"… and {len(lines) - _REASONS} more (all in --json)"][: len(lines) > _REASONS]
    )


def _print_summary(record: dict[str, Any], out: Path | None) -> None:
    if record["timing"] == "measured":
        peak, watched = record["peak"], record["watched_us"]
        how = "operators timed alone" if watched is None else f"under the profiler {watched:,.0f} µs"
        print_lines(
            f"operators {record['total_us']:,.0f} µs, whole {record['whole_us']:,.0f} µs"
            f" ({100 * record['parts_to_whole']:.1f} %), {how}; {record['runs']} runs of each",
            f"measured peaks: int8 {_number(peak['int8_gmacs_per_s'], 0)} GMAC/s,"
            f" float32 {_number(peak['float32_gmacs_per_s'], 0)} GMAC/s,"
            f" memory {peak['gbytes_per_s']:.1f} GB/s, caches {peak['cached_gbytes_per_s']:.1f} GB/s",
        )
    else:
        counted = sum(row["instructions"] or 0 for row in record["operators"])
        print_lines(
            f"operators {counted:,} of {record['instructions']:,} instructions"
            f" ({100 * counted / record['instructions']:.1f} %), counted on an emulated core, not timed"
        )
    print_lines(*(f"{each['code']}: {each['message']}; {each['advice']}" for each in record["notices"]))
    print_lines(*(f"{kind}: {path}" for kind, path in record["plots"].items()))
    print_lines(f"{record['model']}  sha256 {record['sha256']}")
    word = shlex.quote(str(record["model"]))
    print_lines(
        f"next: edge-effnet report {shlex.quote(str(out))} -o report"
        if out
        else f"next: edge-effnet bench {word}"
    )


def _number(value: float | None, digits: int, factor: float = 1.0) -> str:
    return "-" if value is None else f"{factor * value:,.{digits}f}"
