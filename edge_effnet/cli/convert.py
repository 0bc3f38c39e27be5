"""`edge-effnet convert`: from a model's name to a verified .tflite."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003  # typer reads the annotation at run time
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table
from edge_effnet.cli.options import WITH_FEATURES

if TYPE_CHECKING:
    from edge_effnet.convert import ConvertResult

__all__ = ["convert"]


def convert(
    model: str = typer.Option(..., "--model", help="Variant or baseline, such as b0 (see edge-effnet list)."),
    int8: bool = typer.Option(False, "--int8", help="Full integer: the same as --precision w8a8."),
    precision: str = typer.Option(
        None, "--precision", help="w8a8, w8-dynamic, fp16 or float32. [default: w8a8]"
    ),
    io: str = typer.Option("int8", "--io", help="Input and output of a w8a8 model: int8, uint8 or float32."),
    weights: str = typer.Option("imagenet", "--weights", help="imagenet, random, or a weights file."),
    calibration: str = typer.Option(
        None, "--calibration", help="Folder of images, set id or .npy file. [default: synthetic-v1]"
    ),
    calibration_samples: int = typer.Option(300, "--calibration-samples", help="How many of them, at most."),
    recipe: str = typer.Option(
        "ptq", "--recipe", help="How to quantise: ptq, equalise, bias, ranges, minmax-direct or minmax."
    ),
    seed: int = typer.Option(0, "--seed", help="Of the choice of images, and of random weights."),
    output: Path = typer.Option(
        None, "-o", "--output", help="File to write. [default: MODEL_RESOLUTION_PRECISION.tflite]"
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite."),
    num_classes: int = typer.Option(
        None, "--num-classes", help="Outputs of the classifier. [default: the weights']"
    ),
    resolution: int = typer.Option(
        None, "--resolution", help="Side of the square input in pixels. [default: the model's]"
    ),
    activation: str = typer.Option(
        None, "--activation", help="swish, hard_swish, relu6 or relu, instead of the model's."
    ),
    squeeze_excite: bool = typer.Option(
        None, "--squeeze-excite/--no-squeeze-excite", help="Keep or drop squeeze-and-excite."
    ),
    labels: Path = typer.Option(None, "--labels", help="Text file with one class name per line."),
    allow_new_head: bool = typer.Option(
        False, "--allow-new-head", help="Start the classifier anew where the class count differs."
    ),
    data: Path = typer.Option(
        None, "--data", help="Evaluation folder: calibration images must not be in it."
    ),
    target: str = typer.Option(
        None, "--target", help="edgetpu: keep to operators that map best on Coral's Edge TPU."
    ),
    with_features: bool = WITH_FEATURES,
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Convert a model to TensorFlow Lite: build, calibrate, quantise, write, audit."""
    from edge_effnet.convert import ConvertRequest
    from edge_effnet.convert import convert as run

    request = ConvertRequest(
        model=model, weights=weights, precision=_precision(int8, precision), io=io, calibration=calibration,
        calibration_samples=calibration_samples, recipe=recipe, seed=seed, output=output, force=force,
        num_classes=num_classes, resolution_px=resolution, activation=activation, squeeze_excite=squeeze_excite,
        labels=labels, allow_new_head=allow_new_head, evaluation=data, target=target,
        with_features=with_features,
    )  # fmt: skip
    result = run(request, TerminalReporter(quiet=as_json))
    if as_json:
        print_json(result.record)
    else:
        _print(result)


def _precision(int8: bool, precision: str | None) -> str:
    from edge_effnet.errors import UsageError

    if int8 and precision not in (None, "w8a8"):
        raise UsageError("--int8 and --precision disagree", got=precision, hint="give one of them")
    return precision or "w8a8"


def _print(result: ConvertResult) -> None:
    record = result.record
    rows = [[stage, f"{seconds:.2f}"] for stage, seconds in record["seconds"].items()]
    print_table("Stages", ("stage", "seconds"), rows)
    print_lines(*(f"note: {note}" for note in result.notes))
    print_lines(
        f"model        {record['model']['id']} at {record['model']['resolution_px']} px, {record['precision']}, recipe {record['recipe'] or '-'}",
        f"weights      {record['weights']['source']}  sha256 {record['weights']['sha256'][:16]}",
        f"calibration  {_calibration(record['calibration'])}",
        *(f"{side:<12} {_tensor(tensor)}" for side, tensor in record["io"].items()),
        f"peak memory  {record['peak_rss_bytes'] / 2**20:,.0f} MiB",
        f"{result.path}  {record['size_bytes']:,} bytes  sha256 {record['sha256']}",
        f"contract     {result.contract_path}",
        f"next: edge-effnet inspect {shlex.quote(str(result.path))}",
        f"      edge-effnet eval {shlex.quote(str(result.path))} --data DIR",
    )


def _calibration(record: dict[str, Any] | None) -> str:
    return (
        "none"
        if record is None
        else f"{record['id']}, {record['count']} images, sha256 {record['sha256'][:16]}"
    )


def _tensor(tensor: dict[str, Any]) -> str:
    shape = "x".join(map(str, tensor["shape"]))
    grid = (
        "" if tensor["scale"] is None else f", scale {tensor['scale']:.6g}, zero point {tensor['zero_point']}"
    )
    return f"{tensor['dtype']} {shape}{grid}"
