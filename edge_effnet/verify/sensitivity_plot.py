"""The sensitivity of the blocks as one SVG: bars in the order in which the blocks run, each with its rank."""

from __future__ import annotations

import io
import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.verify.figures import BlockSensitivity

__all__ = ["MISSING", "draw_sensitivity"]

MISSING: Final = "no plot of the sensitivity: matplotlib is not installed (pip install 'edge-effnet[plots]')"

_WORST = 3
_COLOURS: Final = ("#5b7c99", "#b3432b")
"""Of a bar, and of one of the worst; the ranks say the same without colour."""

_INCHES_PER_BAR, _MARGIN_INCHES, _HEIGHT_INCHES = 0.5, 1.6, 4.2
_STYLE: Final = {"svg.hashsalt": "edge-effnet", "svg.fonttype": "none", "font.family": "sans-serif"}
"""The same figures give the same file, and its words are text."""


def draw_sensitivity(
    rows: Sequence[BlockSensitivity], path: Path, *, title: str, force: bool = False
) -> str | None:
    """Draw what each block costs alone.

    Args:
        rows: At least one block, in the order in which they run.
        path: The SVG file.
        title: What was measured.
        force: Whether a file that is there may be overwritten.

    Returns:
        None, or a note that says why there is no plot.

    Raises:
        OutputExistsError: The file is there and ``force`` is false.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return MISSING
    size = (_MARGIN_INCHES + _INCHES_PER_BAR * len(rows), _HEIGHT_INCHES)
    buffer = io.StringIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        _draw_bars(figure.subplots(), rows, title)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": title})
    write_bytes(path, _described(buffer.getvalue(), rows, title).encode(), force=force)
    return None


def _draw_bars(axes: Any, rows: Sequence[BlockSensitivity], title: str) -> None:
    """Draw the noise in the logits as a share of their power, which adds up where decibels do not."""
    shares = [row.noise_percent for row in rows]
    colours = [_COLOURS[row.rank <= _WORST] for row in rows]
    bars = axes.bar(range(len(rows)), shares, color=colours)
    axes.bar_label(bars, [f"{row.rank}." for row in rows], padding=2, fontsize=9)
    axes.set_xticks(
        range(len(rows)), [row.name for row in rows], rotation=60, ha="right", rotation_mode="anchor"
    )
    axes.set_ylabel("noise in the logits, % of their power")
    axes.set_title(title, fontsize=10)
    axes.set_xlim(-0.7, len(rows) - 0.3)
    axes.margins(y=0.12)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _described(svg: str, rows: Sequence[BlockSensitivity], title: str) -> str:
    """Give the picture a role and a text for those who do not see it."""
    worst = sorted(rows, key=lambda row: row.rank)[:_WORST]
    parts = [f"{row.name} {row.noise_percent:.2g} %{_decibels(row.sqnr_db)}" for row in worst]
    text = f"{title}. Bars in network order, labelled with the rank. Most noise: {', '.join(parts)}."
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(text)}" ', 1)


def _decibels(value: float) -> str:
    return f" ({value:.1f} dB)" if math.isfinite(value) else ""
