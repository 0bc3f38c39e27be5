"""Small functions that each return one piece of SVG as text; the icons of the drawing are here too."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

__all__ = ["ICONS", "TIMES", "document", "group", "icon", "line", "path", "rect", "tag", "text"]

TIMES = "\N{MULTIPLICATION SIGN}"

_ICON_HEIGHT = 34

ICONS: dict[str, tuple[str, str]] = {
    "expand": ("#2f6fdd", f"expand: 1{TIMES}1, more channels"),
    "depthwise": ("#0f9d70", f"depthwise: k{TIMES}k, channel by channel"),
    "conv": ("#e08a00", f"k{TIMES}k convolution"),
    "se": ("#7c4ddb", "squeeze-excite: a gate per channel"),
    "project": ("#5b6b82", f"project: 1{TIMES}1, fewer channels"),
    "pool": ("#0891b2", "average pool"),
    "dense": ("#cf3a5d", "dense"),
}
"""Kind of part -> its colour and what it is."""


def tag(name: str, content: str = "", **attributes: Any) -> str:
    """Return an element; ``content`` is markup, an underscore in an attribute's name stands for a dash."""
    written = "".join(
        f" {key.strip('_').replace('_', '-')}={quoteattr(str(value))}" for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def rect(x: float, y: float, width: float, height: float, **attributes: Any) -> str:
    """Return a rectangle."""
    return tag("rect", x=_short(x), y=_short(y), width=_short(width), height=_short(height), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: Any) -> str:
    """Return a straight line."""
    return tag("line", x1=_short(x1), y1=_short(y1), x2=_short(x2), y2=_short(y2), **attributes)


def path(*steps: str | float, **attributes: Any) -> str:
    """Return a path; ``steps`` are its letters and numbers."""
    return tag(
        "path", d=" ".join(one if isinstance(one, str) else _short(one) for one in steps), **attributes
    )


def text(x: float, y: float, words: str, **attributes: Any) -> str:
    """Return a line of text, with ``y`` at its baseline."""
    return tag("text", escape(words), x=_short(x), y=_short(y), **attributes)


def group(*children: str, **attributes: Any) -> str:
    """Return a group."""
    return tag("g", "\n".join(children), **attributes)


def document(width: float, height: float, title: str, style: str, *children: str) -> str:
    """Return a whole file, which needs nothing outside itself."""
    body = "\n".join((tag("title", escape(title)), tag("style", escape(style)), *children))
    size = {
        "viewBox": f"0 0 {_short(width)} {_short(height)}",
        "width": _short(width),
        "height": _short(height),
    }
    root = tag("svg", f"\n{body}\n", xmlns="http://www.w3.org/2000/svg", role="img", **size)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n'


def icon(kind: str, centre_x: float, centre_y: float, *, width: float = 40, cells: int = 3) -> str:
    """Draw a part: a trapezoid for a 1x1 convolution, a grid for a kernel, an hourglass for a gate.

    Args:
        kind: A key of `ICONS`.
        centre_x: Its centre.
        centre_y: Likewise.
        width: Of the icon.
        cells: Side of the kernel, drawn as a grid.
    """
    colour = ICONS[kind][0]
    left, right, half = centre_x - width / 2, centre_x + width / 2, _ICON_HEIGHT / 2
    if kind in {"depthwise", "conv"}:
        return _grid(left, centre_y - half, width, colour, cells, hollow=kind == "depthwise")
    if kind == "dense":
        return tag("circle", cx=_short(centre_x), cy=_short(centre_y), r=half, fill=colour)
    # Share of the full height at the left side, in the middle and at the right side.
    shares = {
        "expand": (0.4, 0.7, 1.0),
        "project": (1.0, 0.7, 0.4),
        "se": (1.0, 0.16, 1.0),
        "pool": (1.0, 0.55, 0.1),
    }
    first, middle, last = (half * share for share in shares[kind])
    return path(
        "M", left, centre_y - first, "L", centre_x, centre_y - middle, "L", right, centre_y - last,
        "L", right, centre_y + last, "L", centre_x, centre_y + middle, "L", left, centre_y + first, "Z",
        fill=colour,
    )  # fmt: skip


def _grid(left: float, top: float, width: float, colour: str, cells: int, *, hollow: bool) -> str:
    """Draw a kernel: only outlined where every channel has its own."""
    fill = "#ffffff" if hollow else colour
    box = rect(left, top, width, _ICON_HEIGHT, rx=3, fill=fill, stroke=colour, stroke_width=2)
    pen = {"stroke": colour if hollow else "#ffffff", "stroke_width": 1.2}
    inner: list[str] = []
    for index in range(1, cells):
        x, y = left + width * index / cells, top + _ICON_HEIGHT * index / cells
        inner += [line(x, top, x, top + _ICON_HEIGHT, **pen), line(left, y, left + width, y, **pen)]
    return group(box, *inner)


def _short(number: float) -> str:
    """Return a coordinate without a needless tail."""
    return f"{number:.1f}".removesuffix(".0")
