"""The drawing of one or several variants side by side, as one self-contained SVG.

Each variant is a column, each stage a row at the same height in every column, and each part of a block has
its own place in the row, so that what one variant has and another lacks is a gap that the eye finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_effnet.variants.parts import column
from edge_effnet.variants.svg import ICONS, TIMES, document, group, icon, line, path, rect, tag, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_effnet.variants.cost import Cost
    from edge_effnet.variants.parts import Column, Part, Row
    from edge_effnet.variants.spec import Architecture

__all__ = ["draw"]

_MARGIN, _GUTTER, _COLUMN, _COLUMN_GAP = 24, 84, 480, 36
_HEADER, _BOX, _ROW = 152, 132, 176
_LEGEND_LINE, _LEGEND_ENTRY = 28, 270
_SLOT, _FIRST_SLOT = 112, 66
"""Distance of the four places of parts, and the centre of the first from the box's left edge."""
_ARROW = 40
"""Where the arrow to the next stage starts, from the box's left edge."""
_YELLOW = "#fef3c7"

_STYLE = """
text { font-family: "DejaVu Sans", Verdana, Helvetica, Arial, sans-serif; fill: #1e293b; font-size: 11px }
.name { font-size: 26px; font-weight: bold }
.sub { font-size: 13px; fill: #475569 }
.title { font-size: 14px; font-weight: bold }
.small { font-size: 10px; fill: #475569 }
.what { fill: #64748b }
.middle { text-anchor: middle }
.end { text-anchor: end }
.differs { fill: #b91c1c; font-weight: bold }
.wire { stroke: #94a3b8; fill: none; stroke-width: 2 }
.arrow { stroke: #64748b; fill: none; stroke-width: 2 }
"""


def draw(entries: Sequence[tuple[Architecture, Cost]]) -> str:
    """Draw architectures side by side; what differs between them is marked.

    Args:
        entries: Each architecture with its `cost`.

    Returns:
        The text of an SVG file.
    """
    count = max(len(total.stages) for _, total in entries)
    columns = [column(arch, total, count) for arch, total in entries]
    width = _left(len(columns)) - _COLUMN_GAP + _MARGIN
    foot = _HEADER + count * _ROW
    legend = list(_legend(foot, width, compared=len(columns) > 1))
    pieces = [
        rect(0, 0, width, foot + len(legend) * _LEGEND_LINE + _MARGIN, fill="#f8fafc"),
        *(_gutter(columns, index, width) for index in range(count)),
        *(_header(columns, place) for place in range(len(columns))),
        *(_cell(columns, place, index) for index in range(count) for place in range(len(columns))),
        *legend,
    ]
    title = "Architecture of " + " beside ".join(one.name for one in columns)
    return document(width, foot + len(legend) * _LEGEND_LINE + _MARGIN, title, _STYLE, *pieces)


def _left(place: int) -> int:
    """Return the left edge of a column."""
    return _MARGIN + _GUTTER + place * (_COLUMN + _COLUMN_GAP)


def _top(index: int) -> int:
    """Return the upper edge of a row's boxes."""
    return _HEADER + index * _ROW


def _classes(classes: str, own: object, others: Sequence[object]) -> str:
    """Add the class of what differs to ``classes`` where another variant's value is not the own one."""
    return f"{classes} differs".strip() if any(other != own for other in others) else classes


def _header(columns: list[Column], place: int) -> str:
    left, own = _left(place), columns[place]
    pieces = [text(left, _MARGIN + 22, own.name, class_="name")]
    for number, facts in enumerate(own.facts):
        spans = [
            tag(
                "tspan",
                fact,
                class_=_classes("fact", fact, [other.facts[number][index] for other in columns]),
            )
            for index, fact in enumerate(facts)
        ]
        pieces.append(tag("text", ", ".join(spans), x=left, y=_MARGIN + 48 + 20 * number, class_="sub"))
    picture = _classes("", own.picture, [other.picture for other in columns])
    pieces += _arrow(left, _HEADER - 36, _HEADER)
    pieces.append(text(left + _ARROW + 16, _HEADER - 14, own.picture, class_=picture))
    return group(*pieces)


def _gutter(columns: list[Column], index: int, width: float) -> str:
    """Draw a row's name, and its band where the variants are built differently there."""
    top, rows = _top(index), [one.rows[index] for one in columns]
    pieces: list[str] = []
    if len({str(row and row.build) for row in rows}) > 1:
        pieces.append(rect(_MARGIN / 2, top - 10, width - _MARGIN, _BOX + 26, rx=10, fill=_YELLOW))
    place = _place(index, len(columns[0].rows))
    is_body = place not in {"stem", "head"}
    pieces.append(text(_MARGIN, top + 24, f"stage {index + 1}" if is_body else place, class_="title"))
    if is_body:
        pieces.append(text(_MARGIN, top + 42, f"{place}a, ...", class_="small"))
    return group(*pieces, class_="row")


def _place(index: int, count: int) -> str:
    """Return the name of a row: ``stem``, ``block1`` and so on as in the layers' names, ``head``."""
    return {0: "stem", count - 1: "head"}.get(index, f"block{index}")


def _cell(columns: list[Column], place: int, index: int) -> str:
    """Draw one stage of one variant, or the way past a row that it does not have."""
    own, left, top = columns[place], _left(place), _top(index)
    row = own.rows[index]
    if row is None:
        return group(*_arrow(left, top - 2, top + _ROW))
    rows = [other for one in columns if (other := one.rows[index]) is not None]
    pieces = [*_boxes(row, rows, left, top), *_wire(row, left, top + 74)]
    pieces += [_part(part, rows, left, top + 74) for part in row.parts]
    pieces += _output(row, rows, left, top, following=own.rows[index + 1 : index + 2])
    return group(*pieces, id=f"{own.name}-{place + 1}-{_place(index, len(own.rows))}", class_="stage")


def _boxes(row: Row, rows: list[Row], left: float, top: float) -> Iterator[str]:
    """Draw the box, with others behind it for the repeats, and its title line."""
    for behind in range(min(row.repeats, 3) - 1, -1, -1):
        yield rect(
            left + 6 * behind, top + 5 * behind, _COLUMN - 12, _BOX, rx=8, fill="#ffffff", stroke="#cbd5e1"
        )
    titles, repeats = [other.title for other in rows], [other.repeats for other in rows]
    yield text(left + 14, top + 24, row.title, class_=_classes("title", row.title, titles))
    right = left + _COLUMN - 26
    yield text(right, top + 24, f"{TIMES} {row.repeats}", class_=_classes("title end", row.repeats, repeats))
    for x, what, share in ((142, "params", row.parameters_share), (278, "MACs", row.macs_share)):
        yield rect(left + x, top + 14, 36, 9, rx=2, fill="#e2e8f0")
        yield rect(left + x, top + 14, max(36 * share, 1), 9, rx=2, fill="#64748b")
        words = f"{share * 100:.1f} % {what}" if share >= 0.001 else f"< 0.1 % {what}"
        yield text(left + x + 42, top + 23, words, class_="small")


def _wire(row: Row, left: float, middle: float) -> Iterator[str]:
    """Draw the line on which the parts stand, and the way around them where a block adds its input."""
    start, end = left + 12, left + _COLUMN - 24
    yield line(start, middle, end, middle, class_="wire")
    if not row.skip:
        return
    x, y, centre = end - 12, middle - 30, left + _COLUMN / 2 - 6
    yield path(
        "M", start + 3, middle, "V", y + 6, "Q", start + 3, y, start + 9, y, "H", x - 6, "Q", x, y, x, y + 6,
        "V", middle - 7, class_="wire", stroke_dasharray="5 3",
    )  # fmt: skip
    yield tag("circle", cx=x, cy=middle, r=7, class_="arrow", fill="#ffffff", style="fill: #ffffff")
    yield path("M", x - 4, middle, "H", x + 4, "M", x, middle - 4, "V", middle + 4, class_="arrow")
    words_width = 7 * len(row.skip)
    yield rect(centre - words_width / 2, y - 7, words_width, 14, fill="#ffffff")
    yield text(centre, y + 4, row.skip, class_="small middle")


def _part(part: Part, rows: list[Row], left: float, middle: float) -> str:
    """Draw an icon with its name and figures, marked where another variant has another part in its place."""
    others = [{one.slot: one for one in row.parts}.get(part.slot) for row in rows]
    whats = [other and other.what for other in others]
    figures = [other and other.figures for other in others]
    centre = left + _FIRST_SLOT + _SLOT * (part.slot + (part.slots - 1) / 2)
    return group(
        icon(part.kind, centre, middle, width=40 + _SLOT * (part.slots - 1), cells=part.cells),
        text(centre, middle + 33, part.what, class_=_classes("what middle", part.what, whats)),
        text(centre, middle + 47, part.figures, class_=_classes("middle", part.figures, figures)),
    )


def _output(
    row: Row, rows: list[Row], left: float, top: float, *, following: Sequence[Row | None]
) -> Iterator[str]:
    """Write the shape that the stage gives, beside the arrow to the row that follows, if one does."""
    bottom = top + _BOX
    for other in following:
        yield from _arrow(left, bottom + 5 * (min(row.repeats, 3) - 1), top + _ROW, ends=other is not None)
    differs = _classes("", row.output, [other.output for other in rows])
    yield text(left + _ARROW + 16, bottom + 29, row.output, class_=differs)


def _arrow(left: float, start: float, end: float, *, ends: bool = True) -> Iterator[str]:
    """Draw an arrow downwards, or only its shaft where it goes on in the next row."""
    x = left + _ARROW
    yield line(x, start, x, end - 2, class_="arrow")
    if ends:
        yield path("M", x - 5, end - 8, "L", x, end - 1, "L", x + 5, end - 8, class_="arrow")


def _legend(top: float, width: float, *, compared: bool) -> Iterator[str]:
    """Draw the legend in as many lines as it needs."""
    entries = [
        (group(icon(kind, 0, 0), transform="scale(0.5)"), words, "") for kind, (_, words) in ICONS.items()
    ]
    if compared:
        entries.append(
            (
                rect(-10, -8, 20, 16, rx=3, fill=_YELLOW, stroke="#e2e8f0"),
                "yellow: other parts or repeats",
                "",
            )
        )
        entries.append(("", "red: other figures", "differs"))
    per_line = int((width - 2 * _MARGIN) // _LEGEND_ENTRY)
    for number in range(0, len(entries), per_line):
        y = top + (number // per_line + 0.5) * _LEGEND_LINE
        pieces = [
            group(
                mark,
                text(18, 4, words, class_=kind),
                transform=f"translate({_MARGIN + 10 + place * _LEGEND_ENTRY} {y})",
            )
            for place, (mark, words, kind) in enumerate(entries[number : number + per_line])
        ]
        yield group(*pieces, class_="legend")
    note = "Figures are those of a stage's first block; its other blocks have stride 1."
    yield text(
        _MARGIN, top + (-(-len(entries) // per_line) + 0.5) * _LEGEND_LINE + 4, note, class_="legend what"
    )
