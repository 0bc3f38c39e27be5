"""A comparison as a page and as cells of a table."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.formats import ABSENT, between, figure, fixed, megabytes, milliseconds, signed
from edge_effnet.report.render_html import template

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["change_texts", "render_compare"]


def _plain(value: Any) -> str:
    if value is None:
        return ABSENT
    return (
        f"{value:,}" if isinstance(value, int) else figure(value) if isinstance(value, float) else str(value)
    )


_WRITE: Final[dict[str, Callable[[Any], str]]] = {
    "ms": lambda value: f"{milliseconds(value)} ms",
    "bytes": megabytes,
    "%": lambda value: f"{fixed(value)} %",
    "MACs": lambda value: f"{figure(value / 1e6)} M",
}
"""Unit -> how a figure of it is written; figures of other units are written with all their digits."""


def change_texts(change: dict[str, Any]) -> dict[str, str]:
    """Return ``a``, ``b`` and ``change`` of one change as text."""
    write = _WRITE.get(change["unit"], _plain)
    relative, ci95 = change["relative"], change["ci95"]
    if change["verdict"] == "same":
        said = "0"
    elif relative is not None and not change["exact"]:
        said = f"\u00d7 {relative:.3f} {between(ci95, lambda bound: f'{bound:.3f}')}".rstrip()
    elif change["group"] == "accuracy":
        said = f"{signed(change['change'])} points {between(ci95, signed)}"
    elif relative is not None:
        said = f"{signed(100 * (relative - 1))} %"
    else:
        said = ABSENT if change["change"] is None else signed(change["change"], 0)
    return {"a": write(change["a"]), "b": write(change["b"]), "change": said}


def render_compare(document: dict[str, Any]) -> str:
    """Return the page of a comparison.

    Args:
        document: Of `compare_document`.
    """
    changes = [change | {"texts": change_texts(change)} for change in document["changes"]]
    groups = [(model, list(items)) for model, items in groupby(changes, key=lambda change: change["model"])]
    verdicts = {change["verdict"] for change in changes}
    return template(
        "compare.html",
        title=f"{document['a']['name']} against {document['b']['name']}",
        doc=document,
        groups=groups,
        worse="worse" in verdicts,
        better="better" in verdicts,
    )
