"""Addresses of named functions in a shared library: the symbol table of a 64-bit little-endian ELF file.

References:
    Tool Interface Standard, Executable and Linking Format 1.2, and its 64-bit form: file header, section headers,
    symbol table.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["symbol_addresses"]

_MAGIC: Final = b"\x7fELF\x02\x01"
"""Identification, 64-bit, little-endian."""

_HEADER: Final = struct.Struct("<40xQ10xHHH")
"""Of the file header: where the section headers are, the size of one, how many, and which has their names."""

_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_SYMBOL_TABLE: Final = 2
_FUNCTION: Final = 2


def symbol_addresses(library: Path, names: Collection[str]) -> dict[str, int]:
    """Return the addresses of functions, counted from where the library is loaded.

    Args:
        library: A shared library that has not been stripped.
        names: As the compiler wrote them.

    Raises:
        EnvironmentFault: The file cannot be read, is something else, or lacks one of them.
    """
    try:
        found = _functions(library.read_bytes(), {name.encode() for name in names})
    except (OSError, ValueError, OverflowError, IndexError, struct.error) as error:
        raise EnvironmentFault(
            "the symbols of a library cannot be read", got=f"{library}: {error}"
        ) from error
    if missing := [name for name in names if name.encode() not in found]:
        raise EnvironmentFault(
            f"{library.name} has no function {missing[0]}",
            hint="instructions can be counted with the version of ai-edge-litert that the lock names",
        )
    return {name: found[name.encode()] for name in names}


def _functions(content: bytes, names: set[bytes]) -> dict[bytes, int]:
    if not content.startswith(_MAGIC):
        raise ValueError("not a 64-bit little-endian ELF file")
    start, size, count, _ = _HEADER.unpack_from(content)
    if size != _SECTION.size:
        raise ValueError(f"section headers of {size} bytes")
    sections = [_SECTION.unpack_from(content, start + number * size) for number in range(count)]
    found = {}
    for _, kind, _, _, offset, length, link, *_ in sections:
        if kind != _SYMBOL_TABLE:
            continue
        strings, strings_length = sections[link][4:6]
        text = content[strings : strings + strings_length]
        wanted = {place: name for name in names for place in _places(text, name)}
        rows = memoryview(content)[offset : offset + length]
        for place, info, _, _, address, _ in _SYMBOL.iter_unpack(rows):
            if place in wanted and info & 0xF == _FUNCTION:
                found[wanted[place]] = address
    return found


def _places(text: bytes, name: bytes) -> list[int]:
    """Return where a name stands in a table of names; it may be the end of a longer one."""
    places, place = [], text.find(name + b"\0")
    while place >= 0:
        places.append(place)
        place = text.find(name + b"\0", place + 1)
    return places
