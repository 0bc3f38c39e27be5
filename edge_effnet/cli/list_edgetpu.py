"""`edge-effnet list --target edgetpu`: predicted, estimated and published figures of every variant, never in one column."""

from __future__ import annotations

from typing import Any

from edge_effnet.cli.console import print_json, print_lines, print_table

__all__ = ["list_for_edgetpu"]

_MIB = 2**20
_COLUMNS = (
    "model", "px", "fits px", "mapped", "cached MiB", "streamed MiB", "est. 500 MHz", "est. 250 MHz",
    "publ. 500 MHz", "publ. 250 MHz", "publ. top-1 %", "int8 %", "risks",
)  # fmt: skip


def list_for_edgetpu(*, as_json: bool) -> None:
    """Print the table, or the same as an array."""
    from edge_effnet.edgetpu.catalogue import catalogue
    from edge_effnet.edgetpu.validation import validation

    records = catalogue()
    if as_json:
        print_json(records)
        return
    title = "Variants on the Edge TPU, USB 3 (mapped, MiB and risks: predicted; est.: estimate in ms; publ.: published)"
    print_table(title, _COLUMNS, [_row(record) for record in records], left=(0, len(_COLUMNS) - 1))
    errors = validation()
    print_lines(
        f"Nothing here is measured. Estimates are off by {errors['median_abs_error_pct']:.0f} % (median) and at most"
        f" {errors['max_abs_error_pct']:.0f} % on {errors['rows']} published latencies, each model left out of its own fit.",
        "fits px: the largest resolution up to the variant's own at which its activations fit the chip's 3 MiB.",
        "Published latency is of the networks as their authors released them: edgetpu-s, -m and -l there do more work than here.",
        "next: edge-effnet edgetpu estimate --model lite0",
    )


def _row(record: dict[str, Any]) -> list[str]:
    predicted, published = record["predicted"], record["published"]
    estimates = {one["clock_mhz"]: one for one in record["estimate"]}
    return [
        record["id"],
        str(record["resolution_px"]),
        str(predicted["fits_px"]),
        f"{predicted['mapped_ops']}/{predicted['total_ops']}",
        f"{predicted['cached_bytes'] / _MIB:.2f}",
        f"{predicted['streamed_bytes'] / _MIB:.2f}",
        *(f"{estimates[clock]['ms']:.1f}" for clock in (500, 250)),
        *(_span([row["ms"] for row in published["latency"] if row["clock_mhz"] == clock and row["link"] == record["link"]])
          for clock in (500, 250)),
        "-" if published["top1"] is None else f"{published['top1']:.1f}",
        "-" if published["int8_top1"] is None else f"{published['int8_top1']:.1f}",
        ", ".join(predicted["risks"]) or "-",
    ]  # fmt: skip


def _span(values: list[float]) -> str:
    """Write the least and the most that was published."""
    if not values:
        return "-"
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"
