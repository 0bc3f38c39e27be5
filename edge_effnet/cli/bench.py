"""`edge-effnet bench`: how long one inference takes, and whether that can be believed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table

__all__ = ["bench"]


def bench(
    models: list[Path] | None = typer.Argument(None, metavar="MODEL...", help=".tflite files."),
    engines: list[str] = typer.Option(
        ["xnnpack"],
        "--engine",
        help="xnnpack, builtin, reference, tflite-runtime, edgetpu[:DEVICE] or delegate:LIBRARY[?KEY=VALUE]; on phones gpu, nnapi; repeatable.",
    ),
    targets: list[str] = typer.Option(
        ["local"],
        "--target",
        help="local, python:PATH, ssh://USER@HOST[:PORT], arm64:CORE or adb[:SERIAL]; repeatable.",
    ),
    threads: int = typer.Option(1, "--threads", help="Threads inside one inference."),
    min_seconds: float = typer.Option(3.0, "--min-seconds", help="Measured time of each, at least."),
    min_runs: int = typer.Option(100, "--min-runs", help="Measured inferences of each, at least."),
    cpus: str | None = typer.Option(
        None, "--cpus", metavar="LIST", help="Stay on these cores, such as 0 or 0,2-3."
    ),
    timeout: float = typer.Option(120.0, "--timeout", help="Seconds that a device may take for one answer."),
    benchmark_model: Path | None = typer.Option(
        None,
        "--benchmark-model",
        envvar="EDGE_EFFNET_BENCHMARK_MODEL",
        help="For adb: the tool benchmark_model, built for the device.",
    ),
    imported: list[Path] | None = typer.Option(
        None,
        "--import",
        metavar="FILE",
        help="Instead of measuring, read what benchmark_model or litert-benchmark wrote; repeatable.",
    ),
    out: Path | None = typer.Option(
        None, "-o", "--out", metavar="JSON", help="Write the record, for `report`."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the record."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Measure latency: each contender in a process of its own, warm, and all of them in turns."""
    from edge_effnet.artifacts import check_output, write_json
    from edge_effnet.bench.plan import Plan, cpus_from_text
    from edge_effnet.bench.run import bench as measure
    from edge_effnet.runtimes.adb_tool import TOOL

    if out is not None:
        check_output(out, force=force)
    if benchmark_model is not None:
        os.environ[TOOL] = str(benchmark_model)  # targets are made from their names alone
    if imported:
        record = _read(imported, models or [])
    else:
        plan = Plan(threads, min_seconds, min_runs, cpus=cpus_from_text(cpus), timeout_s=timeout)
        reporter = TerminalReporter(quiet=as_json)
        record = measure(models or [], engines=engines, targets=targets, plan=plan, reporter=reporter)
    if out is not None:
        write_json(out, record, force=force)
    if as_json:
        print_json(record)
    else:
        _print_record(record, _next_command(models or [], out))


def _read(imported: list[Path], models: list[Path]) -> dict[str, Any]:
    """Return the record of results that other tools wrote."""
    from edge_effnet.bench.imports import record_from_foreign
    from edge_effnet.errors import UsageError

    if models:
        raise UsageError(
            "--import reads results, and does not measure", got=str(models[0]), hint="give one or the other"
        )
    return record_from_foreign(imported)


def _print_record(record: dict[str, Any], following: str) -> None:
    _print_results(record)
    _print_notices(record)
    print_lines(f"next: {following}")


_COLUMNS = (
    "#",
    "model",
    "engine",
    "target",
    "median ms [95 %]",
    "p90",
    "p99",
    "iqr",
    "n",
    "init",
    "first",
    "peak MB",
    "delegated",
)


def _print_results(record: dict[str, Any]) -> None:
    rows = [(str(index), *_row(result)) for index, result in enumerate(record["results"])]
    print_table(
        _title(record),
        _COLUMNS,
        rows,
        left=range(4),
    )
    for result in record["results"]:
        if result["instructions"] is not None:
            print_lines(
                f"{Path(result['model']).name} at {result['target']}: {result['instructions']:,} instructions an inference (counted, not timed)"
            )
    _print_ratios(record["ratios"])


def _print_ratios(ratios: list[dict[str, Any]]) -> None:
    """Print the ratios to the first contender; the record has those of every pair."""
    base = min((ratio["a"] for ratio in ratios), default=0)
    for ratio in ratios:
        if ratio["a"] == base:
            interval = ratio["ci95"]
            between = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
            print_lines(f"#{ratio['a']} / #{ratio['b']} = {ratio['ratio']:.3f}{between}")


def _title(record: dict[str, Any]) -> str:
    if record["plan"] is None:
        return "imported; ms of one inference"
    threads, host = record["plan"]["threads"], record["host"]
    plural = "s" if threads > 1 else ""
    return f"{host['cpu'] or host['machine']}, {threads} thread{plural}; ms of one inference"


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    interval = result["ci95_ms"]
    between = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    peak, taken, total = result["peak_rss_bytes"], result["delegated_ops"], result["total_ops"]
    return (
        Path(result["model"]).name,
        result["engine"],
        result["target"],
        _middle(result) + between,
        *(_ms(result[key]) for key in ("p90_ms", "p99_ms", "iqr_ms")),
        "-" if result["n"] is None else str(result["n"]),
        _ms(result["init_ms"]),
        _ms(result["first_ms"]),
        "-" if peak is None else f"{peak / 1e6:.0f}",
        "-" if taken is None else f"{taken}/{total}",
    )


def _middle(result: dict[str, Any]) -> str:
    """Return the median; for a tool that prints none the mean, by that word; else what became of it."""
    if result["median_ms"] is not None or result["instructions"] is not None:
        return _ms(result["median_ms"])
    return result["status"] if result["mean_ms"] is None else f"mean {_ms(result['mean_ms'])}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _print_notices(record: dict[str, Any]) -> None:
    for index, result in enumerate(record["results"]):
        if result["reason"] is not None:
            print_lines(
                f"#{index} {result['status']}: {result['reason']}"
                + (f"; fix: {result['fix']}" if result["fix"] else "")
            )
    said: dict[str, list[str]] = {}
    for index, result in enumerate(record["results"]):
        for notice in result["notices"]:
            words = f"{notice['code']}: {notice['message']}; {notice['advice']}"
            said.setdefault(words, []).append(f"#{index}")
    print_lines(*(f"{' '.join(places)} {words}" for words, places in said.items()))


def _next_command(models: list[Path], out: Path | None) -> str:
    if out is not None:
        return f"edge-effnet report {out} -o report"
    return f"edge-effnet profile {models[0]}" if models else "the same with -o imported.json, for `report`"
