"""`edge-effnet edgetpu check`: what would the Edge TPU compiler make of this file?"""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotation while it runs
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.inspect.edgetpu import Prediction

__all__ = ["check", "check_record", "print_prediction"]

_SHOWN_PER_RULE = 3
_KILO = 1024


def check(
    model: Path = typer.Argument(..., metavar="MODEL", help="A .tflite file that is not compiled yet."),
    min_mapped: float = typer.Option(
        0.0,
        "--min-mapped",
        min=0,
        max=100,
        help="Percent of the operators that must be mapped; exit 6 below it.",
    ),
    runtime: int = typer.Option(14, "--min-runtime", help="Edge TPU runtime to compile for, 10 to 14."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Predict from the file alone what the Edge TPU compiler would map. Exit 6 when it would not compile."""
    from edge_effnet.errors import UsageError
    from edge_effnet.inspect.edgetpu import predict_file

    if 0 < min_mapped <= 1:
        raise UsageError("--min-mapped is in percent", got=min_mapped, hint=f"{100 * min_mapped:g} is meant?")
    prediction, sha256 = predict_file(model, runtime=runtime)
    if as_json:
        print_json(check_record(model, sha256, prediction))
    else:
        print_prediction(model, prediction)
        name = shlex.quote(str(model))
        print_lines(
            f"{printable(str(model), 4096)}  sha256 {sha256}",
            f"next: edge-effnet edgetpu compile {name} -o DIR"
            if prediction.compiles
            else "next: edge-effnet convert --model lite0 --int8",
        )
    prediction.require(min_mapped)


def check_record(model: Path, sha256: str, prediction: Prediction) -> dict[str, Any]:
    """Return the document of `edgetpu check --json`."""
    return {"schema_version": 1, "path": str(model), "sha256": sha256, **prediction.as_json()}


def print_prediction(model: Path, prediction: Prediction) -> None:
    """Print which operators go where, the findings and the memory."""
    counts = Counter((layer.op, layer.status) for layer in prediction.layers)
    rows = [[printable(op), str(count), status] for (op, status), count in counts.items()]
    print_table(
        f"{printable(model.name)}: predicted for compiler 16, runtime {prediction.runtime}",
        ("operator", "count", "status"),
        rows,
        left=(0, 2),
    )
    print_lines(*_finding_lines(prediction))
    memory = {key: f"{size / _KILO:,.0f} KiB" for key, size in prediction.memory.items()}
    print_lines(
        f"compiles (predicted): {'yes' if prediction.compiles else 'NO'};"
        f" {len(prediction.mapped)} of {len(prediction.layers)} operators on the Edge TPU",
        f"parameters (predicted): {memory['parameter_bytes']}, {memory['cached_bytes']} cached, {memory['streamed_bytes']} streamed;"
        f" activations at most {memory['activation_bytes']} of 3,072 KiB",
    )


def _finding_lines(prediction: Prediction) -> Iterator[str]:
    totals = Counter(finding.rule for finding in prediction.findings)
    shown: Counter[str] = Counter()
    for finding in prediction.findings:
        shown[finding.rule] += 1
        if shown[finding.rule] <= _SHOWN_PER_RULE:
            place = "model" if finding.op_index is None else f"operator {finding.op_index} {finding.op}"
            yield f"{finding.severity:<7}  {printable(place)}: {printable(finding.reason, 240)}"
        if shown[finding.rule] == min(totals[finding.rule], _SHOWN_PER_RULE):
            hidden = totals[finding.rule] - shown[finding.rule]
            yield from [f"         … and {hidden} more of this kind (all in --json)"] * bool(hidden)
            yield f"         fix: {finding.fix}"
