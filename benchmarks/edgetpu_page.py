"""Write the tables of ``docs/edgetpu-estimate.md`` from the shipped fit and the variant table: ``python benchmarks/edgetpu_page.py``.

Nothing is measured: the same package gives the same tables, and a test holds the page to them.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edge_effnet.edgetpu.catalogue import catalogue
from edge_effnet.edgetpu.estimate import constants_for
from edge_effnet.edgetpu.validation import held_out, ratio_interval, validation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = Path(__file__).resolve().parent.parent / "docs" / "edgetpu-estimate.md"
MIB = 2**20


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def errors() -> str:
    """Return the errors by model, over all rows and by link."""
    found = validation()
    rows = [
        [
            one["model"],
            str(one["rows"]),
            f"{one['median_abs_error_pct']:.1f}",
            f"{one['max_abs_error_pct']:.1f}",
        ]
        for one in found["models"]
    ]
    all_rows = held_out()
    for name, own in (
        ("rows at USB 3", [row for row in all_rows if row.link == "usb3" and row.fitted]),
        ("rows at USB 3 of a Raspberry Pi 4", [row for row in all_rows if not row.fitted]),
        ("rows at USB 2", [row for row in all_rows if row.link == "usb2"]),
        ("rows on PCIe", [row for row in all_rows if row.link == "pcie"]),
        ("rows at 250 MHz", [row for row in all_rows if row.clock_mhz == 250]),
        ("**all rows**", list(all_rows)),
    ):
        off = [abs(row.error_pct) for row in own]
        rows.append([name, str(len(own)), f"{median(off):.1f}", f"{max(off):.1f}"])
    return table(("left out", "rows", "median error %", "worst %"), rows)


def constants() -> str:
    """Return the constants of all rows."""
    found = constants_for()
    low, high = ratio_interval()
    return table(
        ("constant", "value"),
        [
            ["cycles per step of a convolution", f"{found.conv_cycles:.2f}"],
            ["cycles per step of a depthwise convolution", f"{found.depthwise_cycles:.2f}"],
            ["activation bytes per cycle, all tiles", f"{found.activation_bytes_per_cycle:.1f}"],
            ["every inference, ms", f"{found.invoke_ms:.2f}"],
            ["program per convolution or dense layer, bytes", f"{found.instruction_bytes:,.0f}"],
            ["trips of a spilled activation byte", f"{found.spill_trips:.2f}"],
            *([f"{link}, MB/s", f"{speed:.0f}"] for link, speed in found.link_mb_per_s.items()),
            ["interval, share of the estimate", f"{low:.2f} to {high:.2f}"],
        ],
    )


def variants() -> str:
    """Return what is predicted and estimated for every variant."""
    rows = []
    for record in catalogue():
        predicted = record["predicted"]
        slow, fast = record["estimate"]
        operators = ", ".join(f"{name} {count}" for name, count in predicted["operators"].items())
        rows.append(
            [
                record["id"],
                f"{predicted['mapped_ops']} of {predicted['total_ops']}",
                f"{predicted['cached_bytes'] / MIB:.2f} + {predicted['streamed_bytes'] / MIB:.2f}",
                f"{predicted['activation_bytes'] / MIB:.1f}",
                str(predicted["fits_px"]),
                f"{fast['ms']:.1f} ({fast['low_ms']:.1f} to {fast['high_ms']:.1f})",
                f"{slow['ms']:.1f}",
                ", ".join(predicted["risks"]) or "none known",
                operators,
            ]
        )
    head = (
        "variant",
        "mapped",
        "parameters MiB, cached + streamed",
        "activations MiB",
        "fits px",
        "estimate ms, 500 MHz",
        "250 MHz",
        "risks",
        "operators",
    )
    return table(head, rows)


def main() -> None:
    """Put each table between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, content in (("errors", errors()), ("constants", constants()), ("variants", variants())):
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}{content}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
