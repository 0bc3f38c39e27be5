"""docs/arm64.md says what its record says, and what the code does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_effnet.runtimes.arm64.cores import CORES
from edge_effnet.runtimes.arm64.counts import STOPS
from edge_effnet.runtimes.arm64.locked import read_lock

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "benchmarks"))

import arm64_equality  # noqa: E402 - the path is set above


@pytest.fixture(scope="module")
def page() -> str:
    """The page's text."""
    return (ROOT / "docs/arm64.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """What was measured."""
    found: dict[str, Any] = json.loads((ROOT / "docs/data/arm64.json").read_text(encoding="utf-8"))
    return found


def test_the_tables_are_those_of_the_record(page: str, record: dict[str, Any]) -> None:
    """No figure is written by hand."""
    inside = page.split(arm64_equality.BEGIN)[1].split(arm64_equality.END, maxsplit=1)[0]
    assert inside.strip() == arm64_equality.tables(record).strip()


def test_the_record_covers_every_core_with_exact_counts(record: dict[str, Any]) -> None:
    """Sixteen pictures, the same class on all, and no run that differed from another."""
    assert record["n"] == 16
    for model in record["models"]:
        assert list(model["cores"]) == list(CORES)
        for row in model["cores"].values():
            assert row["top1_equal"] == record["n"]
            assert row["spread"] == 0


def test_the_record_is_of_the_locked_versions(record: dict[str, Any]) -> None:
    """A new lock asks for new figures."""
    lock = read_lock()
    assert record["qemu"] in {package.version for package in lock.packages}
    assert record["litert"] in {wheel.version for wheel in lock.wheels}


def test_the_page_names_what_the_code_uses(page: str) -> None:
    """The cores, the break point, the way in."""
    assert all(name.removeprefix("cortex") in page for name in CORES)
    assert STOPS[-1] in page
    assert "edge-effnet doctor --install arm64" in page
