"""A few lines of SVG: axes with round ticks, and elements whose text is always escaped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

__all__ = ["HEIGHT", "WIDTH", "Axis", "drawing", "element", "frame", "linear_axis", "log_axis", "number"]

WIDTH: Final = 640
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 18, 52
"""Margins around the plot, in units of the drawing."""

_STEPS: Final = (1, 2, 5, 10)
_TICKS: Final = 5


@dataclass(frozen=True)
class Axis:
    """One axis: values ``low`` to ``high``, with ticks; ``log`` takes both as powers of ten."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies between both ends, 0 to 1; what is beyond is put at the end."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        place = math.log10(max(value, self.low)) if self.log else value
        return min(1.0, max(0.0, (place - low) / (high - low)))

    def x(self, value: float) -> float:
        """Return the horizontal place of a value."""
        return LEFT + self.share(value) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical place of a value."""
        return HEIGHT - BOTTOM - self.share(value) * (HEIGHT - TOP - BOTTOM)


def linear_axis(low: float, high: float, *, least: float = -math.inf, most: float = math.inf) -> Axis:
    """Return an axis with room around ``low`` to ``high`` (but within ``least`` to ``most``) and round ticks."""
    room = 0.08 * (high - low) or max(abs(high), 1.0) * 0.05
    low, high = max(least, low - room), min(most, high + room)
    raw = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step * power for step in _STEPS if step * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return Axis(low, high, tuple((first + index) * step for index in range(count)))


def log_axis(low: float, high: float) -> Axis:
    """Return an axis of whole powers of ten around two positive values."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    return Axis(10.0**first, 10.0**last, tuple(10.0**power for power in range(first, last + 1)), log=True)


def number(value: float) -> str:
    """Return a tick's label."""
    return f"{value:g}" if abs(value) < 1e5 else f"{value:.0e}"


def element(name: str, content: str | Markup = "", /, **attributes: object) -> Markup:
    """Return an element; ``class_`` is ``class``, underscores are hyphens, and everything is escaped."""
    words = (
        f'{key.rstrip("_").replace("_", "-")}="{escape(f"{value:.1f}" if isinstance(value, float) else value)}"'
        for key, value in attributes.items()
    )
    return Markup("<{0} {1}>{2}</{0}>").format(name, Markup(" ".join(words)), content)  # noqa: S704 - escaped above


def frame(x: Axis, y: Axis, x_label: str, y_label: str) -> Markup:
    """Return grid, tick labels and axis titles."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in x.ticks:
        parts.append(element("line", class_="grid", x1=x.x(value), x2=x.x(value), y1=TOP, y2=bottom))
        parts.append(element("text", number(value), x=x.x(value), y=bottom + 18, text_anchor="middle"))
    for value in y.ticks:
        parts.append(element("line", class_="grid", x1=LEFT, x2=right, y1=y.y(value), y2=y.y(value)))
        parts.append(element("text", number(value), x=LEFT - 8, y=y.y(value) + 4, text_anchor="end"))
    parts += [
        element("text", x_label, class_="label", x=(LEFT + right) / 2, y=HEIGHT - 10, text_anchor="middle"),
        element("text", y_label, class_="label", transform=f"translate(15 {(TOP + bottom) / 2}) rotate(-90)", text_anchor="middle"),
    ]  # fmt: skip
    return Markup("").join(parts)


def drawing(identifier: str, title: str, description: str, content: Markup) -> Markup:
    """Return a whole drawing with a title and a description for those who do not see it."""
    names = f"{identifier}-title {identifier}-desc"
    inside = Markup("{}{}{}").format(
        element("title", title, id=f"{identifier}-title"),
        element("desc", description, id=f"{identifier}-desc"),
        content,
    )
    return element(
        "svg", inside, class_="chart", role="img", aria_labelledby=names, viewBox=f"0 0 {WIDTH} {HEIGHT}"
    )
