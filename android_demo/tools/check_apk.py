"""Look into an APK without Android's tools: check_apk.py APK. Prints what it finds; exit code 4 where an entry lies wrong.

Stored entries must begin at a multiple of 16384, so that a phone with pages of 16 KB can map them where they lie. Whether the
segments inside a native library are aligned so too was decided when it was linked: printed, not judged.

References:
    ELF-64 and ELF-32 program headers: `man 5 elf`. Zip: APPNOTE.TXT 4.3.7, local file header.
"""

# ruff: noqa: INP001 - a script of the Gradle project, not a package

from __future__ import annotations

import struct
import sys
import zipfile
from pathlib import Path

PAGE = 16384
LOAD = 1


def data_offset(apk: str, entry: zipfile.ZipInfo) -> int:
    """Return where an entry's bytes begin in the file."""
    with Path(apk).open("rb") as stream:
        stream.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", stream.read(4))
    return entry.header_offset + 30 + name + extra


def segment_alignments(library: bytes) -> list[int]:
    """Return the alignment of each segment of an ELF file that is loaded."""
    wide = library[4] == 2
    start, size, count = (
        (struct.unpack_from("<Q", library, 32)[0], *struct.unpack_from("<HH", library, 54))
        if wide
        else (struct.unpack_from("<I", library, 28)[0], *struct.unpack_from("<HH", library, 42))
    )
    rows = range(start, start + size * count, size)
    place, form = (48, "<Q") if wide else (28, "<I")
    return [
        struct.unpack_from(form, library, row + place)[0]
        for row in rows
        if struct.unpack_from("<I", library, row)[0] == LOAD
    ]


def main(apk: str) -> int:
    """Print a line for each entry that is stored, and return the exit code."""
    wrong = 0
    with zipfile.ZipFile(apk) as archive:
        for entry in archive.infolist():
            wants_storing = entry.filename.endswith((".so", ".tflite", ".arsc"))
            if entry.compress_type != zipfile.ZIP_STORED:
                if wants_storing:
                    print(f"WRONG {entry.filename}: compressed, so that it cannot be mapped")
                    wrong += 1
                continue
            rest = data_offset(apk, entry) % PAGE
            wrong += rest != 0
            more = ""
            if entry.filename.endswith(".so"):
                least = min(segment_alignments(archive.read(entry)))
                more = f", segments aligned to {least}" + ("" if least >= PAGE else f" (less than {PAGE})")
            print(
                f"{'ok   ' if rest == 0 else 'WRONG'} {entry.filename}: stored, offset mod {PAGE} = {rest}{more}"
            )
    return 4 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
