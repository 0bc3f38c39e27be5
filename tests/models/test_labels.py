"""Class names: ImageNet's, and those from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_effnet.errors import DataError
from edge_effnet.models.labels import imagenet_labels, read_labels

if TYPE_CHECKING:
    from pathlib import Path


def test_imagenet_has_a_thousand_names_in_the_order_of_the_outputs() -> None:
    """The first, the last and one in between, as every list of ILSVRC 2012 has them."""
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert labels[0].startswith("tench")
    assert "Pembroke" in labels[263]
    assert "toilet" in labels[999]
    assert all(label == label.strip() and label for label in labels)


def test_labels_are_read_line_by_line(tmp_path: Path) -> None:
    """UTF-8, any line ending, blank lines and spaces around names left out."""
    path = tmp_path / "labels.txt"
    path.write_bytes("cat\r\n  Dackel \n\nüñ\n".encode())
    assert read_labels(path, 3) == ("cat", "Dackel", "üñ")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"one\ntwo\n", b""])
def test_labels_that_do_not_fit_are_a_data_error(content: bytes | None, tmp_path: Path) -> None:
    """Missing, no text, another number of lines: exit 4 with the file's name."""
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"labels\.txt") as caught:
        read_labels(path, 3)
    assert caught.value.exit_code == 4
