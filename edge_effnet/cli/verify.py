"""`edge-effnet verify`: does the int8 file compute what the float network computes, and if not, where?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.artifacts import check_output
from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, print_table
from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.verify import BlockSensitivity, Verification
    from edge_effnet.verify.figures import BlockResult, EngineResult, LayerResult, OperatorResult

__all__ = ["verify"]

_ENGINES = (
    "engine",
    "n",
    "SQNR dB",
    "cosine",
    "top-1 agreement %",
    "max LSB",
    "within 1 LSB %",
    "equal %",
    "LSB against",
    "on n",
)
_OPERATORS = ("operator", "engine", "count", "values", "max LSB", "mean LSB", "within 1 LSB %", "equal %")
_BLOCKS = ("block", "own SQNR dB", "SQNR dB at its output", "worst layer", "part")
_LAYERS = ("layer", "block", "part", "own SQNR dB", "SQNR dB")
_SENSITIVITY = ("block", "rank", "logit SQNR dB", "noise in the logits %", "top-1 agreement %")
_WORST_BLOCKS = 5


def verify(
    float_model: str = typer.Argument(
        ..., metavar="FLOAT", help="A float .tflite file, or keras:ID[:WEIGHTS]."
    ),
    int8_model: Path = typer.Argument(..., metavar="INT8", help="The int8 .tflite file."),
    data: str = typer.Option(
        ..., "--data", help="Folder of pictures (no labels needed), .npy file, or a set such as synthetic-v1."
    ),
    limit: int = typer.Option(32, "--limit", min=1, help="How many of them, at most."),
    engine: list[str] = typer.Option(
        None,
        "--engine",
        help="fake_quant, xnnpack, builtin or reference; may be repeated. [default: all four]",
    ),
    reference_images: int = typer.Option(
        4, "--reference-images", min=1, help="Pictures for the reference engine, which is slow."
    ),
    layer_images: int = typer.Option(
        4, "--layer-images", min=0, help="Pictures on which the layers are compared; 0 leaves them out."
    ),
    layers: int = typer.Option(10, "--layers", min=0, help="Worst layers in the table (JSON: all layers)."),
    sensitivity: bool = typer.Option(False, "--sensitivity", help="Also rank what each block alone costs."),
    sensitivity_images: int = typer.Option(16, "--sensitivity-images", min=1, help="Pictures for that."),
    plot: Path = typer.Option(None, "--plot", metavar="FILE.svg", help="Draw the sensitivity; implies it."),
    force: bool = typer.Option(False, "--force", help="Overwrite the plot."),
    seed: int = typer.Option(7919, "--seed", min=0, help="Chooses the pictures."),
    min_agreement: float = typer.Option(
        None,
        "--min-agreement",
        min=0,
        max=100,
        help="Exit 6 if an engine's top-1 agreement is below, percent.",
    ),
    min_sqnr: float = typer.Option(None, "--min-sqnr", help="Exit 6 if an engine's logit SQNR is below, dB."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Compare a float network with its int8 file on the same pictures: engine by engine, then layer by layer."""
    from edge_effnet.verify import verify as run

    if plot is not None:
        _check_plot(plot, force=force)
    reporter = TerminalReporter(quiet=as_json)
    found = run(
        float_model, int8_model, data, engines=engine or None, limit=limit, reference_images=reference_images,
        layer_images=layer_images, sensitivity_images=sensitivity_images if sensitivity or plot else 0,
        seed=seed, reporter=reporter,
    )  # fmt: skip
    drawn, missing = _draw(found, plot, force=force)
    if missing:
        reporter.note("warning", missing)
    if as_json:
        print_json(_with_plot(found.to_record(), drawn, missing))
    else:
        _print_tables(found, layers)
        print_lines(*([f"plot: {drawn}"] if drawn else []))
        print_lines(f"next: {_next_command(float_model, int8_model, data)}")
    found.require(min_agreement=min_agreement, min_sqnr_db=min_sqnr)


def _check_plot(plot: Path, *, force: bool) -> None:
    """Refuse a plot before the work begins."""
    if plot.suffix.lower() != ".svg":
        raise UsageError("the plot is an SVG file", got=plot, hint=f"--plot {plot.with_suffix('.svg')}")
    check_output(plot, force=force)


def _draw(found: Verification, plot: Path | None, *, force: bool) -> tuple[str | None, str | None]:
    """Draw the sensitivity; return the file, or None and why there is none."""
    if plot is None or not found.sensitivity:
        return None, None
    from edge_effnet.verify.sensitivity_plot import draw_sensitivity

    title = f"{Path(found.subjects['int8']['path']).name}: {_sensitivity_title(found.sensitivity)}"
    missing = draw_sensitivity(found.sensitivity, plot, title=title, force=force)
    return (None, missing) if missing else (str(plot), None)


def _with_plot(record: dict[str, Any], drawn: str | None, missing: str | None) -> dict[str, Any]:
    notes = [*record["notes"], missing] if missing else record["notes"]
    return {**record, "plot": drawn, "notes": notes}


def _sensitivity_title(blocks: tuple[BlockSensitivity, ...]) -> str:
    return f"one block in int8, the rest in float, {blocks[0].n} images"


def _print_tables(found: Verification, layers: int) -> None:
    located = found.located
    title = f"{found.subjects['int8']['path']} against {found.subjects['float']['path']}, {found.n} images"
    print_table(title, _ENGINES, [_engine_row(engine) for engine in found.engines])
    print_lines(*(f"missing: {name}: {state.reason}" for name, state in found.missing.items()))
    if located.operators:
        title = f"Each operator alone, against fake_quant on the same codes, {located.n} images"
        print_table(title, _OPERATORS, [_operator_row(operator) for operator in located.operators], left=2)
    if located.blocks:
        rows = [_block_row(block) for block in located.blocks[:_WORST_BLOCKS]]
        print_table(f"Worst {len(rows)} of {len(located.blocks)} blocks", _BLOCKS, rows)
    if located.layers and layers:
        worst = [_layer_row(layer) for layer in located.worst_layers(layers)]
        print_table(f"Worst {len(worst)} of {len(located.layers)} layers", _LAYERS, worst, left=3)
    print_lines(*located.notes, *_divergence_lines(found))
    if found.sensitivity:
        ranked = sorted(found.sensitivity, key=lambda block: block.rank)
        title = f"Sensitivity: {_sensitivity_title(found.sensitivity)}"
        print_table(title, _SENSITIVITY, [_sensitivity_row(block) for block in ranked])


def _divergence_lines(found: Verification) -> Iterator[str]:
    from edge_effnet.verify.figures import DIVERGENCE_RULE

    first = found.located.first_divergence
    if not found.located.layers:
        return
    if first is None:
        yield "first divergence: none"
    else:
        place = " ".join(word for word in (first.block, first.part) if word) or "-"
        fed = "the picture" if first.fed_sqnr_db == float("inf") else f"{first.fed_sqnr_db:.1f} dB"
        yield f"first divergence: {first.name} ({place}), {first.sqnr_db:.1f} dB, fed by {fed}"
    yield f"  rule: {DIVERGENCE_RULE}"


def _engine_row(engine: EngineResult) -> list[str]:
    lsb = engine.lsb
    steps = (
        ("-",) * 5
        if lsb is None
        else (
            str(lsb.max_lsb),
            f"{lsb.within_1_lsb:.2f}",
            f"{lsb.equal:.2f}",
            engine.judged_by or "-",
            str(lsb.n),
        )
    )
    return [
        engine.name,
        str(engine.n),
        _decibels(engine.sqnr_db),
        f"{engine.cosine:.5f}",
        f"{engine.top1_agreement:.2f}",
        *steps,
    ]


def _operator_row(operator: OperatorResult) -> list[str]:
    return [
        operator.kind,
        operator.engine,
        str(operator.operators),
        f"{operator.values:,}",
        str(operator.max_lsb),
        f"{operator.mean_lsb:.5f}",
        f"{operator.within_1_lsb:.4f}",
        f"{operator.equal:.4f}",
    ]


def _block_row(block: BlockResult) -> list[str]:
    return [
        block.name,
        _decibels(block.own_sqnr_db),
        _decibels(block.sqnr_db),
        block.worst.name,
        block.worst.part,
    ]


def _layer_row(layer: LayerResult) -> list[str]:
    return [
        layer.name,
        layer.block or "-",
        layer.part,
        _decibels(layer.own_sqnr_db),
        _decibels(layer.sqnr_db),
    ]


def _sensitivity_row(block: BlockSensitivity) -> list[str]:
    return [
        block.name,
        str(block.rank),
        _decibels(block.sqnr_db),
        f"{block.noise_percent:.3f}",
        f"{block.top1_agreement:.2f}",
    ]


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _next_command(float_model: str, int8_model: Path, data: str) -> str:
    """Return the command that measures accuracy on the same two models; a rendered set has no labels."""
    folder = data if Path(data).is_dir() else "DIR"
    return shlex.join(["edge-effnet", "eval", float_model, str(int8_model), "--data", folder])
