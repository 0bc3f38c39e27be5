"""The drawings of a profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from edge_effnet.bench.profile_plot import MISSING, NO_RATES, NO_TIMES, draw_profile, plot_paths
from edge_effnet.errors import OutputExistsError

pytest.importorskip("matplotlib", reason="the extra edge-effnet[plots] is not installed")

_SVG = "{http://www.w3.org/2000/svg}"


def _operator(name: str, block: str | None, part: str, us: float, gmacs: float | None) -> dict[str, Any]:
    return {
        "name": name, "block": block, "part": part, "kind": f"{part} kind", "us": us, "instructions": 1000,
        "gmacs_per_s": gmacs, "intensity": 4.0 if gmacs else 0.0, "share_of_peak": gmacs and gmacs / 200, "int8": True,
    }  # fmt: skip


def _record(**changes: Any) -> dict[str, Any]:
    return {
        "model": "folder/b<0>.tflite",
        "engine": "xnnpack",
        "target": "local",
        "threads": 1,
        "timing": "measured",
        "peak": {"int8_gmacs_per_s": 200.0, "float32_gmacs_per_s": None, "gbytes_per_s": 25.0, "cached_gbytes_per_s": 99.0},
        "operators": [
            _operator("stem_conv", "stem", "stem", 100.0, 60.0),
            _operator("block1a_dwconv", "block1a", "depthwise", 250.0, 18.0),
            _operator("block1a_add", "block1a", "add", 5.0, None),
        ],
        **changes,
    }  # fmt: skip


def _words(path: Path) -> list[str]:
    root = ET.fromstring(path.read_text())  # noqa: S314 - written a moment ago
    return ["".join(node.itertext()).strip() for node in root.iter(f"{_SVG}text")]


def test_both_drawings_are_svgs_with_a_role_a_title_and_a_description(tmp_path: Path) -> None:
    """For those who do not see them; special characters of a file's name do no harm."""
    paths = plot_paths(tmp_path, Path("folder/b0.tflite"))
    assert draw_profile(_record(), paths) == (["blocks", "roofline"], [])
    for path, says in ((paths["blocks"], "block1a 255"), (paths["roofline"], "int8 peak 200 GMAC/s")):
        root = ET.fromstring(path.read_text())  # noqa: S314 - written a moment ago
        assert root.get("role") == "img"
        assert [child.tag for child in root][:2] == [f"{_SVG}title", f"{_SVG}desc"]
        assert len(root.findall(f"{_SVG}title")) == 1
        assert "b<0>.tflite" in str(root[0].text)
        assert says in str(root[1].text)
        assert "<script" not in path.read_text()


def test_names_from_outside_can_hold_anything(tmp_path: Path) -> None:
    """Dollars are no formulas, control characters are no XML, tags are text."""
    name = "$\\frac$ \x01\x1b <script>alert(1)</script>"
    operators = [{**row, "block": None, "kind": name, "name": name} for row in _record()["operators"]]
    paths = plot_paths(tmp_path, Path("m.tflite"))
    draw_profile(_record(operators=operators, model=f"folder/{name[:8]}.tflite"), paths)
    for path in paths.values():
        ET.fromstring(path.read_text())  # noqa: S314 - written a moment ago
        assert "<script" not in path.read_text()
    assert any("$" in word for word in _words(paths["blocks"]))


def test_the_bars_are_the_blocks_in_network_order(tmp_path: Path) -> None:
    """With a legend of the parts that are there."""
    paths = plot_paths(tmp_path, Path("b0.tflite"))
    draw_profile(_record(), paths)
    words = _words(paths["blocks"])
    assert words.index("stem") < words.index("block1a")
    assert {"depthwise", "add", "part"} <= set(words)
    assert "swish" not in words


def test_without_blocks_the_bars_are_the_kinds(tmp_path: Path) -> None:
    """For files whose names tell nothing."""
    operators = [{**row, "block": None} for row in _record()["operators"]]
    paths = plot_paths(tmp_path, Path("m.tflite"))
    draw_profile(_record(operators=operators), paths)
    assert "depthwise kind" in _words(paths["blocks"])


def test_instructions_are_drawn_where_there_are_no_times(tmp_path: Path) -> None:
    """And no roofline, with the reason."""
    operators = [{**row, "us": None, "gmacs_per_s": None} for row in _record()["operators"]]
    paths = plot_paths(tmp_path, Path("m.tflite"))
    record = _record(operators=operators, timing="none")
    assert draw_profile(record, paths) == (["blocks"], [NO_TIMES])
    assert "million instructions" in _words(paths["blocks"])
    assert not paths["roofline"].exists()


def test_without_a_rate_there_is_no_roofline(tmp_path: Path) -> None:
    """A network whose operators are all shorter than the clock's reach."""
    operators = [{**row, "gmacs_per_s": None} for row in _record()["operators"]]
    paths = plot_paths(tmp_path, Path("m.tflite"))
    assert draw_profile(_record(operators=operators), paths) == (["blocks"], [NO_RATES])


def test_a_drawing_is_not_overwritten(tmp_path: Path) -> None:
    """Unless that was asked for; the same figures give the same file."""
    paths = plot_paths(tmp_path, Path("m.tflite"))
    draw_profile(_record(), paths)
    before = {kind: path.read_bytes() for kind, path in paths.items()}
    with pytest.raises(OutputExistsError):
        draw_profile(_record(), paths)
    draw_profile(_record(), paths, force=True)
    assert {kind: path.read_bytes() for kind, path in paths.items()} == before


def test_without_matplotlib_a_note_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `plots`."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert draw_profile(_record(), plot_paths(tmp_path, Path("m.tflite"))) == ([], [MISSING])
