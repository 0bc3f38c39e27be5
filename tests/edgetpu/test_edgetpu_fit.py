"""benchmarks/fit_edgetpu_latency.py gives what is shipped, from the published table and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="the fit needs scipy")

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import fit_edgetpu_latency as fitting  # noqa: E402

from edge_effnet.edgetpu.estimate import Constants, fitted, layer_times, total_ms  # noqa: E402
from edge_effnet.edgetpu.validation import published_layers  # noqa: E402


def test_the_fit_and_the_command_compute_the_same_time():
    """Two ways of writing the same sum, for every published row."""
    features = {model: fitting.Features(model) for model in {row["model"] for row in fitted()["rows"]}}
    for row in fitted()["rows"]:
        times = layer_times(
            published_layers(row["model"]),
            Constants(**fitting.as_constants(fitting.START)),
            clock_mhz=row["clock_mhz"],
            link=row["link"],
        )
        assert total_ms(times) == pytest.approx(
            fitting.predicted(fitting.slowest, fitting.START, row, features)
        )


def test_the_shipped_constants_come_out_again(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Within half a percent, for another scipy may stop elsewhere."""
    table = shared / "facts" / "edgetpu_published_latency.csv"
    if not table.exists():
        pytest.skip(f"{table} is absent")
    output = tmp_path / "latency.json"
    monkeypatch.setattr(sys, "argv", ["fit", str(table), "-o", str(output)])
    fitting.main()
    again, shipped = json.loads(output.read_text(encoding="utf-8")), fitted()
    assert again["rows"] == shipped["rows"]
    assert again["without"].keys() == shipped["without"].keys()
    for name, value in shipped["constants"].items():
        assert again["constants"][name] == pytest.approx(value, rel=0.005)


def test_a_row_left_out_does_not_move_its_own_fit(shared: Path):
    """Ten times the latency of EfficientNet-EdgeTPU-S, and its own constants stay as they are."""
    table = shared / "facts" / "edgetpu_published_latency.csv"
    if not table.exists():
        pytest.skip(f"{table} is absent")
    rows = [
        row
        for row in fitting.rows_of(table)
        if row["model"] in {"edgetpu-s", "mobilenet-v1", "vgg-16", "inception-v4"}
    ]
    wrong = [{**row, "ms": row["ms"] * (10 if row["model"] == "edgetpu-s" else 1)} for row in rows]
    features = {model: fitting.Features(model) for model in {row["model"] for row in rows}}
    before, after = (fitting.left_out(fitting.slowest, some, features) for some in (rows, wrong))
    assert after["edgetpu-s"] == before["edgetpu-s"]
    assert after["vgg-16"] != before["vgg-16"]
