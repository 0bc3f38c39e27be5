"""Zip archives as Android wants them: stored entries begin at a multiple of a page, so that a phone can map them where they lie.

References:
    Zip: APPNOTE.TXT 4.3.7 (local file header), 4.5 (extra fields). The extra field 0xD935 is Android's own for alignment; apksigner
    keeps the multiple that it names when it writes the archive anew.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["PAGE_BYTES", "add_entries", "check_entries", "entry_offset", "segment_alignment"]

PAGE_BYTES: Final = 16384
"""The largest page of an Android phone."""

_ALIGNMENT_FIELD: Final = 0xD935
_FIELD_BYTES: Final = 6
"""Of that field without padding: its id, its length, the multiple."""

_HEADER_BYTES: Final = 30
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_LOAD: Final = 1


def entry_offset(path: Path, entry: zipfile.ZipInfo) -> int:
    """Return where the bytes of an entry begin in the file."""
    with path.open("rb") as stream:
        stream.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", stream.read(4))
    return entry.header_offset + _HEADER_BYTES + int(name) + int(extra)


def add_entries(base: Path, out: Path, entries: Mapping[str, bytes]) -> None:
    """Write a copy of an archive with more entries behind its own, stored and aligned; its own stay where they are.

    Args:
        base: An archive.
        out: File to write.
        entries: Name -> bytes; the same bytes give the same archive.

    Raises:
        DataError: The base is no archive, or has an entry of such a name.
    """
    if not zipfile.is_zipfile(base):  # behind any other file a new archive would be begun
        raise DataError("the base APK is no archive", got=base)
    shutil.copyfile(base, out)
    try:
        with zipfile.ZipFile(out, "a") as archive:
            present = sorted(set(archive.namelist()) & set(entries))
            if present:
                raise DataError("the base APK has a model already", got=f"{base}: {', '.join(present)}")
            for name, content in entries.items():
                info = zipfile.ZipInfo(name, _TIME)
                info.extra = _padding(archive.start_dir + _HEADER_BYTES + len(name.encode()))
                archive.writestr(info, content, compress_type=zipfile.ZIP_STORED)
    except (zipfile.BadZipFile, struct.error) as error:
        raise DataError(f"the base APK is damaged: {error}", got=base) from error


def _padding(place: int) -> bytes:
    """Return the extra field that brings what is behind it, at ``place`` without the field, to a multiple of a page."""
    zeros = -(place + _FIELD_BYTES) % PAGE_BYTES
    return struct.pack("<HHH", _ALIGNMENT_FIELD, 2 + zeros, PAGE_BYTES) + bytes(zeros)


def check_entries(path: Path, expected: Mapping[str, bytes]) -> dict[str, int]:
    """Look at a finished APK once more.

    Args:
        path: The APK.
        expected: Name -> bytes that must be in it, stored.

    Returns:
        Native library -> the alignment of its segments in bytes, as it was linked.

    Raises:
        DataError: Bytes differ, or an entry that phones map into memory is compressed or does not begin at a multiple of a page.
    """
    segments = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename in expected or entry.filename.endswith((".so", ".arsc")):
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise DataError("an entry is compressed", got=f"{entry.filename} in {path}")
                if rest := entry_offset(path, entry) % PAGE_BYTES:
                    raise DataError("an entry is not aligned", got=f"{entry.filename}, {rest} bytes off")
            if entry.filename.endswith(".so"):
                segments[entry.filename] = segment_alignment(archive.read(entry))
        for name, content in expected.items():
            if archive.read(name) != content:
                raise DataError("an entry is not what was put in", got=f"{name} in {path}")
    return segments


def segment_alignment(library: bytes) -> int:
    """Return the least alignment of the segments of an ELF file that are loaded, in bytes.

    References:
        `man 5 elf`: e_phoff, e_phentsize, e_phnum; p_type and p_align.

    Raises:
        DataError: It is no ELF file.
    """
    wide = library[4:5] == b"\x02"
    try:
        start = struct.unpack_from("<Q" if wide else "<I", library, 32 if wide else 28)[0]
        size, count = struct.unpack_from("<HH", library, 54 if wide else 42)
        place, form = (48, "<Q") if wide else (28, "<I")
        rows = [start + size * index for index in range(count)]
        loaded = [row for row in rows if struct.unpack_from("<I", library, row)[0] == _LOAD]
        return min(int(struct.unpack_from(form, library, row + place)[0]) for row in loaded)
    except (struct.error, ValueError) as error:
        raise DataError("a native library is damaged", got=str(error)) from error
