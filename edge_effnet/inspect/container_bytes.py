"""Readers of the two binary forms inside a compiled model, FlatBuffers and FlexBuffers, that survive any bytes.

Every position is checked before it is read, and nothing recurses, so that a hostile file costs no more than its size.

References:
    flatbuffers.dev, "FlatBuffers internals" and "FlexBuffers": layout of tables, vectors, maps.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from edge_effnet.errors import DataError

__all__ = ["Table", "damaged", "map_from_flexbuffer", "root_table"]

_MAX_ITEMS: Final = 256
"""Entries of a vector that are looked at; an honest container has a few layers and executables."""

_MAX_TEXT_BYTES: Final = 4096

_UNSIGNED: Final = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


def damaged(what: str, *, got: object = None) -> DataError:
    """Return the error for a container that cannot be read."""
    return DataError(f"damaged Edge TPU container: {what}", got=got, hint="compile the model again")


def _unpack(data: memoryview, form: str, place: int) -> int:
    size = struct.calcsize(form)
    if place < 0 or place + size > len(data):
        raise damaged("an offset points outside of it", got=f"{place} of {len(data):,} bytes")
    value: int = struct.unpack_from(form, data, place)[0]
    return value


@dataclass(frozen=True)
class Table:
    """A FlatBuffers table.

    Attributes:
        data: The whole buffer.
        place: Where the table begins in it.
    """

    data: memoryview
    place: int

    def number(self, slot: int, form: str = "<i", default: int = 0) -> int:
        """Return a number field; ``form`` is its struct format."""
        field = self._field(slot)
        return default if field is None else _unpack(self.data, form, field)

    def table(self, slot: int) -> Table | None:
        """Return a field that is a table."""
        field = self._field(slot)
        return None if field is None else Table(self.data, self._follow(field))

    def blob(self, slot: int) -> memoryview:
        """Return a field that is a string or a vector of bytes; empty where it is absent."""
        field = self._field(slot)
        return memoryview(b"") if field is None else self._blob_at(self._follow(field))

    def text(self, slot: int) -> str:
        """Return a string field."""
        return bytes(self.blob(slot)[:_MAX_TEXT_BYTES]).decode("utf-8", "replace")

    def blobs(self, slot: int) -> tuple[memoryview, ...]:
        """Return a field that is a vector of strings."""
        return tuple(self._blob_at(place) for place in self._places(slot))

    def tables(self, slot: int) -> tuple[Table, ...]:
        """Return a field that is a vector of tables."""
        return tuple(Table(self.data, place) for place in self._places(slot))

    def count(self, slot: int) -> int:
        """Return how many tables a field that is a vector of them has, without looking at them."""
        field = self._field(slot)
        return 0 if field is None else self._vector(self._follow(field), 4)[1]

    def _field(self, slot: int) -> int | None:
        """Return where a field is, None for one that is absent."""
        table = self.place - _unpack(self.data, "<i", self.place)
        size = _unpack(self.data, "<H", table)
        entry = 4 + 2 * slot
        offset = _unpack(self.data, "<H", table + entry) if entry + 2 <= size else 0
        return self.place + offset if offset else None

    def _follow(self, place: int) -> int:
        return place + _unpack(self.data, "<I", place)

    def _vector(self, place: int, item_bytes: int) -> tuple[int, int]:
        count = _unpack(self.data, "<I", place)
        if place + 4 + count * item_bytes > len(self.data):
            raise damaged("a vector is longer than the file", got=f"{count:,} entries")
        return place + 4, count

    def _blob_at(self, place: int) -> memoryview:
        start, count = self._vector(place, 1)
        return self.data[start : start + count]

    def _places(self, slot: int) -> tuple[int, ...]:
        field = self._field(slot)
        if field is None:
            return ()
        start, count = self._vector(self._follow(field), 4)
        if count > _MAX_ITEMS:
            raise damaged("a vector is too long to be honest", got=f"{count:,} entries")
        return tuple(self._follow(start + 4 * i) for i in range(count))


def root_table(data: memoryview, identifier: bytes = b"") -> Table:
    """Return the root of a FlatBuffer.

    Raises:
        DataError: It has another identifier, or points outside.
    """
    if identifier and bytes(data[4:8]) != identifier:
        raise damaged(
            f"bytes 4 to 7 of a part are not {identifier.decode()}", got=bytes(data[4:8]).decode("latin-1")
        )
    return Table(data, _unpack(data, "<I", 0))


_FLEX_INTS: Final = {1: "<bhiq", 2: "<BHIQ", 26: "<BHIQ"}
"""FlexBuffers types of numbers in place -> their struct letters by width."""

_FLEX_BLOBS: Final = frozenset({5, 25})
_FLEX_MAP: Final = 9
_MAX_KEYS: Final = 64
_MAX_KEY_BYTES: Final = 64


def map_from_flexbuffer(data: memoryview) -> dict[str, int | memoryview]:
    """Return the numbers and the byte strings of a FlexBuffer whose root is a map; other values are left out.

    Raises:
        DataError: It is not a map, or points outside.
    """
    if len(data) < 3:
        raise damaged("the custom operator has no options")
    width, packed = data[-1], data[-2]
    if width not in _UNSIGNED or packed >> 2 != _FLEX_MAP:
        raise damaged("the custom operator's options are not a map", got=f"type {packed >> 2}, width {width}")
    place = _back(data, len(data) - 2 - width, width)
    width = 1 << (packed & 3)
    count = _unpack(data, _UNSIGNED[width], place - width)
    if count > _MAX_KEYS:
        raise damaged("the custom operator has too many options", got=count)
    key_width = _unpack(data, _UNSIGNED[width], place - 2 * width)
    if key_width not in _UNSIGNED:
        raise damaged("the options' keys have an impossible width", got=key_width)
    keys = _back(data, place - 3 * width, width)
    found: dict[str, int | memoryview] = {}
    for index in range(count):
        key = _key(data, _back(data, keys + index * key_width, key_width))
        value = _value(data, place + index * width, width, _unpack(data, "<B", place + count * width + index))
        if value is not None:
            found[key] = value
    return found


def _back(data: memoryview, place: int, width: int) -> int:
    """Follow an offset, which points backwards."""
    return place - _unpack(data, _UNSIGNED[width], place)


def _key(data: memoryview, place: int) -> str:
    if place < 0:
        raise damaged("a key points outside of it")
    return bytes(data[place : place + _MAX_KEY_BYTES]).partition(b"\0")[0].decode("utf-8", "replace")


def _value(data: memoryview, place: int, width: int, packed: int) -> int | memoryview | None:
    kind, own_width = packed >> 2, 1 << (packed & 3)
    if kind in _FLEX_INTS:
        letters = _FLEX_INTS[kind]
        return _unpack(data, "<" + letters[width.bit_length()], place)
    if kind not in _FLEX_BLOBS:
        return None
    start = _back(data, place, width)
    size = _unpack(data, _UNSIGNED[own_width], start - own_width)
    if start < 0 or start + size > len(data):
        raise damaged("an option is longer than the file", got=f"{size:,} bytes")
    return data[start : start + size]
