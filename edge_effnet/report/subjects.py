"""The models that the records speak of, joined by the sha256 of their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import DataError
from edge_effnet.report.values import base_name, number, rows, table, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_effnet.report.collect import Collection, Source

__all__ = ["Joined", "join"]

_DESCRIBES: Final = ("convert", "qat", "contract", "tune", "inspect", "bench", "profile")
"""Kinds that may say a model's precision, recipe, weights and size; what comes first is believed first."""


@dataclass
class Joined:
    """Models by key: the sha256 of the file, or ``name:PATH`` where a record gives none.

    Attributes:
        models: Key -> the entry of ``models`` in the report.
        notes: What was assumed while joining, and where records differ in what a file alone does not decide.
        stated: Key and what was said of it -> the value, and the record that said it first.
    """

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stated: dict[tuple[str, str], tuple[Any, Source]] = field(default_factory=dict)

    def key(self, path: str, sha256: object, source: str) -> str:
        """Return the key of the model that a record names, making its entry where there is none."""
        key = sha256 if isinstance(sha256, str) and sha256 else self._key_by_name(path, source)
        entry = self.models.setdefault(key, _new_entry(key, path))
        if path and path not in entry["files"]:
            entry["files"].append(path)
        if source not in entry["sources"]:
            entry["sources"].append(source)
        return key

    def state(self, key: str, what: str, value: object, source: Source) -> None:
        """Take note of a figure that a model's file alone decides; None says nothing.

        Raises:
            DataError: Another record says something else of the same file.
        """
        if value is None:
            return
        said, first = self.stated.setdefault((key, what), (value, source))
        if said != value:
            sha256 = self.models[key]["sha256"]
            raise DataError(
                f"two records contradict each other about {what} of {self.models[key]['name']}",
                got=f"{first.file}: {said}; {source.file}: {value}",
                allowed=f"one value, for the file alone decides it ({f'sha256 {sha256}' if sha256 else 'no sha256 recorded'})",
                hint="leave out the record that is wrong, or make both again with one release: "
                "edge-effnet inspect MODEL.tflite --json",
            )

    def _key_by_name(self, path: str, source: str) -> str:
        same = [key for key, entry in self.models.items() if path in entry["files"]]
        named = [
            key for key, entry in self.models.items() if base_name(path) in map(base_name, entry["files"])
        ]
        for keys in (same, named):
            if len(keys) == 1 and not keys[0].startswith("name:"):
                self.notes.append(f"{source} gives no sha256 of {path}: joined by its name")
                return keys[0]
        return f"name:{path}"


def _new_entry(key: str, path: str) -> dict[str, Any]:
    return {
        "key": key,
        "name": base_name(path).removesuffix(".tflite"),
        "sha256": None if key.startswith("name:") else key,
        "files": [],
        "role": "candidate",
        "id": None,
        "resolution_px": None,
        "precision": None,
        "recipe": None,
        "weights": None,
        "calibration": None,
        "random_weights": False,
        "size_bytes": None,
        "sources": [],
    }


def join(found: Collection) -> Joined:
    """Return the models of all records; records that give a hash are read before those that give a name only."""
    joined = Joined()
    order = {kind: place for place, kind in enumerate(_DESCRIBES)}
    for source in sorted(found.sources, key=lambda source: order.get(source.kind, len(order))):
        for path, part in _named_models(source):
            key = joined.key(path, part.get("sha256"), source.id)
            joined.state(key, "size_bytes", number(part, "size_bytes"), source)
            _describe(joined, key, part, source)
    _set_roles(found, joined)
    _name_apart(joined)
    return joined


def _named_models(source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and facts of every model that a record speaks of."""
    record = source.record
    if source.kind in ("eval", "bench"):
        for part in rows(record, "models" if source.kind == "eval" else "results"):
            yield text(part, "path") or text(part, "model"), part
    elif source.kind == "verify":
        for side in ("float", "int8"):
            if part := table(record, side):
                yield text(part, "path"), part
    elif source.kind == "profile":
        yield text(record, "model"), record
    elif source.kind == "contract":
        yield text(record, "file") or base_name(source.file), record
    elif source.kind in ("convert", "qat", "inspect", "tune"):
        yield text(record, "path"), record


def _set_roles(found: Collection, joined: Joined) -> None:
    """Call a model a reference where others are compared with it and it with none."""
    first, second = set(), set()
    for source in found.of("eval", "verify"):
        names = [joined.key(path, part.get("sha256"), source.id) for path, part in _named_models(source)]
        first |= set(names[:1]) if len(names) > 1 else set()
        second |= set(names[1:])
    for key in first - second:
        joined.models[key]["role"] = "reference"


def _name_apart(joined: Joined) -> None:
    """Give models of the same file name the start of their hash behind it."""
    names: dict[str, list[dict[str, Any]]] = {}
    for entry in joined.models.values():
        names.setdefault(entry["name"], []).append(entry)
    for entries in names.values():
        if len(entries) > 1:
            for entry in entries:
                entry["name"] = f"{entry['name']} ({(entry['sha256'] or 'no hash')[:8]})"


def _describe(joined: Joined, model: str, part: dict[str, Any], source: Source) -> None:
    """Fill in what an earlier record did not say, and take note of what it said otherwise."""
    entry = joined.models[model]
    for key, read in _FACTS.items():
        value = read(part)
        if not entry[key]:
            entry[key] = value
        if value and key in _TOLD:
            said, first = joined.stated.setdefault((model, key), (value, source))
            if not _agree(said, value):
                joined.notes.append(
                    f"{first.file} and {source.file} differ about the {key} of {entry['name']}: the first is shown"
                )
    entry["random_weights"] = entry["random_weights"] or _is_random(table(part, "weights"))


def _agree(one: object, two: object) -> bool:
    """Return whether two facts are the same in what both of them say."""
    if isinstance(one, dict) and isinstance(two, dict):
        return all(None in (one[key], two[key]) or one[key] == two[key] for key in one)
    return one == two


def _is_random(weights: dict[str, Any]) -> bool:
    return text(weights, "kind") == "random" or text(weights, "source").partition(",")[0] == "random"


def _facts_of(*keys: str) -> Callable[[dict[str, Any], str], dict[str, Any] | None]:
    def read(part: dict[str, Any], name: str) -> dict[str, Any] | None:
        return {key: table(part, name).get(key) for key in keys} if table(part, name) else None

    return read


_weights, _calibration = _facts_of("source", "sha256", "kind"), _facts_of("id", "sha256", "count")

_FACTS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "id": lambda part: text(table(part, "model"), "id") or None,
    "resolution_px": lambda part: number(table(part, "model"), "resolution_px") or _input_px(part),
    "precision": lambda part: text(part, "precision") or _precision_of(part),
    "recipe": lambda part: text(part, "recipe") or None,
    "weights": lambda part: _weights(part, "weights"),
    "calibration": lambda part: _calibration(part, "calibration"),
    "size_bytes": lambda part: number(part, "size_bytes"),
}

_TOLD: Final = ("id", "recipe", "weights", "calibration")
"""What is told of a file and cannot be read from it."""


def _input_px(part: dict[str, Any]) -> int | None:
    inputs = rows(part, "inputs")
    shape = inputs[0].get("shape") if inputs else None
    return (
        int(shape[1]) if isinstance(shape, list) and len(shape) == 4 and isinstance(shape[1], int) else None
    )


def _precision_of(part: dict[str, Any]) -> str | None:
    """Return what an audit shows where no record says the precision."""
    if part.get("full_integer") is True:
        return "w8a8"
    inputs = rows(part, "inputs")
    macs = table(part, "macs")
    if inputs and inputs[0].get("dtype") == "float32" and number(macs, "int8") == 0:
        return "float32"
    return None
