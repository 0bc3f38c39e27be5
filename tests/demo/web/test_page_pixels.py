"""The page's preprocessing: byte by byte what `edge_effnet.images` makes of the same frame."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from demo.web import page_modules

from edge_effnet.images import preprocess_array
from edge_effnet.preprocessing import RESAMPLE_NAMES, Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = page_modules.NEEDS_NODE

_RANDOM = np.random.default_rng(11)
_CAMERAS = [(640, 480, 224), (1280, 720, 224), (480, 640, 224), (1080, 1920, 240), (299, 299, 299)]
"""Width, height and the model's side."""


def _cases(count: int) -> list[tuple[int, int, Preprocessing]]:
    """Return sizes that cameras have, and random ones: enlarged, reduced, wide, tall, one pixel thin."""
    found = [(width, height, Preprocessing(size)) for width, height, size in _CAMERAS]
    for number in range(count):
        width, height = (int(size) for size in _RANDOM.integers(1, 260, 2))
        crop = float(_RANDOM.choice([1.0, 0.875, 0.5, round(_RANDOM.uniform(0.05, 1.0), 3)]))
        resample = RESAMPLE_NAMES[number % len(RESAMPLE_NAMES)]
        found.append((width, height, Preprocessing(int(_RANDOM.integers(1, 160)), crop, resample)))
    return found


def _in_javascript(folder: Path, cases: list[tuple[int, int, Preprocessing]]) -> list[dict[str, Any]]:
    records = []
    for number, (width, height, preprocessing) in enumerate(cases):
        frame = _frame(number, width, height)
        (folder / f"{number}.rgb").write_bytes(frame.tobytes())
        records.append({"name": str(number), "width": width, "height": height})
        records[-1]["preprocessing"] = preprocessing.to_record()
    (folder / "cases.json").write_text(json.dumps(records))
    return list(page_modules.run("page_pixels.mjs", folder))


def _frame(number: int, width: int, height: int) -> Any:
    """Return noise, and every third time black and white only: the filters overshoot most there."""
    frame = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return (frame > 127).astype(np.uint8) * 255 if number % 3 == 0 else frame


def test_every_filter_gives_pillows_bytes_at_any_size(tmp_path: Path) -> None:
    """No pixel differs, not by one: the sums are the same integers."""
    cases = _cases(150)
    answers = _in_javascript(tmp_path, cases)
    wrong = []
    for number, (width, height, preprocessing) in enumerate(cases):
        wanted = preprocess_array(_frame(number, width, height), preprocessing)
        found = np.frombuffer((tmp_path / f"{number}.out").read_bytes(), np.uint8).reshape(wanted.shape)
        if not np.array_equal(found, wanted):
            wrong.append((width, height, preprocessing.id, int((found != wanted).sum())))
    assert wrong == []
    assert len(answers) == len(cases)
    print(json.dumps([(cases[i][:2], round(a["ms"], 2)) for i, a in enumerate(answers[:5])]))
