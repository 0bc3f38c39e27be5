"""Gates: ``NAME COMPARISON NUMBER`` describes what must not be, such as ``top1_drop>0.5``; a figure that is absent fails."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.report.latency import condition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["FIGURES", "Figure", "Gate", "failing_lines", "judge", "parse_gate"]

_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_GATE: Final = re.compile(r"\s*([^\s<>=!]+)\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Value:
    """One figure of one model: its value (None where absent, with the reason), interval, conditions and record."""

    value: float | None
    ci95: list[float] | None
    condition: str
    source: str | None
    reason: str | None = None


@dataclass(frozen=True)
class Figure:
    """A figure that a gate may name.

    Attributes:
        name: How a gate calls it.
        unit: Of the limit.
        read: Every value of it that a report has for a model.
        needs: What to run where there is none.
    """

    name: str
    unit: str
    read: Callable[[dict[str, Any], dict[str, Any]], Iterable[Value]]
    needs: str


def _of_audit(key: str) -> Callable[..., Iterator[Value]]:
    def read(report: dict[str, Any], model: dict[str, Any]) -> Iterator[Value]:
        del report
        if model["audit"] is not None:
            yield Value(model["audit"][key], None, "", model["audit"]["source"])

    return read


def _of_each(parts: str, key: str, interval: str = "") -> Callable[..., Iterator[Value]]:
    """Read a figure of every record that evaluates a model: the worst one decides."""

    def read(report: dict[str, Any], model: dict[str, Any]) -> Iterator[Value]:
        del report
        for found in model[parts]:
            yield Value(found[key], found.get(interval), f"{found['n']} images", found["source"])

    return read


def _of_rows(
    timing: str, key: str, *, scale: float = 1.0, interval: str = ""
) -> Callable[..., Iterator[Value]]:
    """Read a figure of every latency row of one timing; another timing's figures are never taken for it."""

    def read(report: dict[str, Any], model: dict[str, Any]) -> Iterator[Value]:
        for row in report["latency"]:
            if row["model"] == model["key"] and row["timing"] == timing:
                value = None if row[key] is None else row[key] * scale
                yield Value(value, row.get(interval), condition_of(row), row["source"], row["reason"])

    return read


def _size(report: dict[str, Any], model: dict[str, Any]) -> Iterator[Value]:
    del report
    size = model["size_bytes"]
    yield Value(None if size is None else size / 1e6, None, "", next(iter(model["sources"]), None))


def _of_engines(key: str) -> Callable[..., Iterator[Value]]:
    def read(report: dict[str, Any], model: dict[str, Any]) -> Iterator[Value]:
        for found in report["verifications"]:
            if found["model"] == model["key"]:
                for name, engine in found["engines"].items():
                    yield Value(
                        engine.get(key), None, f"{name}, {engine.get('n', '?')} images", found["source"]
                    )

    return read


_EVAL = "edge-effnet eval FLOAT.tflite MODEL.tflite --data DIR --json"
_BENCH = "edge-effnet bench MODEL.tflite --json"
_INSPECT = "edge-effnet inspect MODEL.tflite --json"
_VERIFY = "edge-effnet verify FLOAT.tflite MODEL.tflite --data DIR --json"

FIGURES: Final = {
    figure.name: figure
    for figure in (
        Figure("top1", "%", _of_each("accuracies", "top1", "top1_ci95"), _EVAL),
        Figure("top5", "%", _of_each("accuracies", "top5", "top5_ci95"), _EVAL),
        Figure("top1_drop", "points", _of_each("drops", "drop_top1", "ci95"), _EVAL),
        Figure("agreement", "%", _of_each("drops", "agreement"), _EVAL),
        Figure("images", "", _of_each("accuracies", "n"), _EVAL),
        Figure("median_ms", "ms", _of_rows("measured", "median_ms", interval="ci95_ms"), _BENCH),
        Figure("p90_ms", "ms", _of_rows("measured", "p90_ms"), _BENCH),
        Figure("p99_ms", "ms", _of_rows("measured", "p99_ms"), _BENCH),
        Figure("init_ms", "ms", _of_rows("measured", "init_ms"), _BENCH),
        Figure("first_ms", "ms", _of_rows("measured", "first_ms"), _BENCH),
        Figure("peak_rss_mb", "MB", _of_rows("measured", "peak_rss_bytes", scale=1e-6), _BENCH),
        Figure("delegated_percent", "%", _of_rows("measured", "delegated_percent"), _BENCH),
        Figure("instructions", "", _of_rows("none", "instructions"), f"{_BENCH} --target arm64:cortex-a76"),
        Figure("modelled_ms", "ms", _of_rows("modelled", "median_ms"), _BENCH),
        Figure("size_mb", "MB", _size, _INSPECT),
        Figure("audit_errors", "", _of_audit("errors"), _INSPECT),
        Figure("int8_mac_percent", "%", _of_audit("int8_mac_percent"), _INSPECT),
        Figure("sqnr_db", "dB", _of_engines("sqnr_db"), _VERIFY),
        Figure("max_lsb", "LSB", _of_engines("max_lsb"), _VERIFY),
    )
}
"""Name -> figure. A model that others are compared with (the float network) is not judged."""


@dataclass(frozen=True)
class Gate:
    """One gate: it fails for a model whose figure stands in the comparison with the limit."""

    expression: str
    figure: Figure
    comparison: str
    limit: float

    def fails(self, value: float) -> bool:
        """Return whether a value is what must not be."""
        return _COMPARISONS[self.comparison](value, self.limit)


def parse_gate(expression: str) -> Gate:
    """Return the gate that an expression describes.

    Raises:
        UsageError: It is not NAME, comparison, number, or no float holds the number.
        UnknownNameError: There is no figure of that name.
    """
    match = _GATE.fullmatch(expression)
    if match is None:
        raise UsageError(
            "the gate cannot be read",
            got=repr(expression),
            allowed=f"NAME {' or '.join(_COMPARISONS)} NUMBER, one of each",
            hint="for example --fail-if 'top1_drop>0.5'",
        )
    name, comparison, limit = match.groups()
    if name not in FIGURES:
        raise UnknownNameError("figure of a gate", name, FIGURES)
    if not math.isfinite(float(limit)):
        raise UsageError(
            "the limit of the gate is too large for a number",
            got=repr(expression),
            allowed="a number that is finite as a 64-bit float",
            hint="for example --fail-if 'top1_drop>0.5'",
        )
    return Gate(f"{name}{comparison}{limit}", FIGURES[name], comparison, float(limit))


def judge(report: dict[str, Any], gates: Sequence[Gate]) -> list[dict[str, Any]]:
    """Return the outcome of each gate for every model that is compared with another, or stands alone.

    Args:
        report: With ``models``, ``latency`` and ``verifications``.
        gates: What must not be.
    """
    judged = [model for model in report["models"] if model["role"] == "candidate"]
    return [_outcome(report, gate, judged) for gate in gates]


def _outcome(report: dict[str, Any], gate: Gate, models: list[dict[str, Any]]) -> dict[str, Any]:
    lines = [line for model in models for line in _lines(report, gate, model)]
    if not lines:
        lines = [_line(None, Value(None, None, "", None), gate, "no model is judged")]
    return {
        "expression": gate.expression,
        "name": gate.figure.name,
        "comparison": gate.comparison,
        "limit": gate.limit,
        "unit": gate.figure.unit,
        "passed": all(line["passed"] for line in lines),
        "lines": lines,
    }


def _lines(report: dict[str, Any], gate: Gate, model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = list(gate.figure.read(report, model))
    absent = f"there is no such figure: {gate.figure.needs}"
    if not found:
        yield _line(model, Value(None, None, "", None), gate, absent)
    for value in found:
        yield _line(model, value, gate, (value.reason or absent) if value.value is None else None)


def _line(model: dict[str, Any] | None, value: Value, gate: Gate, reason: str | None) -> dict[str, Any]:
    passed = value.value is not None and not gate.fails(value.value)
    if value.value is not None and value.ci95 is not None:
        # Both ends of the interval on the same side of the limit: chance alone does not explain the outcome.
        certain = len({gate.fails(bound) for bound in value.ci95}) == 1
    else:
        certain = None
    return {
        "model": None if model is None else model["name"],
        "condition": value.condition,
        "value": value.value,
        "ci95": value.ci95,
        "passed": passed,
        "certain": certain,
        "reason": reason,
        "source": value.source,
    }


def failing_lines(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line per failure: model, value, limit."""
    lines = []
    for outcome in outcomes:
        for line in outcome["lines"]:
            if not line["passed"]:
                value = (
                    "absent" if line["value"] is None else f"{line['value']:.6g} {outcome['unit']}".strip()
                )
                where = f" ({line['condition']})" if line["condition"] else ""
                reason = f"; {line['reason']}" if line["reason"] else ""
                lines.append(
                    f"{line['model'] or 'no model'}{where}: {outcome['name']} {value}, "
                    f"fails if {outcome['comparison']} {outcome['limit']:g} {outcome['unit']}".rstrip()
                    + reason
                )
    return lines
