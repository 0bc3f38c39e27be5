"""`edge-effnet list`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from edge_effnet.cli.main import run
from edge_effnet.variants.table import VARIANTS

FIELDS = {
    "id", "family", "resolution_px", "parameters", "trainable_parameters", "macs", "activation",
    "squeeze_excite", "published_top1", "published_top5",
}  # fmt: skip
START = "from edge_effnet.cli.main import run; import sys; code = run(sys.argv[1:])"


def test_json_is_one_array_with_the_fixed_fields(capsys):
    """Scripts rely on these names."""
    assert run(["list", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["id"] for record in records] == list(VARIANTS)
    assert all(set(record) == FIELDS for record in records)
    b0 = records[0]
    assert (b0["parameters"], b0["macs"], b0["squeeze_excite"], b0["published_top1"]) == (
        5_330_571,
        385_814_752,
        True,
        77.1,
    )
    assert [record["published_top5"] for record in records if record["id"] == "lite0"] == [None]


def test_the_table_shows_published_beside_counted_multiply_adds(capsys):
    """A row for each variant, whole, whatever the width of the terminal."""
    assert run(["list"]) == 0
    out = capsys.readouterr().out
    b4 = next(line for line in out.splitlines() if " b4 " in line)
    assert "4.39 G" in b4
    assert "4.2 G" in b4
    assert all(any(f" {name} " in line for line in out.splitlines()) for name in VARIANTS)
    assert "next: edge-effnet info" in out


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--json"], ["info", "b0"], ["info", "b0", "b7", "--json"]]
)
def test_the_answer_comes_in_half_a_second(arguments):
    """Start included: the best of three runs, by the clock or, on a busy machine, by processor time."""
    assert min(_seconds(arguments) for _ in range(3)) < 0.5


@pytest.mark.parametrize("arguments", [["list"], ["info", "b0"], ["info", "--help"]])
def test_no_heavy_library_is_imported(arguments):
    """The table alone answers."""
    heavy = "sorted({'tensorflow', 'tf_keras', 'numpy', 'PIL', 'ai_edge_litert'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{START}; print({heavy}, file=sys.stderr)", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.strip() == "[]"


def _seconds(arguments: list[str]) -> float:
    """Return the wall time of a run, or its processor time where other work made it wait longer than that."""
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", START, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return min(wall, spent)
