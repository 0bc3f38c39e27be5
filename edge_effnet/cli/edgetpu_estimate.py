"""`edge-effnet edgetpu estimate`: how long would one inference take on an Edge TPU?"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path  # noqa: TC003 - typer reads the annotation while it runs
from typing import TYPE_CHECKING

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table, printable
from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from edge_effnet.edgetpu.outlook import Outlook

__all__ = ["estimate"]

_SHOWN = 12


def estimate(
    file: Path | None = typer.Argument(None, metavar="[MODEL]", help="A .tflite file, not compiled yet."),
    model: str | None = typer.Option(None, "--model", help="Id of a variant instead, such as lite0."),
    resolution: int | None = typer.Option(None, "--resolution", help="Side of the input, with --model."),
    clock_mhz: float = typer.Option(
        500, "--clock-mhz", help="500 (libedgetpu1-max) or 250 (libedgetpu1-std)."
    ),
    link: str = typer.Option("usb3", "--link", help="usb3, usb2 or pcie."),
    all_layers: bool = typer.Option(False, "--layers", help="Every layer, not only the slowest."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Estimate the time of one inference, with an interval and what each layer waits for. Not a measurement."""
    from edge_effnet.edgetpu.outlook import outlook_of_file, outlook_of_variant

    if (file is None) == (model is None):
        raise UsageError(
            "give a .tflite file or --model, one of them", hint="edge-effnet edgetpu estimate --model lite0"
        )
    if file is not None and resolution is not None:
        raise UsageError("--resolution goes with --model; a file has its own", got=resolution)
    found = (
        outlook_of_variant(str(model), resolution_px=resolution, clock_mhz=clock_mhz, link=link)
        if file is None
        else outlook_of_file(file, clock_mhz=clock_mhz, link=link)
    )
    if as_json:
        print_json(found.as_json())
        return
    _print(found, all_layers=all_layers)
    subject = "MODEL.tflite" if file is None else str(file)
    print_lines(f"next: edge-effnet edgetpu check {printable(subject, 4096)}")


def _print(found: Outlook, *, all_layers: bool) -> None:
    chosen = found.times if all_layers else sorted(found.times, key=lambda time: -time.ms)[:_SHOWN]
    rows = [[printable(time.name), time.kind, f"{time.ms:.3f}", time.limit] for time in chosen]
    title = f"{printable(found.subject)}: estimate, {found.clock_mhz:g} MHz, {found.link}"
    left = "" if all_layers else f" (the {len(chosen)} slowest of {len(found.times)}; --layers shows all)"
    print_table(title + left, ("layer", "kind", "ms", "limit"), rows, left=(0, 1, 3))
    by_limit: dict[str, float] = defaultdict(float)
    for time in found.times:
        by_limit[time.limit] += time.ms
    parts = ", ".join(f"{name} {ms:.2f}" for name, ms in sorted(by_limit.items(), key=lambda pair: -pair[1]))
    record = found.as_json()
    checked, memory = record["validation"], record["memory"]
    print_lines(
        f"estimate: {found.estimate_ms:.1f} ms, interval {found.low_ms:.1f} to {found.high_ms:.1f} ms (ms by limit: {parts})",
        f"parameters (predicted): {memory['cached_bytes'] / 2**20:.2f} MiB cached, {memory['streamed_bytes'] / 2**20:.2f} MiB streamed;"
        f" activations at most {memory['activation_bytes'] / 2**20:.2f} of 3 MiB",
        *(f"note: {printable(note, 300)}" for note in found.notes),
        f"error on {checked['rows']} published latencies of {len(checked['models'])} models, each left out of its own fit:"
        f" median {checked['median_abs_error_pct']:.0f} %, worst {checked['max_abs_error_pct']:.0f} %",
    )
