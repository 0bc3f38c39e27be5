"""`edge-effnet list --target edgetpu`."""

from __future__ import annotations

import json

import jsonschema

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema
from edge_effnet.variants import VARIANTS


def test_predicted_estimated_and_published_stand_apart(capsys):
    """A part each; where nothing was published there is nothing."""
    assert run(["list", "--target", "edgetpu", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    jsonschema.validate(records, read_schema("edgetpu-list"))
    assert [record["id"] for record in records] == list(VARIANTS)
    by_id = {record["id"]: record for record in records}
    assert len(by_id["edgetpu-s"]["published"]["latency"]) == 5
    assert by_id["b0"]["published"]["latency"] == []
    assert by_id["lite0"]["published"]["int8_top1"] == 74.4
    assert by_id["lite0"]["predicted"]["risks"] == []
    assert "large MEAN" in by_id["b0"]["predicted"]["risks"]
    for record in records:
        slow, fast = record["estimate"]
        assert (slow["clock_mhz"], fast["clock_mhz"]) == (250, 500)
        assert fast["ms"] < slow["ms"]


def test_the_table_says_that_nothing_is_measured(capsys):
    """And how far estimates are off."""
    assert run(["list", "--target", "edgetpu"]) == 0
    out = capsys.readouterr().out
    assert "Nothing here is measured" in out
    assert "each model left out of its own fit" in out
    assert all(any(f" {name} " in line for line in out.splitlines()) for name in VARIANTS)


def test_an_unknown_target_is_refused(capsys):
    """With the one that there is."""
    assert run(["list", "--target", "gpu"]) == 2
    assert "edgetpu" in capsys.readouterr().err
