"""What a file is worth on pictures that had no part in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.images import Preprocessing
from edge_effnet.progress import Silent
from edge_effnet.qat.report import _pixels

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Square:
    """The part of a prepared conversion that decoding reads."""

    preprocessing: Preprocessing


def test_a_picture_that_cannot_be_read_is_told_with_its_reason(tmp_path: Path) -> None:
    """Nothing is left out silently, with labels or without."""
    broken, reporter = tmp_path / "broken.jpg", Silent()
    broken.write_bytes(b"no picture")
    prepared: Any = Square(Preprocessing(16))
    assert _pixels(broken, prepared, reporter) is None
    ((kind, message),) = reporter.notes
    assert kind == "skipped"
    assert "broken.jpg" in message
