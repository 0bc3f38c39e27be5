"""Results that other tools have written: what `benchmark_model` prints, and the JSON of `litert-benchmark`.

They become results of a record like our own, named by their tool, at the target ``imported``. These tools print
statistics and no single times, and do not say on what machine: all that is null, and `source` keeps what they do say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.bench.notices import notices_of
from edge_effnet.bench.record import EMPTY, SCHEMA_VERSION, host_record
from edge_effnet.bench.tool_figures import (
    delegation_fields,
    fields_of_runs,
    figures_record,
    operators_record,
)
from edge_effnet.errors import DataError
from edge_effnet.runtimes.benchmark_model import runs_from_text
from edge_effnet.runtimes.tool_run import Figures, ToolRun

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TARGET", "entries_from_foreign", "record_from_foreign"]

TARGET: Final = "imported"
_MAX_BYTES: Final = 32 << 20
_MOST: Final = 1e15
"""No count and no time in milliseconds reaches this."""

_ALLOWED: Final = "the text that benchmark_model prints, or the file of litert-benchmark --result_json"
_LITERT: Final = "litert-benchmark"
_TOOL: Final = "benchmark_model"
_NOTES: Final = {
    _TOOL: "statistics as the tool prints them; the machine is not named",
    _LITERT: "statistics rounded to 10 microseconds by the tool; the machine is not named",
}


def record_from_foreign(paths: Sequence[Path]) -> dict[str, Any]:
    """Return a record of `bench` that holds what other tools measured; ``host`` is the machine that wrote the record.

    Raises:
        DataError: A file cannot be read or is of neither tool.
    """
    results = [entry for path in paths for entry in entries_from_foreign(path)]
    return {
        "schema_version": SCHEMA_VERSION,
        "host": host_record(),
        "plan": None,
        "results": results,
        "ratios": [],
    }


def entries_from_foreign(path: str | Path) -> list[dict[str, Any]]:
    """Read what another tool left behind.

    Args:
        path: The file: text of `benchmark_model`, of one run or several, or JSON of `litert-benchmark`.

    Returns:
        One result per run of the tool, with every key of `edge_effnet.bench.record.EMPTY`.

    Raises:
        DataError: It cannot be read, is of neither tool, or holds figures that are none.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", got=path, allowed=_ALLOWED) from error
    if len(content) > _MAX_BYTES:
        raise DataError(
            "the file is too large for a tool's output", got=path, allowed=f"{_MAX_BYTES:,} bytes"
        )
    text = content.decode("utf-8", errors="replace")
    tool, runs = (
        (_LITERT, [_litert(text, path)]) if text.lstrip()[:1] in ("{", "[") else (_TOOL, _text(text, path))
    )
    facts = {"tool": tool, "file": path.name, "sha256": sha256_of_bytes(content)}
    return [_entry(run, facts) for run in runs]


def _text(text: str, path: Path) -> list[ToolRun]:
    try:
        return runs_from_text(text)
    except DataError as error:
        raise DataError(error.message, got=error.got or path, allowed=_ALLOWED, hint=error.hint) from error


def _entry(run: ToolRun, facts: dict[str, Any]) -> dict[str, Any]:
    found = max(run.delegations, key=lambda row: row.delegated or 0, default=None)
    status = "failed" if run.measured is None else "ok"
    if status == "ok" and run.delegations and all(row.extent == "none" for row in run.delegations):
        status = "not_delegated"
    source = {
        **facts,
        "statistic": _NOTES[facts["tool"]],
        "invocations": [] if run.measured is None else [figures_record(run.measured)],
        "memory_mib": run.memory_mb or None,
        "operators": operators_record(run),
    }
    result: dict[str, Any] = {
        **EMPTY,
        "model": run.model or facts["file"],
        "engine": _engine(run),
        "target": TARGET,
        "threads": run.threads,
        "status": status,
        "reason": "; ".join(run.errors)[:400] if status == "failed" else None,
        **fields_of_runs([run]),
        **delegation_fields(found),
        "source": source,
    }
    return {**result, "notices": notices_of(result)}


def _engine(run: ToolRun) -> str:
    """Return what ran the model, as far as the tool says."""
    names = [row.name for row in run.delegations if row.extent != "none"] + run.created
    if any("xnnpack" in name.lower() for name in names):
        return "xnnpack"
    return names[0].lower() if names else "unknown"


def _litert(text: str, path: Path) -> ToolRun:
    """Read the JSON of litert-benchmark 2.x."""
    try:
        fields = json.loads(text)
        latency = fields["latency"]
        count = latency["num_runs"]
        if isinstance(count, bool) or not isinstance(count, int) or not 0 < count < _MOST:
            raise TypeError  # noqa: TRY301 - one answer for every kind of nonsense
        figures = Figures(
            count,
            _number(latency["avg_ms"]),
            least=_number(latency["min_ms"]),
            most=_number(latency["max_ms"]),
            deviation=_number(latency["std_ms"]),
            p5=_number(latency["p5_ms"]),
            median=_number(latency["median_ms"]),
            p95=_number(latency["p95_ms"]),
        )
        accelerators = [str(name)[:60] for name in fields.get("accelerators") or []]
        threads = fields.get("num_threads")
        return ToolRun(
            model=str(fields["model"])[:4096],
            threads=threads if isinstance(threads, int) and 0 < threads < 1 << 16 else None,
            init_ms=_number(latency["init_ms"]),
            first_ms=_number(latency["warmup_first_ms"]),
            measured=figures,
            created=["+".join(accelerators)] if accelerators else [],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("this is no result of litert-benchmark", got=path, allowed=_ALLOWED) from error


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    if not 0 <= value < _MOST:
        raise ValueError
    return float(value)
