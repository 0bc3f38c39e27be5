"""`edge-effnet info`: a variant stage by stage, several side by side, as a table, JSON or a drawing."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path  # noqa: TC003  (typer reads the annotation when it runs)
from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table
from edge_effnet.errors import UsageError
from edge_effnet.variants.cost import Cost, cost, short_count
from edge_effnet.variants.scale import Coefficients, architecture, compound_coefficients
from edge_effnet.variants.table import baseline, get_variant

if TYPE_CHECKING:
    from edge_effnet.variants.cost import StageCost
    from edge_effnet.variants.spec import Architecture, Variant

__all__ = ["info"]


@dataclass(frozen=True)
class _Entry:
    """One variant as it was asked for."""

    variant: Variant
    coefficients: Coefficients
    arch: Architecture
    cost: Cost


_STAGE_COLUMNS = ("px", "channels", "layers", "parameters", "MACs", "act. int8")
_SIDE_BY_SIDE_WIDTH = 84
"""Characters that one variant takes in the table: its widest cells, each with three of border."""


def info(
    models: list[str] = typer.Argument(
        ..., metavar="MODEL...", help="Variants, such as b0 lite0.", show_default=False
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    resolution: int | None = typer.Option(
        None, "--resolution", help="Side of the input in pixels.", show_default=False
    ),
    phi: float | None = typer.Option(
        None, "--phi", help="Compound scaling of the baseline by φ.", show_default=False
    ),
    width: float | None = typer.Option(
        None, "--width", help="Coefficient of the channels.", show_default=False
    ),
    depth: float | None = typer.Option(
        None, "--depth", help="Coefficient of the repeats.", show_default=False
    ),
    diagram: Path | None = typer.Option(
        None, "--diagram", help="Draw the architectures into an SVG.", show_default=False
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the drawing."),
) -> None:
    """Show variants stage by stage: operator, resolution, channels, layers, parameters, MACs, activations."""
    if phi is not None and (width is not None or depth is not None):
        raise UsageError("--phi already sets width and depth", hint="give --phi, or --width and --depth")
    entries = [_entry(get_variant(name), phi, width, depth, resolution) for name in models]
    if diagram is not None:
        _draw(entries, diagram, force=force)
    if as_json:
        print_json(
            {"variants": [_record(one) for one in entries], "diagram": str(diagram) if diagram else None}
        )
        return
    _print(entries)
    if diagram is not None:
        print_lines(f"diagram: {diagram}")
    print_lines(f"next: edge-effnet convert --model {models[0]} --int8")


def _entry(
    variant: Variant, phi: float | None, width: float | None, depth: float | None, resolution_px: int | None
) -> _Entry:
    own = Coefficients(variant.width, variant.depth, variant.resolution_px)
    if phi is not None:
        own = compound_coefficients(phi, base_resolution_px=baseline(variant).resolution_px)
    chosen = Coefficients(
        own.width if width is None else width,
        own.depth if depth is None else depth,
        own.resolution_px if resolution_px is None else resolution_px,
    )
    arch = architecture(variant, width=chosen.width, depth=chosen.depth, resolution_px=chosen.resolution_px)
    return _Entry(variant, chosen, arch, cost(arch))


def _is_published(entry: _Entry) -> bool:
    variant = entry.variant
    return entry.coefficients == Coefficients(variant.width, variant.depth, variant.resolution_px)


def _record(entry: _Entry) -> dict[str, Any]:
    variant, total = entry.variant, entry.cost
    return {
        "id": variant.id,
        "family": variant.family,
        **asdict(entry.coefficients),
        "dropout": variant.dropout,
        "activation": entry.arch.activation,
        "normalisation": asdict(variant.normalisation),
        "crop_fraction": variant.crop_fraction,
        "parameters": total.parameters,
        "trainable_parameters": total.trainable_parameters,
        "macs": total.macs,
        "activation_bytes": total.activation_bytes,
        "stages": [asdict(stage) for stage in total.stages],
        "source": variant.source,
        "published": asdict(variant.published) if _is_published(entry) else None,
    }


def _draw(entries: list[_Entry], path: Path, *, force: bool) -> None:
    from edge_effnet.artifacts import check_output, write_bytes
    from edge_effnet.variants.diagram import draw

    check_output(path, force=force)
    write_bytes(path, draw([(one.arch, one.cost) for one in entries]).encode(), force=force)


def _print(entries: list[_Entry]) -> None:
    if len(entries) == 1:
        print_table(
            _heading(entries[0]), ("stage", "operator", *_STAGE_COLUMNS), _side_by_side(entries), left=2
        )
    elif len(entries) * _SIDE_BY_SIDE_WIDTH <= _terminal_columns():
        columns = ("stage", *(name for one in entries for name in (one.variant.id, *_STAGE_COLUMNS)))
        operators = range(1, len(columns), 1 + len(_STAGE_COLUMNS))
        print_table("", columns, _side_by_side(entries), left=(0, *operators))
    else:
        print_table("", ("stage", "model", "operator", *_STAGE_COLUMNS), _interleaved(entries), left=3)
    print_lines(*(_summary(one) for one in entries))


def _terminal_columns() -> int:
    """Return the width to fit; what is piped into a file or a pager may be as wide as it likes."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def _heading(entry: _Entry) -> str:
    chosen = entry.coefficients
    scale = f"width {chosen.width:.4g}, depth {chosen.depth:.4g}, {chosen.resolution_px} px"
    return f"{entry.variant.id}: {scale}, {entry.arch.activation}"


def _cells(stage: StageCost) -> list[str]:
    return [
        stage.operator + (" + SE" if stage.squeeze_excite else ""),
        str(stage.resolution_px),
        str(stage.channels),
        str(stage.layers),
        short_count(stage.parameters),
        short_count(stage.macs),
        f"{short_count(stage.activation_bytes)}B",
    ]


def _total_cells(entry: _Entry) -> list[str]:
    total = entry.cost
    layers = sum(stage.layers for stage in total.stages)
    counts = (
        short_count(total.parameters),
        short_count(total.macs),
        f"{short_count(total.activation_bytes)}B",
    )
    return ["total", "", "", str(layers), *counts]


def _side_by_side(entries: list[_Entry]) -> list[list[str]]:
    rows: list[list[str]] = []
    for index in range(max(len(one.cost.stages) for one in entries)):
        row = [str(index + 1)]
        for one in entries:
            stages = one.cost.stages
            row += _cells(stages[index]) if index < len(stages) else [""] * (1 + len(_STAGE_COLUMNS))
        rows.append(row)
    rows.append(["", *(cell for one in entries for cell in _total_cells(one))])
    return rows


def _interleaved(entries: list[_Entry]) -> list[list[str]]:
    rows: list[list[str]] = []
    for index in range(max(len(one.cost.stages) for one in entries)):
        having = [one for one in entries if index < len(one.cost.stages)]
        rows += [[str(index + 1), one.variant.id, *_cells(one.cost.stages[index])] for one in having]
    return rows + [["", one.variant.id, *_total_cells(one)] for one in entries]


def _summary(entry: _Entry) -> str:
    total, published = entry.cost, entry.variant.published
    text = (
        f"{_heading(entry)}: {total.parameters:,} parameters ({total.trainable_parameters:,} trainable), "
        f"{total.macs:,} multiply-adds"
    )
    if not _is_published(entry):
        return text
    macs = "" if published.macs is None else f", {published.macs / 1e9:g} G multiply-adds"
    return f"{text}; published: top-1 {published.top1} %{macs} ({published.source})"
