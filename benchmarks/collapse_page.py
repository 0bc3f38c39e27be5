"""The tables of the guide, made from the record of `collapse.py` and put between the guide's markers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Record = Mapping[str, Any]

__all__ = ["TABLES", "fill_page", "markers_of", "tables_of"]

_MARKED: Final = re.compile(r"(<!-- collapse:(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FILES: Final = {"minmax-direct": "before", "ptq": "after", "qat": "qat"}
"""File -> what the columns of the blocks call it."""

_SHOWN_TENSORS: Final = 5


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is words, the others are numbers."""
    ruler = ["---", *("---:" for _ in header[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, ruler, *rows))


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _drop(row: Record) -> str:
    low, high = row["ci95"]
    return f"{row['drop_top1']:.2f} [{low:.2f}, {high:.2f}]"


def _symptom(record: Record) -> str:
    ladder = {row["name"]: row for row in record["ladder"]}
    first = ladder["minmax"]
    rows = [["float32", _number(first["float_top1"], 2), "", ""]]
    names = {"minmax": "int8, `minmax`", "ptq": "int8, `ptq`", "qat": "int8, `qat`"}
    rows += [
        [words, _number(ladder[name]["top1"], 2), _drop(ladder[name]), _number(ladder[name]["agreement"], 2)]
        for name, words in names.items()
        if name in ladder
    ]
    top1 = f"top-1 %, n = {first['n']}"
    return _table(["network", top1, "drop, points [95 %]", "same first class as float, %"], rows)


def _cause(record: Record) -> str:
    found = record["cause"]
    low, high = found["inner"]
    before, after = found["step_before"], float(np.median(found["steps_after"]))
    span = 2 * found["bend"]
    rows = [
        ["tensor", f"`{found['tensor']}`"],
        ["channels", str(len(found["channels"]))],
        ["smallest and largest value", f"{found['minimum']:.1f} to {found['maximum']:.1f}"],
        ["99.9 % of the values lie in", f"{low:.1f} to {high:.1f}"],
        ["`minmax-direct`: one int8 step", _number(before, 3)],
        [f"`minmax-direct`: steps from -{found['bend']:g} to {found['bend']:g}", _number(span / before)],
        ["`ptq`: one int8 step, median channel", _number(after, 3)],
        [f"`ptq`: steps from -{found['bend']:g} to {found['bend']:g}, median channel", _number(span / after)],
    ]
    return _table([f"{found['n']} calibration pictures", ""], rows)


def _channels(record: Record) -> str:
    """Show the widest channels, and the one in the middle."""
    found = record["cause"]
    channels = found["channels"]
    shown = [*channels[: found["widest"]], channels[len(channels) // 2]]
    names = [*(f"{place}. widest" for place in range(1, len(shown))), "median"]
    rows = [
        [
            name,
            str(row["channel"]),
            _number(row["minimum"]),
            _number(row["maximum"]),
            _number(row["factor"], 2),
        ]
        for name, row in zip(names, shown, strict=True)
    ]
    return _table(["by width", "channel", "smallest", "largest", "divided by, in `ptq`"], rows)


def _tensors(record: Record) -> str:
    rows = [
        [f"`{row['name']}`", _number(row["sqnr_db"]), _number(row["agreement"])]
        for row in record["cause"]["tensors"][:_SHOWN_TENSORS]
    ]
    count = record["cause"]["tensors"][0]["n"]
    return _table(["rounded alone", f"logit SQNR dB, n = {count}", "agreement %"], rows)


def _kinds(record: Record) -> str:
    rows = [
        [row["name"], str(row["tensors"]), _number(row["sqnr_db"]), _number(row["agreement"])]
        for row in record["kinds"]
    ]
    count = record["kinds"][0]["n"]
    return _table(["rounded", "activations", f"logit SQNR dB, n = {count}", "agreement %"], rows)


def _blocks(record: Record) -> str:
    files = {name: found for name, found in record["blocks"]["files"].items() if name in _FILES}
    some = next(iter(files.values()))
    header = ["block"]
    header += [f"alone, {_FILES[name]}" for name in files] + [f"output, {_FILES[name]}" for name in files]
    rows = []
    for place, block in enumerate(some["blocks"]):
        found = [file["blocks"][place] for file in files.values()]
        figures = [one[key] for key in ("alone_db", "output_db") for one in found]
        rows.append([f"`{block['name']}`", *(_number(figure) for figure in figures)])
    whole = [_number(file["sqnr_db"]) for file in files.values()]
    rows.append([f"logits of the file, n = {some['n']}", *("" for _ in files), *whole])
    return _table(header, rows)


def _ladder(record: Record) -> str:
    rows = [
        [
            f"`{row['name']}`",
            _number(row["top1"], 2),
            _drop(row),
            _number(row["agreement"], 2),
            _number(row["sqnr_db"]),
            _number(row["seconds"], 0),
            _number(row["processor_seconds"], 0),
        ]
        for row in record["ladder"]
    ]
    count = record["ladder"][0]["n"]
    header = [
        "recipe",
        f"top-1 %, n = {count}",
        "drop, points [95 %]",
        "agreement %",
        "logit SQNR dB",
        "seconds",
        "of processor",
    ]
    return _table(header, rows)


def _trials(record: Record) -> str:
    rows = [[row["name"], _number(row["sqnr_db"]), _number(row["agreement"])] for row in record["trials"]]
    return _table(["tried", f"logit SQNR dB, n = {record['trials'][0]['n']}", "agreement %"], rows)


def _ties(record: Record) -> str:
    found = record["ties"]
    row = [
        "pictures on which two classes tie for the first place",
        f"{_number(found['percent'])} % of {found['n']}",
    ]
    return _table(["float network, probabilities in steps of 1/256", ""], [row])


def _conditions(record: Record) -> str:
    known = record["conditions"]
    used, machine = known["calibration"], known["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items())
    rows = [
        ["network", f"{known['model']} at {known['resolution_px']} px, `{known['weights']['file']}`"],
        ["sha256 of the weights", f"`{known['weights']['sha256'][:16]}`"],
        [
            "calibration",
            f"{used['count']} of `{used['id']}`, seed {known['seed']}, sha256 `{used['sha256'][:16]}`",
        ],
        ["held out of the same folder", str(known["held_out"])],
        ["labelled", f"{known['labelled']['n']} of `{known['labelled']['folder']}`"],
        [
            "of them for the blocks",
            f"{record['blocks']['n']}; alone {_first(record)['sensitivity_n']}, output {_first(record)['layers_n']}",
        ],
        ["machine", f"{machine['processor']}, {machine['cores']} cores, load {machine['load_average']}"],
        ["versions", versions],
    ]
    return _table(["what", "which"], rows)


def _first(record: Record) -> Record:
    files: dict[str, Record] = record["blocks"]["files"]
    return next(iter(files.values()))


TABLES: Final[dict[str, Callable[[Record], str]]] = {
    "symptom": _symptom,
    "tensors": _tensors,
    "cause": _cause,
    "channels": _channels,
    "kinds": _kinds,
    "blocks": _blocks,
    "ladder": _ladder,
    "trials": _trials,
    "ties": _ties,
    "conditions": _conditions,
}
"""Marker -> the table that stands behind it."""


def markers_of(page: str) -> list[str]:
    """Return the names of the markers of a page, in order."""
    return [name for _, name, _ in _MARKED.findall(page)]


def tables_of(page: str) -> dict[str, str]:
    """Return what stands between the markers of a page."""
    return {match[2]: match[0][len(match[1]) : -len(match[3])] for match in _MARKED.finditer(page)}


def fill_page(page: str, record: Record) -> str:
    """Return a page with all its tables made anew.

    Raises:
        ValueError: A marker is missing, there twice, or unknown.
    """
    if sorted(markers_of(page)) != sorted(TABLES):
        raise ValueError(f"markers {sorted(markers_of(page))}, wanted each of {sorted(TABLES)} once")
    return _MARKED.sub(lambda match: f"{match[1]}{TABLES[match[2]](record)}{match[3]}", page)
