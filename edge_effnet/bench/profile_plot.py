"""A profile as two SVGs: a stacked bar for each block, and the roofline with every operator that multiplies."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import write_bytes
from edge_effnet.bench.operators import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["MISSING", "draw_profile", "plot_paths"]

MISSING: Final = "no plots: matplotlib is not installed (pip install 'edge-effnet[plots]')"
NO_TIMES: Final = "no roofline: an emulated core has no times"
NO_RATES: Final = "no roofline: no operator is long enough for a rate"

_LOOKS: Final = dict(
    zip(
        PARTS,
        (
            ("#000000", "P"), ("#0072b2", "o"), ("#d55e00", "^"), ("#f0e442", "X"), ("#cc79a7", "D"),
            ("#56b4e9", "s"), ("#009e73", "v"), ("#e69f00", "*"), ("#999999", "h"),
        ),
        strict=True,
    )
)  # fmt: skip
"""Part -> (colour, marker), so that colour is not alone in telling them apart.

References:
    Okabe, Ito, Color Universal Design (2008): colours that the colour-blind tell apart.
"""

_STYLE: Final = {"svg.hashsalt": "edge-effnet", "svg.fonttype": "none", "font.family": "sans-serif"}
"""The same figures give the same file, and its words are text."""

_LARGEST: Final = 5
_SPAN: Final = 3.0
"""How far the roofline's axes reach beyond what is on them, as a factor."""


def plot_paths(folder: Path, model: Path) -> dict[str, Path]:
    """Return the files that `draw_profile` writes."""
    return {kind: folder / f"{model.stem}.{kind}.svg" for kind in ("blocks", "roofline")}


def draw_profile(
    record: dict[str, Any], paths: dict[str, Path], *, force: bool = False
) -> tuple[list[str], list[str]]:
    """Draw a profile.

    Args:
        record: What `profile_file` returns.
        paths: Of the two pictures, see `plot_paths`.
        force: Whether files that are there may be overwritten.

    Returns:
        The kinds of pictures that were drawn, and notes on what was not.

    Raises:
        OutputExistsError: A file is there and ``force`` is false.
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        return [], [MISSING]
    with rc_context(_STYLE):
        _save(paths["blocks"], record, _draw_blocks, force=force)
        if record["timing"] != "measured":
            return ["blocks"], [NO_TIMES]
        if not _points(record):
            return ["blocks"], [NO_RATES]
        _save(paths["roofline"], record, _draw_roofline, force=force)
    return ["blocks", "roofline"], []


def _save(
    path: Path, record: dict[str, Any], draw: Callable[[Any, dict[str, Any]], tuple[str, str]], *, force: bool
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    title, text = draw(figure.subplots(), record)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_bytes(path, _described(buffer.getvalue(), title, text).encode(), force=force)


def _described(svg: str, title: str, text: str) -> str:
    """Give the picture a role, and words for those who do not see it."""
    words = f"<title>{escape(title)}</title>\n <desc>{escape(text)}</desc>"
    return re.sub(r"<svg ([^>]*)>", lambda tag: f'<svg role="img" {tag[1]}>\n {words}', svg, count=1)


def _headline(record: dict[str, Any], what: str) -> str:
    name = _clean(record["model"].replace("\\", "/").rpartition("/")[2])
    threads = f"{record['threads']} thread{'s' if record['threads'] > 1 else ''}"
    return f"{what}: {name}, {record['engine']}, {threads}, {record['target']}"


def _clean(text: str) -> str:
    """Return text from outside without what XML does not allow."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _draw_blocks(axes: Any, record: dict[str, Any]) -> tuple[str, str]:
    """Draw one bar a block, or one a kind where the names tell no blocks; return title and description."""
    timed = record["timing"] == "measured"
    key, unit, factor = ("us", "µs", 1.0) if timed else ("instructions", "million instructions", 1e-6)
    by_block = any(row["block"] for row in record["operators"])
    bars = _bars(record, "block" if by_block else "kind", key)
    names = list(bars)
    base = dict.fromkeys(names, 0.0)
    for part in PARTS:
        heights = {name: factor * bars[name].get(part, 0.0) for name in names}
        if any(heights.values()):
            axes.bar(
                names, list(heights.values()), bottom=list(base.values()), label=part, color=_LOOKS[part][0],
                edgecolor="white", linewidth=0.5,
            )  # fmt: skip
        base = {name: base[name] + heights[name] for name in names}
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        fontsize=9,
        parse_math=False,
    )
    axes.set_ylabel(unit)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        title="part", frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0), reverse=True
    )
    title = _headline(record, "Where the time goes" if timed else "Where the instructions go")
    whole = sum(base.values())
    axes.set_title(f"{title}: {whole:,.0f} {unit}", fontsize=10, loc="left", parse_math=False)
    largest = sorted(base, key=lambda name: -base[name])[:_LARGEST]
    told = ", ".join(f"{name} {base[name]:.0f} {unit} ({100 * base[name] / whole:.0f} %)" for name in largest)
    return title, f"Stacked bars by part, in network order. Largest: {told}."


def _bars(record: dict[str, Any], by: str, key: str) -> dict[str, dict[str, float]]:
    """Return name of a bar -> part -> height; bars without height are left out."""
    found: dict[str, dict[str, float]] = {}
    for row in record["operators"]:
        parts = found.setdefault(_clean(row[by] or "(no block)"), {})
        parts[row["part"]] = parts.get(row["part"], 0.0) + (row[key] or 0.0)
    return {name: parts for name, parts in found.items() if sum(parts.values()) > 0}


def _points(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in record["operators"] if row["gmacs_per_s"] and row["intensity"]]


def _draw_roofline(axes: Any, record: dict[str, Any]) -> tuple[str, str]:
    """Draw the roofs and an operator's mark at its intensity and rate, its area by its time."""
    points, peak = _points(record), record["peak"]
    longest = max(row["us"] for row in points)
    for part in PARTS:
        rows = [row for row in points if row["part"] == part]
        if rows:
            colour, marker = _LOOKS[part]
            axes.scatter(
                [row["intensity"] for row in rows], [row["gmacs_per_s"] for row in rows],
                s=[20 + 180 * row["us"] / longest for row in rows], c=colour, marker=marker, alpha=0.75,
                edgecolors="black", linewidths=0.4, label=part, zorder=3,
            )  # fmt: skip
    low = min(row["intensity"] for row in points) / _SPAN
    high = max(row["intensity"] for row in points) * _SPAN
    tops = [
        (name, peak[f"{name}_gmacs_per_s"])
        for name in ("int8", "float32")
        if peak[f"{name}_gmacs_per_s"] and any(row["int8"] == (name == "int8") for row in points)
    ]
    for name, top in tops:
        axes.plot([low, high], [top, top], color="black", linewidth=1.2)
        axes.annotate(f" {name} peak {top:.0f} GMAC/s", (low, top), ha="left", va="bottom", fontsize=9)
    ceiling = max((top for _, top in tops), default=max(row["gmacs_per_s"] for row in points))
    _draw_slope(axes, peak["gbytes_per_s"], ("memory", "-", 4.0), low, ceiling)
    _draw_slope(axes, peak["cached_gbytes_per_s"], ("cache", "--", 1.5), low, ceiling)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(min(row["gmacs_per_s"] for row in points) / _SPAN, ceiling * _SPAN)
    axes.set_xlabel("arithmetic intensity, multiply-accumulates per byte")
    axes.set_ylabel("GMAC/s")
    axes.grid(which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(title="part", frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    title = _headline(record, "Roofline")
    axes.set_title(title, fontsize=10, loc="left", parse_math=False)
    roofs = "; ".join(f"{name} peak {top:.0f} GMAC/s" for name, top in tops)
    told = "; ".join(
        f"{_clean(row['name'])} {row['share_of_peak'] * 100:.0f} % of peak"
        for row in sorted(points, key=lambda row: -row["us"])[:_LARGEST]
        if row["share_of_peak"]
    )
    return title, (
        f"Measured roofs: {roofs}; memory {peak['gbytes_per_s']:.0f} GB/s; caches"
        f" {peak['cached_gbytes_per_s']:.0f} GB/s. Marks: {len(points)} operators. The longest: {told}."
    )


def _draw_slope(
    axes: Any, bandwidth: float, look: tuple[str, str, float], low: float, ceiling: float
) -> None:
    """Draw the most that an intensity can reach at a bandwidth, up to the highest peak.

    Args:
        axes: Where.
        bandwidth: 1e9 bytes per second.
        look: Name, line style, and how far below the peak the name stands, as a factor.
        low: Where the horizontal axis begins.
        ceiling: The highest peak.
    """
    name, style, share = look
    ridge = ceiling / bandwidth
    axes.plot(
        [min(low, ridge), ridge], [bandwidth * min(low, ridge), ceiling], style, color="black", linewidth=1.2
    )
    height = ceiling / share
    axes.annotate(
        f"{name} {bandwidth:.0f} GB/s", (height / bandwidth, height), xytext=(-6, 0), textcoords="offset points",
        ha="right", va="center", fontsize=9,
    )  # fmt: skip
