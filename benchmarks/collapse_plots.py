"""The two drawings of the guide, made from the record of `collapse.py`: plain SVG, the same bytes for the same record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.variants.svg import document, group, line, rect, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]

__all__ = ["PLOTS", "plot_blocks", "plot_channels"]

_STYLE: Final = (
    "text{font:11px sans-serif;fill:#22303c}.title{font-size:13px;font-weight:600}"
    ".axis{stroke:#9aa7b2;stroke-width:1}.grid{stroke:#dde3e8;stroke-width:1}"
)
_SERIES: Final = {
    "minmax-direct": ("#b3432b", "before (minmax-direct)"),
    "ptq": ("#5b7c99", "after (ptq)"),
    "qat": ("#0f9d70", "after (qat)"),
}
"""File -> the colour of its bars and its name in the legend."""

_LEFT, _TOP, _HEIGHT, _FOOT = 56.0, 56.0, 220.0, 64.0
_BAR, _GAP = 12.0, 12.0
_WIDE, _FILLED = 620.0, 0.7
"""Width of all channels together, and the share of it that is bars."""

_DB_STEP = 10
_TICKS = 8
_TALL = (1.0, 2.0, 5.0)


def plot_blocks(record: Record) -> str:
    """Draw the logit SQNR that each block alone leaves, before and after: taller is better."""
    files = {name: found for name, found in record["blocks"]["files"].items() if name in _SERIES}
    blocks = [row["name"] for row in next(iter(files.values()))["blocks"]]
    known = [
        row["alone_db"] for found in files.values() for row in found["blocks"] if row["alone_db"] is not None
    ]
    top = _DB_STEP * (int(max(known)) // _DB_STEP + 1)
    wide = len(files) * _BAR + _GAP
    width = _LEFT + wide * len(blocks) + _GAP
    parts = [_heading("Logit SQNR with one block in int8 and the rest in float, dB (taller is better)")]
    parts += [_level(_y(value, 0, top), width, f"{value}") for value in range(0, top + 1, _DB_STEP)]
    for place, block in enumerate(blocks):
        left = _LEFT + _GAP + place * wide
        for number, (name, found) in enumerate(files.items()):
            value = found["blocks"][place]["alone_db"]
            y = _y(max(0.0, top if value is None else value), 0, top)  # no noise at all: as tall as can be
            x = left + number * _BAR
            parts.append(rect(x, y, _BAR - 1, _TOP + _HEIGHT - y, fill=_SERIES[name][0]))
        parts.append(_turned(left + (wide - _GAP) / 2, block))
    parts.append(_legend([_SERIES[name] for name in files]))
    return document(width, _TOP + _HEIGHT + _FOOT, "Per-block SQNR before and after", _STYLE, *parts)


def plot_channels(record: Record) -> str:
    """Draw the range of every channel of the tensor that costs most, widest first, and where nearly all values lie."""
    found = record["cause"]
    channels, (low, high) = found["channels"], found["inner"]
    step = _tick(found["maximum"] - found["minimum"])
    bottom, top = step * (found["minimum"] // step), step * (found["maximum"] // step + 1)
    width, pitch = _LEFT + _WIDE + _GAP, _WIDE / len(channels)
    parts = [_heading(f"{found['tensor']}: smallest to largest value of each channel, widest first")]
    count = round((top - bottom) / step)
    parts += [
        _level(_y(bottom + place * step, bottom, top), width, f"{bottom + place * step:g}")
        for place in range(count + 1)
    ]
    y = _y(high, bottom, top)
    parts.append(rect(_LEFT, y, width - _LEFT - _GAP, _y(low, bottom, top) - y, fill="#f3d9a4"))
    for place, row in enumerate(channels):
        y = _y(row["maximum"], bottom, top)
        tall = max(1.0, _y(row["minimum"], bottom, top) - y)
        parts.append(rect(_LEFT + place * pitch, y, pitch * _FILLED, tall, fill="#5b7c99"))
    parts.append(_legend([("#f3d9a4", "99.9 % of all values"), ("#5b7c99", "one channel")]))
    words = f"{len(channels)} channels; one int8 range has to hold them all: {_range(found)}"
    parts.append(text(_LEFT, _TOP + _HEIGHT + 18, words))
    return document(width, _TOP + _HEIGHT + 30, "Ranges of the channels of one tensor", _STYLE, *parts)


def _range(found: Record) -> str:
    """Return the range of a tensor in words."""
    return f"{found['minimum']:.0f} to {found['maximum']:.0f}"


def _tick(span: float) -> float:
    """Return a round step that cuts a span into at most `_TICKS` pieces."""
    size = 1e-3
    while True:
        for factor in _TALL:
            if span / (factor * size) <= _TICKS:
                return factor * size
        size *= 10


def _y(value: float, bottom: float, top: float) -> float:
    return _TOP + _HEIGHT * (top - value) / (top - bottom)


def _heading(words: str) -> str:
    return text(_LEFT, 18, words, class_="title")


def _level(y: float, width: float, words: str) -> str:
    """Draw a horizontal line with its value."""
    return group(
        line(_LEFT, y, width - _GAP, y, class_="grid"), text(_LEFT - 6, y + 4, words, text_anchor="end")
    )


def _turned(x: float, words: str) -> str:
    y = _TOP + _HEIGHT + 12
    return text(x, y, words, text_anchor="end", transform=f"rotate(-50 {x:.1f} {y:.1f})")


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    parts, x = [], _LEFT
    for colour, words in entries:
        parts += [rect(x, 30, 11, 11, fill=colour), text(x + 16, 40, words)]
        x += 34 + 6.2 * len(words)
    return group(*parts)


PLOTS: Final = {"collapse_blocks.svg": plot_blocks, "collapse_channels.svg": plot_channels}
"""File in docs/images -> what draws it."""
