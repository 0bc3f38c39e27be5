"""The two plots of the page: latency against accuracy, and the roofline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from edge_effnet.report.formats import figure, milliseconds, with_interval
from edge_effnet.report.latency import condition_of
from edge_effnet.report.svg import Axis, drawing, element, frame, linear_axis, log_axis

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["fronts", "letter", "pareto", "roofline"]

_MODELS: Final = 40
"""Points in one plot; what is beyond is in the table only."""

_RADIUS: Final = 5.0


def letter(index: int) -> str:
    """Return A to Z, then A2 to Z2 and so on."""
    round_, place = divmod(index, 26)
    return chr(ord("A") + place) + (str(round_ + 1) if round_ else "")


def fronts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, per condition, the models with a measured latency and an accuracy, fastest first.

    A model is on the front where no other under the same condition is both faster and at least as accurate.
    """
    models = {model["key"]: model for model in document["models"]}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in document["latency"]:
        accuracy = models[row["model"]]["accuracy"]
        if row["timing"] == "measured" and row["median_ms"] is not None and accuracy:
            device = row["device"].get("cpu") or row["device"].get("machine") or "unknown device"
            point = {"name": row["name"], "row": row, "accuracy": accuracy}
            groups.setdefault(f"{condition_of(row)}, {device}", []).append(point)
    out = []
    for condition, points in groups.items():
        ranked = sorted(points, key=lambda point: (point["row"]["median_ms"], -point["accuracy"]["top1"]))
        best = -1.0
        for index, point in enumerate(ranked):
            point |= {"letter": letter(index), "front": point["accuracy"]["top1"] > best}
            best = max(best, point["accuracy"]["top1"])
        out.append({"condition": condition, "points": ranked})
    return sorted(out, key=lambda group: -len(group["points"]))


def pareto(group: dict[str, Any], identifier: str) -> Markup:
    """Draw one condition of `fronts`."""
    points = group["points"][:_MODELS]
    x = linear_axis(*_extent((p["row"]["median_ms"], p["row"]["ci95_ms"]) for p in points), least=0)
    y = linear_axis(
        *_extent((p["accuracy"]["top1"], p["accuracy"]["top1_ci95"]) for p in points), least=0, most=100
    )
    described = "; ".join(
        f"{p['letter']} {p['name']}: {milliseconds(p['row']['median_ms'], p['row']['ci95_ms'])} ms, "
        f"top-1 {with_interval(p['accuracy']['top1'], p['accuracy']['top1_ci95'])} %"
        for p in points
    )
    content = [frame(x, y, "median latency, ms (left is faster)", "top-1, %"), _staircase(points, x, y)]
    content += [_point(point, x, y) for point in points]
    title = f"Top-1 accuracy against median latency on {group['condition']}"
    return drawing(identifier, title, f"{described}. Bars are 95 % intervals.", Markup("").join(content))


def _extent(values: Iterable[tuple[float, list[float] | None]]) -> tuple[float, float]:
    bounds = [bound for value, ci95 in values for bound in (value, *(ci95 or ()))]
    return min(bounds), max(bounds)


def _staircase(points: list[dict[str, Any]], x: Axis, y: Axis) -> Markup:
    """Draw what no model beats: to the right and down from each model of the front."""
    front = [(x.x(p["row"]["median_ms"]), y.y(p["accuracy"]["top1"])) for p in points if p["front"]]
    path = f"M{front[0][0]:.1f} {front[0][1]:.1f}" + "".join(
        f"H{left:.1f}V{top:.1f}" for left, top in front[1:]
    )
    return element("path", class_="front", d=f"{path}H{x.x(x.high):.1f}")


def _point(point: dict[str, Any], x: Axis, y: Axis) -> Markup:
    left, top = x.x(point["row"]["median_ms"]), y.y(point["accuracy"]["top1"])
    parts = []
    if point["row"]["ci95_ms"]:
        low, high = map(x.x, point["row"]["ci95_ms"])
        parts.append(element("line", class_="bar", x1=low, x2=high, y1=top, y2=top))
    if point["accuracy"]["top1_ci95"]:
        low, high = map(y.y, point["accuracy"]["top1_ci95"])
        parts.append(element("line", class_="bar", x1=left, x2=left, y1=low, y2=high))
    parts.append(element("circle", class_="on" if point["front"] else "off", cx=left, cy=top, r=_RADIUS))
    parts.append(element("text", point["letter"], class_="name", x=left + 8, y=top - 7))
    return Markup("").join(parts)


def roofline(profile: dict[str, Any], identifier: str) -> Markup | None:
    """Draw each kind of operator under the roof of the machine, or None where nothing can be placed."""
    peak = profile["peak"]
    compute, memory, cached = peak["gmacs_per_s"], peak["gbytes_per_s"], peak["cached_gbytes_per_s"]
    kinds = [kind for kind in profile["kinds"] if kind["gmacs_per_s"] and kind["macs_per_byte"]]
    if not kinds or not compute or not memory:
        return None
    reach = [kind["macs_per_byte"] for kind in kinds] + [compute / memory]
    x = log_axis(min(reach) / 1.5, max(reach) * 2)
    y = log_axis(min([kind["gmacs_per_s"] for kind in kinds] + [compute]) / 1.2, compute * 1.2)
    content = [
        frame(x, y, "multiply-adds per byte moved (right needs less memory)", "GMAC/s"),
        *([_roof(compute, cached, x, y, "roof cached")] if cached else []),
        _roof(compute, memory, x, y, "roof"),
    ]
    named = [(letter(index), kind) for index, kind in enumerate(profile["kinds"]) if kind in kinds]
    content += [_kind_point(kind, x, y) for _, kind in named]
    content += [_kind_name(kind, name, x, y) for name, kind in named]  # above all circles
    described = "; ".join(
        f"{kind['name']}: {figure(kind['gmacs_per_s'])} GMAC/s at {figure(kind['macs_per_byte'])} per byte, "
        f"{figure(kind['roof_percent'], 2)} % of the roof"
        for kind in kinds
    )
    title = f"Roofline of {profile['name']}: measured peak {figure(compute)} GMAC/s, {figure(memory)} GB/s"
    return drawing(identifier, title, described, Markup("").join(content))


def _roof(compute: float, memory: float, x: Axis, y: Axis, style: str) -> Markup:
    """Draw the slope of a bandwidth, from where it comes into the plot, up to the flat roof of the arithmetic."""
    start = min(max(x.low, y.low / memory), x.high)
    corner = min(max(compute / memory, x.low), x.high)
    path = (
        f"M{x.x(start):.1f} {y.y(min(compute, memory * start)):.1f}"
        f"L{x.x(corner):.1f} {y.y(min(compute, memory * corner)):.1f}H{x.x(x.high):.1f}"
    )
    return element("path", class_=style, d=path)


def _radius(kind: dict[str, Any]) -> float:
    """Return the radius of a circle whose area is the share of the time."""
    return max(3.0, 2.6 * math.sqrt(kind["percent"]))


def _kind_point(kind: dict[str, Any], x: Axis, y: Axis) -> Markup:
    place = {"cx": x.x(kind["macs_per_byte"]), "cy": y.y(kind["gmacs_per_s"])}
    return element("circle", class_="on", r=_radius(kind), **place)


def _kind_name(kind: dict[str, Any], name: str, x: Axis, y: Axis) -> Markup:
    left, top = x.x(kind["macs_per_byte"]), y.y(kind["gmacs_per_s"])
    return element("text", name, class_="name", x=left + _radius(kind) + 3, y=top + 4)
