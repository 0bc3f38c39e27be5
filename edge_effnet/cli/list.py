"""`edge-effnet list`: every variant with what it costs and what was published for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from edge_effnet.cli.console import print_json, print_lines, print_table
from edge_effnet.errors import UnknownNameError
from edge_effnet.variants.cost import cost, short_count
from edge_effnet.variants.scale import architecture
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from edge_effnet.variants.spec import Variant

__all__ = ["list_variants", "variant_record"]

_TARGETS = ("edgetpu",)
_COLUMNS = (
    "model", "px", "parameters", "MACs", "MACs published", "activation", "SE", "top-1 %", "top-5 %",
)  # fmt: skip


def list_variants(
    target: str | None = typer.Option(None, "--target", help="edgetpu: what each would do on an Edge TPU."),
    as_json: bool = typer.Option(False, "--json", help="One JSON array on stdout."),
) -> None:
    """List every variant: resolution, parameters, multiply-adds, activation and published accuracy."""
    if target is not None:
        if target not in _TARGETS:
            raise UnknownNameError("target", target, _TARGETS)
        from edge_effnet.cli.list_edgetpu import list_for_edgetpu

        list_for_edgetpu(as_json=as_json)
        return
    records = [variant_record(variant) for variant in VARIANTS.values()]
    if as_json:
        print_json(records)
        return
    rows = [_row(record, VARIANTS[record["id"]]) for record in records]
    print_table("Variants (counted from the table; MACs = multiply-adds for one image)", _COLUMNS, rows)
    print_lines(
        "Published figures: the papers, their repositories and Keras applications, as rounded there.",
        "next: edge-effnet info b0 lite0",
    )


def variant_record(variant: Variant) -> dict[str, Any]:
    """Return the fixed record of one variant, unscaled, with 1000 classes."""
    arch = architecture(variant)
    total = cost(arch)
    return {
        "id": variant.id,
        "family": variant.family,
        "resolution_px": variant.resolution_px,
        "parameters": total.parameters,
        "trainable_parameters": total.trainable_parameters,
        "macs": total.macs,
        "activation": variant.activation,
        "squeeze_excite": any(block.se_channels for block in arch.blocks),
        "published_top1": variant.published.top1,
        "published_top5": variant.published.top5,
    }


def _row(record: dict[str, Any], variant: Variant) -> list[str]:
    published = variant.published
    return [
        record["id"],
        str(record["resolution_px"]),
        short_count(record["parameters"]),
        short_count(record["macs"]),
        "-" if published.macs is None else f"{published.macs / 1e9:g} G",
        record["activation"],
        "yes" if record["squeeze_excite"] else "no",
        "-" if published.top1 is None else f"{published.top1:.1f}",
        "-" if published.top5 is None else f"{published.top5:.1f}",
    ]
