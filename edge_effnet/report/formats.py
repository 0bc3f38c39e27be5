"""Figures as text: few digits, the interval beside them, a dash with a reason where there is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ABSENT",
    "FORMATS",
    "between",
    "figure",
    "fixed",
    "megabytes",
    "microseconds",
    "millions",
    "milliseconds",
    "signed",
    "with_interval",
]

ABSENT: Final = "\u2013"
_MOST_DIGITS: Final = 6


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits, never in powers of ten below a million."""
    if value is None:
        return ABSENT
    if isinstance(value, int) or value == 0:
        return f"{value:,.0f}"
    magnitude = math.floor(math.log10(abs(value)))
    decimals = max(0, min(_MOST_DIGITS, digits - 1 - magnitude))
    return f"{value:,.{decimals}f}"


def fixed(value: float | None, decimals: int = 2) -> str:
    """Return a number with a fixed number of decimals."""
    return ABSENT if value is None else f"{value:,.{decimals}f}"


def signed(value: float | None, decimals: int = 2) -> str:
    """Return a difference with its sign; a minus sign is as wide as a plus, and nothing has none."""
    if value is None:
        return ABSENT
    rounded = round(value, decimals)
    return f"{rounded:+,.{decimals}f}".replace("-", "\u2212") if rounded else f"{0:.{decimals}f}"


def between(ci95: list[float] | None, write: Callable[[float], str] = figure) -> str:
    """Return an interval in brackets, or nothing where there is none."""
    return "" if ci95 is None else f"[{write(ci95[0])}, {write(ci95[1])}]"


def with_interval(value: float | None, ci95: list[float] | None, write: Callable[[Any], str] = figure) -> str:
    """Return a figure and its interval."""
    return f"{write(value)} {between(ci95, write)}".rstrip()


def milliseconds(value: float | None, ci95: list[float] | None = None) -> str:
    """Return a time with three significant digits, its interval with as many decimals."""
    if value is None:
        return ABSENT
    magnitude = math.floor(math.log10(value)) if value > 0 else 0
    decimals = max(0, min(4, 2 - magnitude))
    decimals += ci95 is not None and ci95[1] - ci95[0] < 2 * 10.0**-decimals
    return f"{value:,.{decimals}f} {between(ci95, lambda bound: f'{bound:,.{decimals}f}')}".rstrip()


def microseconds(value: float | None) -> str:
    """Return a time in ms from a thousand on, else in microseconds."""
    if value is None:
        return ABSENT
    return f"{figure(value / 1e3)} ms" if value >= 1e3 else f"{figure(value)} \u00b5s"


def megabytes(value: float | None) -> str:
    """Return bytes as MB of a million."""
    return ABSENT if value is None else f"{figure(value / 1e6)} MB"


def count(value: float | None) -> str:
    """Return a whole number with all its digits."""
    return ABSENT if value is None else f"{value:,.0f}"


def millions(value: float | None) -> str:
    """Return a count in millions."""
    return ABSENT if value is None else f"{figure(value / 1e6)} M"


def short_hash(value: str | None) -> str:
    """Return the first twelve digits of a hash."""
    return ABSENT if not value else value[:12]


FORMATS: Final[dict[str, Callable[..., str]]] = {
    "figure": figure,
    "fixed": fixed,
    "signed": signed,
    "between": between,
    "with_interval": with_interval,
    "ms": milliseconds,
    "mb": megabytes,
    "millions": millions,
    "count": count,
    "short": short_hash,
}
"""What the templates may call."""
