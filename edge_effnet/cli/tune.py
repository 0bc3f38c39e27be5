"""`edge-effnet tune`: climb a ladder of recipes and stop at the first that meets the accuracy budget."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003 - typer reads the annotations while it runs
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, resumable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["tune"]

_COLUMNS = (
    "rung",
    "drop, points [95 %]",
    "agreement %",
    "SQNR dB",
    "seconds",
    "MB",
    "median ms",
    "full integer",
)


def tune(
    model: str = typer.Option(..., "--model", help="Variant or baseline, such as b0 (see edge-effnet list)."),
    calibration: str = typer.Option(
        ..., "--calibration", help="Pictures without labels: a folder, set id or .npy file."
    ),
    data: Path = typer.Option(
        ..., "--data", help="Labelled pictures that judge every rung: a folder per class, or any with a CSV."
    ),
    output: Path = typer.Option(..., "-o", "--output", help="File to write."),
    max_drop: float = typer.Option(
        ..., "--max-drop", help="Budget: largest drop of top-1 against float, in points."
    ),
    labels: Path | None = typer.Option(
        None,
        "--labels",
        metavar="CSV",
        help="Table with the columns file,label[,name]; DATA/labels.csv is used if there is one.",
    ),
    weights: str = typer.Option("imagenet", "--weights", help="imagenet, or a weights file."),
    samples: int = typer.Option(300, "--calibration-samples", help="Pictures to calibrate on, at most."),
    allow_mixed: bool = typer.Option(
        False, "--allow-mixed", help="Allow blocks in float: the result may then NOT be full integer."
    ),
    keep_blocks: int = typer.Option(3, "--keep-blocks", help="How many blocks --allow-mixed keeps in float."),
    steps: int | None = typer.Option(None, "--steps", help="Of a distillation. [default: that of qat]"),
    until: str | None = typer.Option(None, "--until", metavar="RUNG", help="Last rung to try."),
    all_rungs: bool = typer.Option(False, "--all", help="Try every rung, also after one meets the budget."),
    resume: bool = typer.Option(False, "--resume", help="Go on with the climb that is in OUT.tune."),
    force: bool = typer.Option(False, "--force", help="Overwrite, and start the climb anew."),
    seed: int = typer.Option(0, "--seed", help="Of the choice of pictures, and of distillation."),
    resolution: int | None = typer.Option(
        None, "--resolution", help="Side of the square input in pixels. [default: the model's]"
    ),
    num_classes: int | None = typer.Option(
        None, "--num-classes", help="Outputs of the classifier. [default: the weights']"
    ),
    class_names: Path | None = typer.Option(
        None, "--class-names", help="Text file with one class name per line."
    ),
    runs: int = typer.Option(100, "--runs", help="Timed calls of each model."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Find the cheapest recipe that meets an accuracy budget; exit 6 if none does, with the best model kept."""
    from edge_effnet.tune import TuneRequest, climb

    request = TuneRequest(
        model, calibration, data, max_drop, output, weights=weights, labels=labels, allow_mixed=allow_mixed,
        keep_blocks=keep_blocks, steps=steps, seed=seed, calibration_samples=samples, all_rungs=all_rungs,
        until=until, resume=resume, force=force, resolution_px=resolution, num_classes=num_classes,
        class_names=class_names, latency_runs=runs,
    )  # fmt: skip
    with resumable():
        found = climb(request, TerminalReporter(quiet=as_json))
    record = found.to_record()
    if as_json:
        print_json(record)
    else:
        print_table(_title(record), _COLUMNS, [_row(rung, record) for rung in record["rungs"]])
        print_lines(*_lines(record), *_next(record, request.weights, data, labels))
    found.require_met()


def _title(record: dict[str, Any]) -> str:
    model, latency = record["model"], record["latency"]
    return (
        f"{model['id']} at {model['resolution_px']} px, float top-1 {record['float_top1']:.2f} % of {record['n']} pictures; "
        f"latency: {latency['engine']}, {latency['threads']} thread, n {latency['n']} each, in turns"
    )


def _row(rung: dict[str, Any], record: dict[str, Any]) -> tuple[str, ...]:
    low, high = rung["ci95"]
    noise = rung["sqnr_db"]
    return (
        f"{rung['name']}{' *' if rung['name'] == record['chosen'] else ''}",
        f"{rung['drop_top1']:+.2f} [{low:+.2f}, {high:+.2f}]",
        f"{rung['agreement']:.2f}",
        "-" if noise is None else f"{noise:.1f}",
        f"{rung['seconds']:.1f}",
        f"{rung['size_bytes'] / 1e6:.2f}",
        f"{rung['median_ms']:.2f}",
        "yes" if rung["full_integer"] else "NO",
    )


def _lines(record: dict[str, Any]) -> Iterator[str]:
    yield from (f"skipped: {item['name']}: {item['reason']}" for item in record["skipped"])
    yield from (f"note: {note}" for note in record["notes"])
    yield f"chosen: {record['why']}"
    yield f"full integer: {'yes' if record['full_integer'] else 'NO'}"
    size = next(rung["size_bytes"] for rung in record["rungs"] if rung["name"] == record["chosen"])
    yield f"{record['path']}  {size:,} bytes  sha256 {record['sha256']}"
    yield f"rungs are kept in {record['folder']}"


def _next(record: dict[str, Any], weights: str, data: Path, labels: Path | None) -> Iterator[str]:
    """Yield the commands that a reader is likely to want now."""
    twin = f"keras:{record['model']['id']}:{weights}"
    table = [] if labels is None else ["--labels", "OTHER.csv"]
    verify = ["edge-effnet", "verify", twin, record["path"], "--data", str(data)]
    yield f"next: {shlex.join(verify)}"
    yield f"      {shlex.join(['edge-effnet', 'eval', twin, record['path'], '--data', 'OTHER_PICTURES', *table])}"
