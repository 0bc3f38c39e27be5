"""Named calibration sets: one folder ``calibration/<id>-v<N>`` with a ``set.toml`` each, immutable once published."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError, EdgeEffnetError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.abc import Traversable

    from edge_effnet.images import Pixels

__all__ = ["CalibrationSet", "list_set_ids", "load_set", "set_from_toml"]

SET_FILE: Final = "set.toml"

# The standard library's parser since Python 3.11; tomli is the same code for 3.10.
_TOML = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

_FIELDS: Final[Mapping[str, type]] = {
    "id": str,
    "kind": str,
    "dataset": str,
    "split": str,
    "licence": str,
    "count": int,
    "selection": str,
    "preprocessing": str,
    "seed": int,
}

_KINDS: Final[Mapping[str, str]] = {
    "synthetic": "edge_effnet.calibrate.synthetic:renderer",
    "shapes10": "edge_effnet.calibrate.shapes:renderer",
}


@dataclass(frozen=True)
class CalibrationSet:
    """What ``set.toml`` says, and its hash.

    Attributes:
        id: Name and version, for example ``synthetic-v1``; the folder's name.
        kind: What draws the pictures, a key of the table in this module.
        dataset: What the pictures are.
        split: Which part of the data set.
        licence: SPDX identifier.
        count: Number of pictures.
        selection: How they were chosen.
        preprocessing: What was done to them.
        seed: Determines every picture.
        sha256: Hash of the file ``set.toml``.
    """

    id: str
    kind: str
    dataset: str
    split: str
    licence: str
    count: int
    selection: str
    preprocessing: str
    seed: int
    sha256: str

    def renderer(self, resolution_px: int, seed: int = 0) -> Callable[[int], Pixels]:
        """Return a function that draws picture ``i`` as ``(resolution, resolution, 3) uint8``.

        Args:
            resolution_px: Side of the pictures.
            seed: Chooses among the set's pictures; 0 is the set as published.
        """
        module_name, function_name = _KINDS[self.kind].split(":")
        make: Callable[[int, int, int], Callable[[int], Pixels]]
        make = getattr(importlib.import_module(module_name), function_name)
        return make(self.seed, seed, resolution_px)


def list_set_ids() -> list[str]:
    """Return the id of every set, sorted."""
    return sorted(entry.name for entry in _root().iterdir() if (entry / SET_FILE).is_file())


def load_set(set_id: str) -> CalibrationSet:
    """Return a set by its id.

    Raises:
        UnknownNameError: There is no such set.
        DataError: Its file is damaged or says another id.
    """
    ids = list_set_ids()
    if set_id not in ids:
        raise UnknownNameError("calibration set", set_id, ids)
    return set_from_toml(set_id, (_root() / set_id / SET_FILE).read_bytes())


def set_from_toml(set_id: str, data: bytes) -> CalibrationSet:
    """Read a ``set.toml``; an unknown, missing or mistyped field is an error.

    Raises:
        DataError: The file is damaged, or says another id than its folder.
    """
    where = f"calibration/{set_id}/{SET_FILE}"
    try:
        fields: dict[str, Any] = _TOML.loads(data.decode())
    except ValueError as error:
        raise DataError(f"the set's file cannot be read: {error}", got=where) from error
    wrong = sorted(set(fields) ^ set(_FIELDS)) or [
        k for k, kind in _FIELDS.items() if type(fields[k]) is not kind
    ]
    if wrong:
        raise DataError(
            "the set's file has wrong fields", got=f"{where}: {wrong}", allowed=", ".join(_FIELDS)
        )
    if fields["id"] != set_id or fields["kind"] not in _KINDS or fields["count"] < 1 or fields["seed"] < 0:
        raise DataError(
            "the set's file contradicts itself",
            got=f"{where}: id {fields['id']!r}, kind {fields['kind']!r}, count {fields['count']}",
            allowed=f"id {set_id!r}, kind one of {', '.join(_KINDS)}, count >= 1, seed >= 0",
        )
    return CalibrationSet(**fields, sha256=sha256_of_bytes(data))


def _root() -> Traversable:
    """Return the folder of sets: inside the installed package, else beside it in a checkout."""
    packaged = resources.files("edge_effnet") / "_calibration"
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).resolve().parents[2] / "calibration"
    if checkout.is_dir():
        return checkout
    raise EdgeEffnetError(
        "the calibration sets are missing from this installation", hint="install edge-effnet again"
    )
