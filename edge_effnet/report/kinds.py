"""The kinds of record that a report reads: how each is recognised, what of it is not kept, which records lie inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import DataError
from edge_effnet.report.shape import fault_finder
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KINDS", "Kind", "kind_of", "require_readable", "require_version", "slimmed"]

_KNOWN_VERSION: Final = 1
"""The newest `schema_version` of every record that this release understands."""


@dataclass(frozen=True)
class Kind:
    """One kind of record.

    Attributes:
        name: The verb that makes it, and the name of its schema.
        keys: A record that has all of them is of this kind.
        bulky: Dotted keys that a report leaves out of its copy: large, and no figure is read from them.
        holds: Keys under which other records lie; a key with a star stands for every value under it.
        passed_over: Key -> why the figures under it are not read.
    """

    name: str
    keys: frozenset[str]
    bulky: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)


KINDS: Final = (
    Kind("report", frozenset({"gates", "models", "sources", "verdict"})),
    Kind("quickstart", frozenset({"convert", "inspect", "eval", "latency"}), holds=("convert.*", "inspect", "eval"),
         passed_over={"latency": "a latency taken by the way, without its samples: measure it with edge-effnet bench"}),
    Kind("tune", frozenset({"rungs", "chosen", "max_drop"})),
    Kind("qat", frozenset({"sha256", "training", "teacher", "io"})),
    Kind("contract", frozenset({"preprocessing", "input_rule", "output_rule"}),
         bulky=("golden", "labels", "channel_factors", "calibration.files_sha256", "training.files_sha256")),
    Kind("convert", frozenset({"sha256", "precision", "io", "contract"})),
    Kind("train", frozenset({"weights", "val_top1", "history"})),
    Kind("bench", frozenset({"results", "ratios", "host"})),
    Kind("profile", frozenset({"operators", "total_us", "peak"})),
    Kind("verify", frozenset({"engines", "layers", "sensitivity"})),
    Kind("eval", frozenset({"models", "paired", "conditions"})),
    Kind("inspect", frozenset({"full_integer", "findings", "ops", "macs"}), bulky=("layers",)),
)  # fmt: skip
"""In the order in which they are tried: what has more keys comes before what has fewer."""


def kind_of(record: Any) -> Kind | None:
    """Return the kind of a JSON document, or None for one that is none of ours."""
    if not isinstance(record, dict):
        return None
    return next((kind for kind in KINDS if kind.keys <= record.keys()), None)


def require_readable(record: Mapping[str, Any], kind: Kind, origin: str) -> None:
    """Refuse a record that this release would read wrongly.

    Raises:
        DataError: It is of a newer schema, or does not have the form of its schema.
    """
    require_version(record, kind, origin)
    fault = _finder(kind.name)(record)
    if fault is not None:
        raise DataError(
            f"the {kind.name} record {origin} is damaged",
            got=fault,
            allowed=f"what edge_effnet/schemas/{kind.name}.json says",
            hint=f"make it again with edge-effnet {kind.name} --json",
        )


@cache
def _finder(name: str) -> Callable[[Any], str | None]:
    return fault_finder(read_schema(name))


def require_version(record: Mapping[str, Any], kind: Kind, origin: str) -> None:
    """Refuse a record of a newer schema.

    Raises:
        DataError: It is.
    """
    version = record.get("schema_version", _KNOWN_VERSION)
    if not isinstance(version, int) or version > _KNOWN_VERSION:
        raise DataError(
            f"the {kind.name} record {origin} has a newer form than this release knows",
            got=f"schema_version {version}",
            allowed=f"schema_version up to {_KNOWN_VERSION}",
            hint="update edge-effnet, or make the record again with this release",
        )


def slimmed(record: Mapping[str, Any], kind: Kind) -> tuple[dict[str, Any], list[str]]:
    """Return a copy without the bulky keys, and those that were there."""
    copy, omitted = dict(record), []
    for dotted in kind.bulky:
        outer, _, inner = dotted.rpartition(".")
        place = copy
        if outer:
            if not isinstance(copy.get(outer), dict):
                continue
            place = copy[outer] = dict(copy[outer])
        if place.pop(inner, None) is not None:
            omitted.append(dotted)
    return copy, omitted
