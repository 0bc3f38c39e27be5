"""Which model of A, and which of its latencies, stands beside which of B."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_effnet.report.latency import condition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["pair_models", "pair_rows"]

Pair = tuple[dict[str, Any], dict[str, Any]]

_LIKENESS: Final[tuple[Callable[[dict[str, Any]], Hashable], ...]] = (
    lambda model: model["sha256"],
    lambda model: (model["role"], model["name"]),
    lambda model: (model["role"], model["id"], model["precision"]) if model["id"] else None,
    lambda model: (model["role"], "the only one"),
)
"""Models are paired by the first of these that only one model on each side has: the file, its name, its kind, its role."""


def pair_models(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> tuple[list[Pair], list[dict[str, Any]]]:
    """Return pairs in the order of A, and the models without a counterpart."""
    left, right, pairs = list(a), list(b), []
    for likeness in _LIKENESS:
        for mine, other in _unique_matches(left, right, likeness):
            pairs.append((mine, other))
            left.remove(mine)
            right.remove(other)
    order = {id(model): place for place, model in enumerate(a)}
    pairs.sort(key=lambda pair: order[id(pair[0])])
    alone = [
        {"side": side, "what": f"model {model['name']}"}
        for side, rest in (("a", left), ("b", right))
        for model in rest
    ]
    return pairs, alone


def _unique_matches(
    left: list[dict[str, Any]], right: list[dict[str, Any]], likeness: Callable[[dict[str, Any]], Hashable]
) -> list[Pair]:
    matches = []
    for mine in left:
        key = likeness(mine)
        same_left = [model for model in left if likeness(model) == key]
        same_right = [model for model in right if likeness(model) == key]
        if key is not None and len(same_left) == len(same_right) == 1:
            matches.append((mine, same_right[0]))
    return matches


def pair_rows(
    a: list[dict[str, Any]], b: list[dict[str, Any]], pairs: list[Pair]
) -> tuple[list[Pair], list[dict[str, Any]]]:
    """Return latencies of paired models under the same condition, the k-th of several with the k-th; and the others."""
    partner = {mine["key"]: other["key"] for mine, other in pairs}
    waiting: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in b:
        waiting.setdefault((row["model"], row["timing"], condition_of(row)), []).append(row)
    matched, alone = [], []
    for row in a:
        others = waiting.get((partner.get(row["model"]), row["timing"], condition_of(row)), [])
        if others:
            matched.append((row, others.pop(0)))
        else:
            alone.append({"side": "a", "what": _words(row)})
    alone += [{"side": "b", "what": _words(row)} for rest in waiting.values() for row in rest]
    return matched, alone


def _words(row: dict[str, Any]) -> str:
    return f"latency of {row['name']} on {condition_of(row)}"
