"""`edge-effnet eval`: accuracy of one or more models on labelled images."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations while it runs
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.evaluate import Evaluation

__all__ = ["evaluate"]


def evaluate(
    models: list[str] = typer.Argument(
        ..., metavar="MODEL...", help="A .tflite file, or keras:ID[:WEIGHTS] for a float network."
    ),
    data: Path = typer.Option(
        ..., "--data", help="Folder of images: one sub-folder per class, or any layout with a CSV."
    ),
    labels: Path | None = typer.Option(
        None,
        "--labels",
        metavar="CSV",
        help="Table with the columns file,label[,name]; DATA/labels.csv is used if there is one.",
    ),
    engine: str = typer.Option("xnnpack", "--engine", help="xnnpack, builtin or reference."),
    limit: int | None = typer.Option(
        None, "--limit", min=1, help="Evaluate this many images, evenly spread over the set."
    ),
    gallery: Path | None = typer.Option(
        None,
        "--gallery",
        metavar="HTML",
        help="Write a page of images that one model gets right and the other wrong.",
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the gallery."),
    workers: int | None = typer.Option(None, "--workers", min=1, help="Threads; all cores by default."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document on stdout."),
) -> None:
    """Measure top-1 and top-5 with 95 % intervals; with two models also the paired difference."""
    from edge_effnet import evaluate as library
    from edge_effnet.artifacts import check_output
    from edge_effnet.errors import UsageError

    if gallery is not None:
        check_output(gallery, force=force)
        if len(models) < 2:
            raise UsageError(
                "a gallery compares two models", got=models[0], hint="give two models, the float one first"
            )
    reporter = TerminalReporter(quiet=as_json)
    candidates = [library.candidate_from_argument(model, engine) for model in models]
    pictures = library.read_labelled_set(data, labels, candidates[0].classes).limited(limit)
    found = library.evaluate(candidates, pictures, workers=workers, reporter=reporter)
    if gallery is not None:
        library.write_gallery(gallery, found, pictures, candidates[0].preprocessing, force=force)
    if as_json:
        record = found.to_record() | {"gallery": None if gallery is None else str(gallery)}
        if gallery is not None:
            library.add_thumbnails(record, found, pictures, candidates[0].preprocessing)
        print_json(record)
        return
    _print_tables(found)
    if gallery is not None:
        print_lines(f"gallery: {gallery}")
    print_lines(f"next: {_next_command(models, data, labels, gallery)}")


def _print_tables(found: Evaluation) -> None:
    from edge_effnet.evaluate import short_names

    record = found.to_record()
    names = short_names([model["path"] for model in record["models"]])
    print_table(
        _title(record),
        ("model", "n", "top-1 % [95 %]", "top-5 % [95 %]"),
        [
            (name, str(model["n"]), _share(model, "top1"), _share(model, "top5"))
            for name, model in zip(names, record["models"], strict=True)
        ],
    )
    if record["pairs"]:
        print_table(
            f"against {names[0]} on the same images",
            ("model", "top-1 drop, points [95 %]", "McNemar p", "agreement %"),
            [_pair_row(name, pair) for name, pair in zip(names[1:], record["pairs"], strict=True)],
        )
    if record["skipped"]:
        print_lines(f"{len(record['skipped'])} images were skipped; the reasons are on stderr and in --json")


def _title(record: dict[str, Any]) -> str:
    conditions = record["conditions"]
    return f"accuracy, engine {conditions['engine']}, {conditions['workers']} workers, {record['seconds']['evaluate']:.1f} s"


def _share(model: dict[str, Any], key: str) -> str:
    low, high = model[f"{key}_ci95"]
    return f"{model[key]:.2f} [{low:.2f}, {high:.2f}]"


def _pair_row(name: str, pair: dict[str, Any]) -> tuple[str, ...]:
    low, high = pair["ci95"]
    drop = f"{pair['drop_top1']:+.2f} [{low:+.2f}, {high:+.2f}]"
    return (name, drop, f"{pair['mcnemar_p']:.3g}", f"{pair['agreement']:.2f}")


def _next_command(models: Sequence[str], data: Path, labels: Path | None, gallery: Path | None) -> str:
    """Return the command that a reader is likely to want now."""
    import shlex

    files = [model for model in models if model.endswith(".tflite")]
    if len(models) > 1 and gallery is None:
        table = [] if labels is None else ["--labels", str(labels)]
        words = ["edge-effnet", "eval", *models[:2], "--data", str(data), *table, "--gallery", "gallery.html"]
    elif files:
        words = ["edge-effnet", "inspect", files[-1]]
    else:
        words = ["edge-effnet", "convert", "--model", models[0].split(":")[1], "--int8"]
    return shlex.join(words)
