"""Records of earlier releases lack keys: what is missing is shown as missing, and nothing breaks."""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

from report import records
from report.test_render import everything

from edge_effnet.errors import DataError
from edge_effnet.report import (
    OUTPUTS,
    collect,
    compare_document,
    parse_gate,
    render_compare,
    report_document,
)
from edge_effnet.report.gates import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EVERY = int(os.environ.get("EDGE_EFFNET_EVERY_KEY", "7"))
"""Of all keys of all records every so many is taken away, one at a time; 1 takes them all (a minute)."""


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all keys; of arrays only those in the first item."""
    items = (
        value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    )
    for key, item in items:
        if isinstance(value, dict):
            yield (*place, key)
        yield from _places(item, (*place, key))


def _without(record: dict[str, Any], place: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(record)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    return changed


_RECORDS = everything()
_CASES = [(kind, place) for kind, record in _RECORDS.items() for place in _places(record)][::_EVERY]


def test_any_key_may_be_missing(tmp_path: Path) -> None:
    """Every file of the report is made, every gate is judged, and the comparison with the whole record too."""
    gates = [parse_gate(f"{name}>1") for name in FIGURES]
    whole = collect([records.save(tmp_path / "whole", **_RECORDS)])
    path = tmp_path / "part" / "record.json"
    path.parent.mkdir()
    refused, broken = 0, []
    for kind, place in _CASES:
        path.write_text(json.dumps(_without(_RECORDS[kind], place)), encoding="utf-8")
        try:
            part = collect([path])
        except DataError:
            refused += len(place) > 1  # without one of the keys that tell its kind it is no record
            continue
        document = report_document(part, gates)
        try:
            texts = [render(document) for render in OUTPUTS.values()]
            texts.append(render_compare(compare_document(part, whole, ("a", "b"))))
            assert all(texts)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is named with the key that was missing
            broken.append(f"{kind} without {place}: {error!r}")
    assert broken == []
    assert refused == 0
    assert len(_CASES) > 50
