"""The profile of whole networks at their own size, made with random weights: joined without a gap, and the parts are the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_effnet.bench.plan import Plan
from edge_effnet.bench.profile import profile_file
from edge_effnet.cli.main import run
from edge_effnet.inspect import read_model
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

QUICK = ["--weights", "random", "--recipe", "ranges", "--calibration-samples", "4"]


@pytest.mark.parametrize(
    ("words", "engine"),
    [
        (["b0", "--int8", *QUICK], "xnnpack"),
        (["lite0", "--int8", *QUICK], "xnnpack"),
        (["lite0", "--int8", *QUICK], "builtin"),
        (["lite0", "--int8", *QUICK], "reference"),
        (["v2-b0", "--int8", *QUICK], "xnnpack"),
        (["b0", "--precision", "float32", "--weights", "random"], "xnnpack"),
    ],
)
def test_the_parts_of_a_network_are_the_whole(
    words: list[str], engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sum and whole from one run, within 10 % (three attempts at most, all recorded); every operator has its block."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    path = tmp_path / "model.tflite"
    assert run(["convert", "--model", *words, "-o", str(path)]) == 0
    capsys.readouterr()
    record = profile_file(path, engine, "local", Plan(min_runs=20, min_seconds=2), Silent())
    assert record["fits"], record["attempts"]
    places = sorted(place for row in record["operators"] for place in row["op_indices"])
    assert places == [operator.index for operator in read_model(path).main.operators]
    strange = [row for row in record["operators"] if row["reason"]]
    assert all(row["kernel"] == "Static Reshape (NC)" for row in strange)
    assert all(row["block"] or row["op"] == "SUB" for row in record["operators"])
    assert {"stem", "expand", "depthwise", "project", "add", "head"} <= {
        row["name"] for row in record["parts"]
    }
