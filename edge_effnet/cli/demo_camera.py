"""`edge-effnet demo camera`: what does the model see?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, printable

__all__ = ["camera"]


def camera(
    model: Path = typer.Option(..., "--model", metavar="MODEL", help="A .tflite file that `convert` wrote."),
    source: str = typer.Option(
        "0", "--source", help="A camera's number, a film, a picture, a folder, rtsp://.. or http://.."
    ),
    top_k: int = typer.Option(3, "--top-k", help="Labels that are shown."),
    threshold: float = typer.Option(0.05, "--threshold", help="Smallest score that is shown, 0 to 1."),
    smooth: float | None = typer.Option(
        None,
        "--smooth",
        help="What the frames before count, 0 to below 1. [default: 0.5, for still pictures 0]",
        show_default=False,
    ),
    headless: bool = typer.Option(False, "--headless", help="Open no window."),
    save: Path | None = typer.Option(
        None, "--save", metavar="FILM", help="Write what is drawn, .mp4 or .avi."
    ),
    jsonl: Path | None = typer.Option(
        None, "--jsonl", metavar="LOG", help="Write one JSON object a frame and a summary; - for stdout."
    ),
    max_frames: int | None = typer.Option(None, "--max-frames", help="Stop after this many frames."),
    every_n: int = typer.Option(1, "--every-n", help="Look at each n-th frame only."),
    engine: str = typer.Option("xnnpack", "--engine", help="What runs the model; see `bench --help`."),
    target: str = typer.Option("local", "--target", help="local, python:PATH or ssh://USER@HOST[:PORT]."),
    threads: int = typer.Option(1, "--threads", help="Threads inside one inference."),
    cpus: str | None = typer.Option(
        None, "--cpus", metavar="LIST", help="Keep the model on these cores, such as 0 or 2-3."
    ),
    explain: bool = typer.Option(
        False, "--explain", help="Draw where the evidence for the first label lies (convert --with-features)."
    ),
    mirror: bool = typer.Option(
        False, "--mirror", help="Show it as a mirror would; the model sees it as it is."
    ),
    size: str | None = typer.Option(None, "--size", metavar="WxH", help="Ask a camera for this size."),
    give_up: float = typer.Option(
        60.0, "--give-up", help="Seconds that a camera or stream that broke off is waited for."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the film and the log."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as one JSON document on stdout."),
) -> None:
    """Show what a model sees: camera, film, stream or pictures -> labels, with every step timed. Ctrl-C or q ends it."""
    from edge_effnet.bench.plan import cpus_from_text
    from edge_effnet.demo.camera import CameraRequest, run_camera

    if as_json and str(jsonl) == "-":
        _refuse_two_documents()
    request = CameraRequest(
        model, source, top_k, threshold, smooth, headless, save, jsonl, force, max_frames, every_n,
        engine, target, threads, cpus_from_text(cpus), explain, mirror, _size(size), give_up,
    )  # fmt: skip
    record = run_camera(request, TerminalReporter(quiet=as_json))
    if as_json:
        print_json(record)
    elif str(jsonl) != "-":
        _print_summary(record["summary"], request.save, jsonl)


def _refuse_two_documents() -> None:
    from edge_effnet.errors import UsageError

    raise UsageError(
        "--json and --jsonl - both print on stdout", hint="the last line of --jsonl is the summary"
    )


def _size(text: str | None) -> tuple[int, int] | None:
    from edge_effnet.errors import UsageError

    if text is None:
        return None
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError("--size is no size", got=text, allowed="such as 640x480")
    return int(width), int(height)


def _print_summary(summary: dict[str, Any], save: Path | None, jsonl: Path | None) -> None:
    from edge_effnet.demo.record import STEPS

    title = (
        f"{Path(summary['model']).name} on {summary['engine']} at {summary['target']}; {summary['source']}"
    )
    rows = [(step, *(f"{summary[f'{step}_{name}_ms']:.2f}" for name in ("p50", "p90"))) for step in STEPS]
    print_table(printable(title, 200), ("ms a frame", "p50", "p90"), rows)
    print_lines(
        f"{summary['frames']} frames, {summary['fps']:.1f} a second; {summary['dropped']} dropped,"
        f" {summary['reconnects']} reconnects, {len(summary['skipped'])} skipped; ended by: {summary['stopped']}",
        *(f"wrote {path}" for path in (save, jsonl) if path is not None),
        f"next: edge-effnet bench {shlex.quote(summary['model'])}",
    )
