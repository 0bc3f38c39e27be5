"""Write the framework's resources in a form that Debian's aapt2 can link against: plain_resources.py ANDROID_ALL.jar OUT.apk.

Since Android 14 the framework's resource table has 16-bit offsets and 8-byte entries, which aapt2 2.19 takes for damage. Here
the entries of the default configuration are laid out as they were before, with nothing left out that an app's manifest,
styles and layouts can name.

References:
    ResTable_type, ResTable_entry in frameworks/base/libs/androidfw/include/androidfw/ResourceTypes.h
"""

# ruff: noqa: INP001 - a script of the Gradle project, not a package

from __future__ import annotations

import struct
import sys
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE, PACKAGE, TYPE = 0x0002, 0x0200, 0x0201
KEPT = (0x0001, 0x0202)
"""Chunks inside a package that stay as they are: string pools and the flags of each entry."""

FRAMEWORK_ID = 0x01
SPARSE, SHORT_OFFSETS = 0x01, 0x02
COMPACT = 0x0008
NONE = 0xFFFFFFFF
TIME = (1980, 1, 1, 0, 0, 0)


def chunks(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield (kind, size of the header, whole chunk) of what lies side by side."""
    while start < end:
        kind, header, size = struct.unpack_from("<HHI", data, start)
        yield kind, header, data[start : start + size]
        start += size


def offsets(chunk: bytes, header: int) -> list[int]:
    """Return where each entry of a type begins, counted from the first; NONE for those that it lacks."""
    flags, count = chunk[9], struct.unpack_from("<I", chunk, 12)[0]
    if flags & SPARSE:
        rows = struct.iter_unpack("<HH", chunk[header : header + 4 * count])
        places = {index: 4 * offset for index, offset in rows}
        return [places.get(index, NONE) for index in range(max(places, default=-1) + 1)]
    if flags & SHORT_OFFSETS:
        short = struct.unpack_from(f"<{count}H", chunk, header)
        return [NONE if offset == 0xFFFF else 4 * offset for offset in short]
    return list(struct.unpack_from(f"<{count}I", chunk, header))


def plain_entry(chunk: bytes, place: int) -> bytes:
    """Return an entry in its long form."""
    size, flags, key = struct.unpack_from("<HHI", chunk, place)
    if flags & COMPACT:  # its first field is the key, the second has the type of the value in its upper half
        value = struct.pack("<HBBI", 8, 0, flags >> 8, key)
        return struct.pack("<HHI", 8, flags & 0xFF & ~COMPACT, size) + value
    if flags & 1:  # a bag: the number of its rows, then 12 bytes each
        rows = struct.unpack_from("<I", chunk, place + 12)[0]
        return chunk[place : place + size + 12 * rows]
    return chunk[place : place + size + 8]


def plain_type(chunk: bytes, header: int) -> bytes:
    """Return a chunk of entries with 32-bit offsets and long entries."""
    first = struct.unpack_from("<I", chunk, 16)[0]
    places, entries = [], bytearray()
    for offset in offsets(chunk, header):
        places.append(NONE if offset == NONE else len(entries))
        if offset != NONE:
            entries += plain_entry(chunk, first + offset)
    start = header + 4 * len(places)
    head = bytearray(chunk[:header])
    head[9] = 0
    struct.pack_into("<I", head, 4, start + len(entries))
    struct.pack_into("<II", head, 12, len(places), start)
    return bytes(head) + struct.pack(f"<{len(places)}I", *places) + bytes(entries)


def is_default(chunk: bytes) -> bool:
    """Say whether a type's configuration asks for nothing."""
    size = struct.unpack_from("<I", chunk, 20)[0]
    return not any(chunk[24 : 20 + size])


def plain_package(chunk: bytes, header: int) -> bytes:
    """Return the package with its types laid out anew."""
    parts = []
    for kind, own_header, part in chunks(chunk, header, len(chunk)):
        if kind in KEPT:
            parts.append(part)
        elif kind == TYPE and is_default(part):
            parts.append(plain_type(part, own_header))
    body = b"".join(parts)
    head = bytearray(chunk[:header])
    struct.pack_into("<I", head, 4, header + len(body))
    return bytes(head) + body


def plain_table(data: bytes) -> bytes:
    """Return the resource table with the framework's own package alone."""
    kind, header, size = struct.unpack_from("<HHI", data)
    if kind != TABLE:
        sys.exit("plain_resources.py: no resource table")
    parts = list(chunks(data, header, size))
    # The table has seven packages of that id; the first is the framework, the others are of a few hundred names each.
    packages = [
        part
        for part in parts
        if part[0] == PACKAGE and struct.unpack_from("<I", part[2], 8)[0] == FRAMEWORK_ID
    ]
    pool = b"".join(part for kind, _, part in parts if kind != PACKAGE)
    body = pool + plain_package(packages[0][2], packages[0][1])
    return struct.pack("<HHII", TABLE, 12, 12 + len(body), 1) + body


def main(jar: str, out: str) -> None:
    """Read the one, write the other."""
    with zipfile.ZipFile(jar) as source:
        files = {
            "AndroidManifest.xml": source.read("AndroidManifest.xml"),
            "resources.arsc": plain_table(source.read("resources.arsc")),
        }
    with zipfile.ZipFile(out, "w") as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name, TIME), content)


if __name__ == "__main__":
    main(*sys.argv[1:])
