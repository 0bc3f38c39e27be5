"""`edge-effnet train`: transfer learning from weights and two folders of pictures."""

from __future__ import annotations

import shlex
from pathlib import Path  # noqa: TC003  # typer reads the annotation at run time
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, resumable

if TYPE_CHECKING:
    from edge_effnet.train.fit import TrainRequest, TrainResult

__all__ = ["train"]


def train(
    model: str = typer.Option(..., "--model", help="Variant or baseline, such as lite0."),
    data: Path = typer.Option(..., "--data", help="Folder to learn from, one sub-folder per class."),
    val: Path = typer.Option(..., "--val", help="Folder to judge by, with the same classes."),
    weights: str = typer.Option("imagenet", "--weights", help="imagenet, random, or a weights file."),
    epochs: int = typer.Option(12, "--epochs", help="Passes over the pictures."),
    head_only: bool = typer.Option(False, "--head-only", help="Teach the classifier alone: seconds."),
    batch_size: int = typer.Option(32, "--batch-size", help="Pictures in a step."),
    learning_rate: float = typer.Option(2e-4, "--learning-rate", help="Highest once the body learns too."),
    head_rate: float = typer.Option(5e-3, "--head-rate", help="Highest while the classifier learns alone."),
    resolution: int = typer.Option(
        None, "--resolution", help="Side of the square input in pixels. [default: the model's]"
    ),
    augment: str = typer.Option(
        "light", "--augment", help="none, light, medium, strong; rows may follow: medium,mixup=0.2,colour=0."
    ),
    unfreeze: str = typer.Option(
        None,
        "--unfreeze",
        help="What learns from which epoch on, such as 0:head,8:block5. [default: 0:head, and late from half of them on]",
    ),
    batch_norm: str = typer.Option("frozen", "--batch-norm", help="frozen or trained."),
    class_weights: str = typer.Option("none", "--class-weights", help="none; auto: rare ones count more."),
    label_smoothing: float = typer.Option(0.1, "--label-smoothing", help="Spread over all classes."),
    dropout: float = typer.Option(0.2, "--dropout", help="Share of the features hidden from the classifier."),
    weight_decay: float = typer.Option(0.02, "--weight-decay", help="Of kernels, relative to the rate."),
    ema: float = typer.Option(0.98, "--ema", help="Decay of the mean of the weights that is kept; 0 = off."),
    patience: int = typer.Option(None, "--patience", help="Stop after so many epochs without a better one."),
    minutes: float = typer.Option(None, "--minutes", help="Begin no epoch that would end later than this."),
    seed: int = typer.Option(0, "--seed", help="Of the new classifier, the order and the augmentation."),
    strategy: str = typer.Option("auto", "--strategy", help="auto, one, mirrored or multiworker."),
    precision: str = typer.Option("auto", "--precision", help="auto, float32 or mixed (bfloat16, GPUs)."),
    run: Path = typer.Option(None, "--run", metavar="DIR", help="Run folder. [default: OUT with .run]"),
    resume: bool = typer.Option(False, "--resume", help="Go on with the run in the run folder."),
    output: Path = typer.Option(..., "-o", "--output", help="File to write, NAME.weights.h5."),
    force: bool = typer.Option(False, "--force", help="Overwrite the output, and begin the run anew."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Teach a network the classes of a folder: the classifier first, then its last stages."""
    from edge_effnet.train.fit import TrainRequest
    from edge_effnet.train.fit import train as fit
    from edge_effnet.train.settings import Settings

    settings = Settings(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, head_rate=head_rate,
        weight_decay=weight_decay, label_smoothing=label_smoothing, dropout=dropout, ema=ema,
        head_only=head_only, unfreeze=unfreeze, batch_norm=batch_norm, class_weights=class_weights,
        augment=augment, patience=patience, seed=seed,
    )  # fmt: skip
    request = TrainRequest(
        model=model, data=data, val=val, output=output, weights=weights, resolution_px=resolution,
        settings=settings, strategy=strategy, precision=precision, run_folder=run, resume=resume, force=force,
        deadline_s=None if minutes is None else 60.0 * minutes,
    )  # fmt: skip
    with resumable():
        result = fit(request, TerminalReporter(quiet=as_json))
    if as_json:
        print_json(result.record)
    else:
        _print(request, result)


def _print(request: TrainRequest, result: TrainResult) -> None:
    record = result.record
    print_table(
        "Epochs", ("epoch", "loss", "val top-1 %", "seconds"), [_row(each) for each in record["history"]]
    )
    print_lines(*(f"note: {note}" for note in record["notes"]))
    frozen, model = record["frozen"], record["model"]
    learning = ", ".join(
        f"{part} from epoch {epoch}" for epoch, part in frozen["learning_from_epoch"].items()
    )
    folders = ["--data", str(request.data), "--val", str(request.val)]
    print_lines(
        f"model        {model['id']} at {model['resolution_px']} px, {len(record['classes'])} classes",
        f"start        {record['start']['source']}  sha256 {record['start']['sha256'][:16]}",
        f"learning     {learning}; batch norm {frozen['batch_norm']}",
        f"val top-1    {_accuracy(record)}",
        f"time         {record['seconds']:.0f} s, {record['epochs']} epochs, {record['stopped']}",
        f"run          {record['run']}",
        f"{result.path}  {record['size_bytes']:,} bytes  sha256 {record['sha256']}",
        f"next: {shlex.join(_next_words(request, 'qat', folders))}",
        f"      {shlex.join(_next_words(request, 'convert', ['--int8', '--calibration', str(request.data)]))}",
    )


def _row(record: dict[str, Any]) -> list[str]:
    return [
        str(record["epoch"]),
        f"{record['loss']:.4f}",
        f"{record['val_top1']:.2f}",
        f"{record['seconds']:.1f}",
    ]


def _accuracy(record: dict[str, Any]) -> str:
    if record["val_top1"] is None:
        return "not measured: no epoch was done"
    return f"{record['val_top1']:.2f} % of {record['n']}, epoch {record['best_epoch']}"


def _next_words(request: TrainRequest, verb: str, words: list[str]) -> list[str]:
    side = [] if request.resolution_px is None else ["--resolution", str(request.resolution_px)]
    model = ["--model", request.model, "--weights", str(request.output), *side]
    output = ["-o", f"{request.model}_int8.tflite"] if verb == "qat" else []
    return ["edge-effnet", verb, *model, *words, *output]
