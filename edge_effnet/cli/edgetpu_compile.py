"""`edge-effnet edgetpu compile`: run the compiler, read all that it leaves, hold it against the prediction."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table, printable

if TYPE_CHECKING:
    from edge_effnet.edgetpu.compiler import CompilerOptions

__all__ = ["compile_model"]

_COLUMNS = ("quantity", "predicted", "log", "file", "prediction off by")


def compile_model(
    models: list[Path] = typer.Argument(
        ..., metavar="MODEL...", help=".tflite files; several are compiled together and share the cache."
    ),
    out: Path = typer.Option(Path(), "-o", "--out", metavar="DIR", help="Where the compiled files go."),
    compiler: Path | None = typer.Option(
        None, "--compiler", metavar="PATH", help="edgetpu_compiler; else EDGETPU_COMPILER, else the path."
    ),
    timeout: int = typer.Option(180, "--timeout", min=1, help="Seconds that the compiler may take."),
    runtime: int | None = typer.Option(
        None, "--min-runtime", min=10, max=14, help="Edge TPU runtime to compile for."
    ),
    search_delegate: bool = typer.Option(
        False, "--search-delegate", help="When it fails, try with fewer operators (compiler 16)."
    ),
    all_subgraphs: bool = typer.Option(
        False, "--all-subgraphs", help="Allow several parts on the Edge TPU (experimental; often slower)."
    ),
    cut: list[str] = typer.Option(
        [], "--cut", metavar="TENSOR", help="Leave what comes after it to the CPU."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the compiled files."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Compile for the Edge TPU, and compare log and file with the prediction. Exit 3 without the compiler, 5 when it fails."""
    from edge_effnet.edgetpu.compiler import CompilerOptions

    options = CompilerOptions(timeout, runtime, search_delegate, all_subgraphs, tuple(cut))
    _run(models, out, compiler, options, force=force, as_json=as_json)


def _run(
    models: list[Path],
    out: Path,
    compiler: Path | None,
    options: CompilerOptions,
    *,
    force: bool,
    as_json: bool,
) -> None:
    from edge_effnet.edgetpu.compile import compile_models, record_of
    from edge_effnet.edgetpu.compiler import find_compiler
    from edge_effnet.errors import EnvironmentFault

    try:
        program = find_compiler(compiler)
    except EnvironmentFault:
        _print_predictions(models, options.min_runtime, as_json=as_json)
        raise
    reporter = TerminalReporter(quiet=as_json)
    with reporter.stage("compile"):
        rows, log = compile_models(models, out, program, options, force=force)
    record = record_of(rows, log)
    if as_json:
        print_json(record)
        return
    for model in record["models"]:
        _print_model(model)
    print_lines(f"compiler {log['version'] or 'of unknown version'}, {log['elapsed_ms'] or 0:,.0f} ms")
    for model in record["models"]:
        print_lines(f"{printable(model['path'], 4096)}  sha256 {model['sha256']}")
    print_lines(f"next: edge-effnet bench {shlex.quote(record['path'])} --engine edgetpu")


def _print_predictions(models: list[Path], runtime: int | None, *, as_json: bool) -> None:
    """Print what is known without the compiler."""
    from edge_effnet.cli.edgetpu_check import print_prediction
    from edge_effnet.edgetpu.compile import SCHEMA_VERSION, predictions

    found = predictions(models, runtime)
    if as_json:
        rows = [
            {"source": str(model), "path": None, "sha256": None, "container": None, "agreement": None,
             "prediction": prediction.as_json()}
            for model, prediction in zip(models, found, strict=True)
        ]  # fmt: skip
        print_json({"schema_version": SCHEMA_VERSION, **rows[0], "log": None, "models": rows})
        return
    for model, prediction in zip(models, found, strict=True):
        print_prediction(model, prediction)


def _print_model(model: dict[str, Any]) -> None:
    agreement, container = model["agreement"], model["container"]
    rows = [
        [row["what"], *(_number(row[key]) for key in ("predicted", "log", "container")), _percent(row)]
        for row in agreement["rows"]
    ]
    print_table(printable(Path(model["path"]).name), _COLUMNS, rows)
    left = container["cpu_op_names"]
    print_lines(
        f"instructions {container['instr_run']:,} bytes, scratch {container['scratch']:,} bytes,"
        f" needs Edge TPU runtime {container['min_rt']}; on the CPU: {', '.join(map(printable, left)) or 'nothing'}"
    )
    if not agreement["consistent"]:
        print_lines("warning: log and file do not say the same; the file is what runs")


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _percent(row: dict[str, Any]) -> str:
    error = row["prediction_error_percent"]
    return "-" if error is None else f"{error:+.2f} %"
