"""`edge-effnet qat`: quantization-aware fine-tuning, with labels or without."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003  # typer reads the annotation at run time
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, resumable
from edge_effnet.cli.options import WITH_FEATURES

if TYPE_CHECKING:
    from edge_effnet.qat import QatResult

__all__ = ["qat"]


def qat(
    model: str = typer.Option(..., "--model", "-m", help="Variant or baseline, see `edge-effnet list`."),
    data: Path = typer.Option(
        ..., "--data", help="Pictures to train on: a flat folder (no labels needed), or one folder per class."
    ),
    weights: str = typer.Option(
        "imagenet", "--weights", help="imagenet, random, or a file: the float teacher."
    ),
    val: Path = typer.Option(None, "--val", help="Pictures to report on; never trained on."),
    labels: Path = typer.Option(None, "--labels", help="Table file,label of --val."),
    steps: int = typer.Option(None, "--steps", help="Training steps. [default: 600]"),
    batch_size: int = typer.Option(None, "--batch-size", help="Pictures in a step. [default: 16]"),
    rate: float = typer.Option(1.0, "--rate", help="Factor on every learning rate."),
    label_weight: float = typer.Option(
        None,
        "--label-weight",
        help="Weight of the labels against the teacher, 0 to 1. [default: 0.1 with labels]",
    ),
    feature_weight: float = typer.Option(
        None, "--feature-weight", help="Weight of the error at the ends of the blocks. [default: 0.2]"
    ),
    augment: str = typer.Option(None, "--augment", help="Augmentation policy. [default: light]"),
    seed: int = typer.Option(0, "--seed", help="Of the calibration images, the order and the crops."),
    calibration: str = typer.Option(
        None, "--calibration", help="Folder, set id or .npy file to begin from. [default: --data]"
    ),
    calibration_samples: int = typer.Option(300, "--calibration-samples", help="How many of them at most."),
    recipe: str = typer.Option(
        "ptq", "--recipe", help="How the graph that training begins from is quantised."
    ),
    io: str = typer.Option("int8", "--io", help="Type of input and output: int8, uint8 or float32."),
    num_classes: int = typer.Option(None, "--num-classes", help="Outputs. [default: the weights']"),
    resolution: int = typer.Option(None, "--resolution", help="Side of the input in pixels."),
    activation: str = typer.Option(None, "--activation", help="swish, hard_swish, relu6 or relu."),
    with_features: bool = WITH_FEATURES,
    output: Path = typer.Option(None, "-o", "--output", help="The .tflite to write."),
    run: Path = typer.Option(None, "--run", help="Run folder. [default: OUTPUT.run]"),
    resume: bool = typer.Option(False, "--resume", help="Go on with the run in the run folder."),
    force: bool = typer.Option(False, "--force", help="Overwrite."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Fine-tune a network with its int8 rounding, towards its own float twin."""
    from edge_effnet.convert import ConvertRequest
    from edge_effnet.qat import QatRequest, settings_from, train_quantized

    convert = ConvertRequest(
        model=model, weights=weights, io=io, calibration=calibration, calibration_samples=calibration_samples,
        recipe=recipe, seed=seed, output=output, force=force, num_classes=num_classes, resolution_px=resolution,
        activation=activation, evaluation=val, with_features=with_features,
    )  # fmt: skip
    settings = settings_from(
        rate, steps=steps, batch_size=batch_size, seed=seed, augment=augment, label_weight=label_weight,
        feature_weight=feature_weight,
    )  # fmt: skip
    request = QatRequest(convert, data, val, labels, settings, run, resume)
    with resumable():
        result = train_quantized(request, TerminalReporter(quiet=as_json))
    if as_json:
        print_json(result.record)
    else:
        _print(result)


def _print(result: QatResult) -> None:
    record = result.record
    held_out = record["training"]["held_out"]
    rows = [
        (name, f"{found['agreement']:.2f}", f"{found['sqnr_db']:.2f}", f"{found['divergence']:.5f}")
        for name, found in held_out.items()
    ]
    some = next(iter(held_out.values()))
    print_table(
        f"against the float network, {some['n']} held-out pictures; kept: {record['training']['kept']}",
        ("int8 graph", "agreement %", "logit SQNR dB", "divergence"),
        rows,
    )
    teacher = record["teacher"]
    print_lines(
        f"teacher      agreement {teacher['agreement']:.2f} %, logit SQNR {teacher['sqnr_db']:.2f} dB, "
        f"n {teacher['n']}, {teacher['pictures']}",
        *_accuracy(record["val"]),
        f"training     {record['steps']} steps, {record['training_seconds']:.0f} s, run folder {record['run']}",
        f"{result.path}  {record['size_bytes']:,} bytes  sha256 {record['sha256']}",
        f"next: edge-effnet inspect {shlex.quote(str(result.path))}",
        f"      edge-effnet eval {shlex.quote(str(result.path))} --data DIR",
    )


def _accuracy(val: dict[str, Any] | None) -> list[str]:
    if val is None:
        return []
    low, high = val["ci95"]
    drop = f"drop {val['drop_top1']:+.2f} [{low:+.2f}, {high:+.2f}] points, n {val['n']}"
    return [f"top-1        float {val['float_top1']:.2f} %, int8 {val['int8_top1']:.2f} %, {drop}"]
