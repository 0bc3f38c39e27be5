"""demo.android.archive: what is put in lies stored at multiples of 16 KB, and nothing else moves."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from android_stand_ins import base_apk, library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_effnet.demo.android.archive import (
    PAGE_BYTES,
    add_entries,
    check_entries,
    entry_offset,
    segment_alignment,
)
from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = st.text("abcdefgh/._-ö", min_size=1, max_size=60).map(lambda text: f"assets/x{text}y")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=st.dictionaries(_NAMES, st.binary(max_size=40_000), min_size=1, max_size=4))
def test_every_entry_is_stored_aligned_and_whole(base: Path, entries: dict[str, bytes]) -> None:
    """Whatever their names and sizes; any reader of archives finds the same bytes."""
    out = base.with_name("out.apk")
    add_entries(base, out, entries)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        for name, content in entries.items():
            entry = archive.getinfo(name)
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry_offset(out, entry) % PAGE_BYTES == 0
            start = entry_offset(out, entry)
            assert out.read_bytes()[start : start + len(content)] == archive.read(name) == content


def test_entries_of_the_base_stay_where_they_are(base: Path, tmp_path: Path) -> None:
    """So that what was aligned in it stays aligned, without a tool that aligns."""
    out = tmp_path / "out.apk"
    add_entries(base, out, {"assets/model.tflite": bytes(70_000)})
    with zipfile.ZipFile(base) as before, zipfile.ZipFile(out) as after:
        rows = [(entry.filename, entry.header_offset, entry.CRC) for entry in before.infolist()]
        assert [(entry.filename, entry.header_offset, entry.CRC) for entry in after.infolist()][
            : len(rows)
        ] == rows


def test_the_same_entries_give_the_same_bytes(base: Path, tmp_path: Path) -> None:
    """No time of the day, no random names."""
    for name in ("a.apk", "b.apk"):
        add_entries(base, tmp_path / name, {"assets/model.tflite": b"model"})
    assert (tmp_path / "a.apk").read_bytes() == (tmp_path / "b.apk").read_bytes()


def test_a_base_with_a_model_is_refused(base: Path, tmp_path: Path) -> None:
    """Two entries of one name would be a riddle for whoever reads it."""
    out = tmp_path / "out.apk"
    add_entries(base, out, {"assets/model.tflite": b"model"})
    with pytest.raises(DataError, match="has a model already"):
        add_entries(out, tmp_path / "again.apk", {"assets/model.tflite": b"other"})


def test_a_base_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "base.apk").write_bytes(b"no archive at all")
    with pytest.raises(DataError, match="no archive"):
        add_entries(tmp_path / "base.apk", tmp_path / "out.apk", {"assets/a": b""})


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [("compress", "compressed"), ("shift", "not aligned"), ("change", "not what was put in")],
)
def test_the_last_look_finds_what_is_wrong(tmp_path: Path, spoil: str, complaint: str) -> None:
    """A model that is compressed, that lies elsewhere, or that is another one."""
    path = tmp_path / "app.apk"
    kind = zipfile.ZIP_DEFLATED if spoil == "compress" else zipfile.ZIP_STORED
    plain = base_apk(tmp_path / "base.apk")
    if spoil == "change":
        add_entries(plain, path, {"assets/model.tflite": b"other"})
    else:
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr("assets/model.tflite", b"model")
    with pytest.raises(DataError, match=complaint):
        check_entries(path, {"assets/model.tflite": b"model"})


@pytest.mark.parametrize("alignment", [4096, 16384, 65536])
def test_the_alignment_of_segments_is_read_from_the_library(alignment: int) -> None:
    """Of the segments that are loaded alone: others may have any."""
    assert segment_alignment(library(alignment)) == alignment


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x02", library()[:100]])
def test_a_damaged_library_is_told(content: bytes) -> None:
    """Never as an error of Python's."""
    with pytest.raises(DataError, match="damaged"):
        segment_alignment(content)
