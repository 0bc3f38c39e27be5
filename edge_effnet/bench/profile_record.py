"""What `profile` prints and writes: operators, and their sums by kind, by part and by block."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.bench.record import host_record
from edge_effnet.bench.roofline import groups, rates

if TYPE_CHECKING:
    from edge_effnet.bench.operators import Row
    from edge_effnet.bench.peak import Peak
    from edge_effnet.bench.profile import Profile
    from edge_effnet.bench.profile_times import Times

__all__ = ["SCHEMA_VERSION", "record_of"]

SCHEMA_VERSION: Final = 1

_METHOD: Final = {
    "profiler": (
        "Inferences under the profiler and inferences without it in turns. An operator's time is the mean over the runs"
        " whose sum is in the middle half; a kernel of XNNPACK gets 0.5 us more, because its clock drops what is less"
        " than a microsecond. whole_us is the mean of the middle half of the inferences that nobody watched."
    ),
    "alone": (
        "There is no profiler for this engine and these threads. Each operator was cut out of the file and timed alone, in the same engine, and in"
        " turns with the whole: its time is the mean of the middle half of its runs, and so is whole_us."
    ),
    "counter": "Retired instructions of one inference on an emulated core, by operator. An emulator has no times.",
}

_ADVICE: Final = {
    "profiler": "stop what else runs there and profile again",
    "alone": "read a row as a lower bound: an operator that runs alone finds its input in the caches",
}
"""What to do where the parts do not make the whole."""

_FOREIGN: Final = 0.01
"""Share of the time in kernels that the runtime added from which on it is worth a notice; their rows are always there."""

_NO_PEAK: Final[dict[str, Any]] = {
    "int8_gmacs_per_s": None,
    "float32_gmacs_per_s": None,
    "gbytes_per_s": None,
    "cached_gbytes_per_s": None,
    "method": None,
}


def record_of(profile: Profile) -> dict[str, Any]:
    """Return the record of a profile; `edge_effnet/schemas/profile.json` describes it."""
    times = profile.attempts[-1] if profile.attempts else None
    operators = [_operator(index, row, profile, times) for index, row in enumerate(profile.rows)]
    peak = profile.peak
    return {
        "schema_version": SCHEMA_VERSION,
        "model": str(profile.path),
        "sha256": profile.sha256,
        "size_bytes": profile.model.size_bytes,
        "engine": profile.engine,
        "target": profile.target,
        "threads": profile.plan.threads,
        "cpus": list(profile.plan.cpus),
        "timing": profile.timing,
        "means": profile.means,
        "runtime": profile.runtime,
        "host": host_record(),
        "device": profile.device,
        "method": _METHOD[profile.means],
        **_times(times),
        "attempts": [_times(attempt) for attempt in profile.attempts],
        "instructions": profile.total_instructions,
        "macs": sum(row.macs for row in profile.rows),
        "bytes": sum(row.size_bytes for row in profile.rows),
        "peak": _NO_PEAK if peak is None else asdict(peak),
        "operators": operators,
        "kinds": groups(operators, lambda row: row["kind"], peak),
        "parts": groups(operators, lambda row: row["part"], peak),
        "blocks": _blocks(operators, peak),
        "notices": _notices(profile, times, operators),
    }


def _operator(index: int, row: Row, profile: Profile, times: Times | None) -> dict[str, Any]:
    us = None if times is None or row.event is None else float(times.operators_us[row.event])
    counts = profile.instructions
    return {
        "index": index,
        "name": row.name,
        "kind": row.kind,
        "block": row.block,
        "part": row.part,
        "op": row.op,
        "op_indices": list(row.op_indices),
        "kernel": row.kernel,
        "us": us,
        "share": None if us is None or times is None else us / times.total_us,
        "macs": row.macs,
        "bytes": row.size_bytes,
        "int8": row.int8,
        **rates(row.macs, row.size_bytes, us, profile.peak, int8=row.int8),
        "instructions": None if counts is None or row.event is None else counts[row.event],
        "reason": row.reason,
    }


def _times(times: Times | None) -> dict[str, Any]:
    if times is None:
        return {
            "total_us": None, "whole_us": None, "watched_us": None, "parts_to_whole": None, "fits": None, "runs": None
        }  # fmt: skip
    return {
        "total_us": times.total_us,
        "whole_us": times.whole_us,
        "watched_us": times.watched_us,
        "parts_to_whole": times.total_us / times.whole_us,
        "fits": times.fits,
        "runs": times.runs,
    }


def _blocks(operators: list[dict[str, Any]], peak: Peak | None) -> list[dict[str, Any]]:
    """Return the sums by block, each with its microseconds (or instructions) by part."""
    found = groups(operators, lambda row: row["block"], peak)
    unit = "us" if peak is not None else "instructions"
    for block in found:
        parts: dict[str, float] = {}
        for row in operators:
            if row["block"] == block["name"] and row[unit] is not None:
                parts[row["part"]] = parts.get(row["part"], 0.0) + row[unit]
        block["by_part"] = parts
    return found


def _notices(profile: Profile, times: Times | None, operators: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return what makes the profile worth less than it looks."""
    found = []
    if times is not None and not times.fits:
        found.append(_notice(
            "parts_do_not_fit", "warning",
            f"the operators add up to {100 * times.total_us / times.whole_us:.0f} % of the whole,"
            f" after {len(profile.attempts)} attempts",
            _ADVICE[profile.means],
        ))  # fmt: skip
    if not profile.tested:
        found.append(_notice(
            "untested_profiler", "warning", f"this was not tested with {profile.runtime}",
            "compare the sum of the operators with the whole before you believe a row",
        ))  # fmt: skip
    foreign = sum(row["us"] for row in operators if row["us"] and not row["op_indices"])
    if times is not None and foreign > _FOREIGN * times.total_us:
        found.append(_notice(
            "not_in_the_file", "info",
            f"{100 * foreign / times.total_us:.1f} % of the time is in kernels that are no operators of the file",
            "see the reasons of their rows",
        ))  # fmt: skip
    missing = [row for row in operators if row["us"] is None and row["instructions"] is None]
    if missing:
        found.append(_notice(
            "without_event", "info", f"{len(missing)} operators have no event: {missing[0]['op']} and others",
            "it is in the kernels beside them, or spent on loading; see their reasons",
        ))  # fmt: skip
    return found


def _notice(code: str, severity: str, message: str, advice: str) -> dict[str, str]:
    return {"code": code, "severity": severity, "message": message, "advice": advice}
