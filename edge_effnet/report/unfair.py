"""What differs beside the models: machines, versions, load, images. A difference of figures may be theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.values import number, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.report.collect import Collection

__all__ = ["unfair_differences"]

Pair = tuple[dict[str, Any], dict[str, Any]]

_HOST: Final = ("cpu", "machine", "system", "cores", "governor", "container")
_LOAD_APART: Final = 0.5
"""A difference of the load average, in cores, from which on it is said."""

_DEGREES_APART: Final = 10.0


def unfair_differences(
    models: list[Pair], timed: list[Pair], a: Collection, b: Collection
) -> list[dict[str, Any]]:
    """Return each difference once, as ``{concerns, what, a, b}``."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for concerns, what, one, two in [*_of_rows(timed), *_of_models(models), *_of_versions(a, b)]:
        entry = {"concerns": concerns, "what": what, "a": _said(one), "b": _said(two)}
        found.setdefault(tuple(map(str, entry.values())), entry)
    return list(found.values())


def _said(value: object) -> str:
    if value is None:
        return "not recorded"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _of_rows(timed: list[Pair]) -> Iterator[tuple[str, str, Any, Any]]:
    for a, b in timed:
        one, two = a["device"], b["device"]
        for key in _HOST:
            if one.get(key) != two.get(key):
                yield "latency", key, one.get(key), two.get(key)
        for key, apart in (("load_average", _LOAD_APART), ("temperature_c", _DEGREES_APART)):
            before, after = number(one, key), number(two, key)
            if before is not None and after is not None and abs(before - after) > apart:
                yield "latency", key, before, after
        for key in ("runtime", "delegate", "cpus"):
            if a[key] != b[key]:
                yield "latency", key, a[key], b[key]
        if a["timing"] == "measured" and (_warnings(a) or _warnings(b)):
            yield "latency", "warnings", _warnings(a) or "none", _warnings(b) or "none"


def _warnings(row: dict[str, Any]) -> str:
    codes = {str(notice.get("code")) for notice in row["notices"] if notice.get("severity") == "warning"}
    return ", ".join(sorted(codes))


def _of_models(models: list[Pair]) -> Iterator[tuple[str, str, Any, Any]]:
    for a, b in models:
        one, two = a["accuracy"], b["accuracy"]
        if one and two:
            for key in ("images_sha256", "n", "engine", "preprocessing"):
                if one[key] != two[key]:
                    yield "accuracy", key, one[key], two[key]
        before, after = _every_top1(a), _every_top1(b)
        if max(len(set(before)), len(set(after))) > 1:
            what = "top-1 in every record; the first is compared"
            yield "accuracy", what, ", ".join(before) or None, ", ".join(after) or None


def _every_top1(model: dict[str, Any]) -> list[str]:
    return [f"{found['top1']:.6g} %" for found in model["accuracies"]]


def _of_versions(a: Collection, b: Collection) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield versions that differ between records of the same kind, and code that was not committed."""
    for kind in sorted({source.kind for source in a.sources} & {source.kind for source in b.sources}):
        one, two = _versions(a, kind), _versions(b, kind)
        for name in sorted(one.keys() & two.keys()):
            if one[name] != two[name]:
                yield kind, f"version of {name}", ", ".join(sorted(one[name])), ", ".join(sorted(two[name]))
    dirty = [_has_dirty(side) for side in (a, b)]
    if any(dirty):
        before, after = ("yes" if found else "none known" for found in dirty)
        yield "code", "changes that were not committed", before, after


def _has_dirty(found: Collection) -> bool:
    return any(table(source.record, "host").get("dirty") is True for source in found.sources)


def _versions(found: Collection, kind: str) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for source in found.of(kind):
        host, conditions = table(source.record, "host"), table(source.record, "conditions")
        for place in (host, conditions, source.record):
            for name, version in table(place, "versions").items():
                versions.setdefault(name, set()).add(str(version))
        commit = host.get("commit")
        if isinstance(commit, str):
            versions.setdefault("edge-effnet, commit", set()).add(commit[:12])
    return versions
