"""docs/edgetpu-estimate.md: every figure in its tables is what the package computes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "edgetpu-estimate.md"

sys.path.insert(0, str(ROOT / "benchmarks"))

import edgetpu_page  # noqa: E402


@pytest.mark.parametrize("name", ["errors", "constants", "variants"])
def test_the_tables_are_those_of_the_package(name: str):
    """`python benchmarks/edgetpu_page.py` would change nothing."""
    text = PAGE.read_text(encoding="utf-8")
    found = text.split(f"<!-- {name}: begin -->\n")[1].split(f"\n<!-- {name}: end -->")[0]
    assert found == getattr(edgetpu_page, name)()


def test_the_shipped_structure_is_documented_with_its_own_error():
    """The first row of the comparison is the median and the worst of the table above it."""
    text = PAGE.read_text(encoding="utf-8")
    total = next(line for line in text.splitlines() if line.startswith("| **all rows**")).split(" | ")
    shipped = next(line for line in text.splitlines() if "(shipped)" in line).split(" | ")
    assert (shipped[1], shipped[3].rstrip(" |")) == (total[2], total[3].rstrip(" |"))
