"""The tiny network on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from verify.bench import Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A float model, its int8 twin and six pictures."""
    return make_bench(tmp_path)
