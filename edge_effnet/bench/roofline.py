"""The roofline of a profile: how near each operator comes to what the arithmetic and the memory allow.

Below the ridge, where a byte is used for few multiply-accumulates, memory is the bound; above it, arithmetic is.

References:
    Williams, Waterman, Patterson, Roofline: an insightful visual performance model, CACM 52 (2009).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge_effnet.bench.peak import Peak

__all__ = ["MIN_RATE_US", "NO_RATES", "groups", "rates"]

MIN_RATE_US: Final = 2.0
"""Shortest time that a rate is made of: XNNPACK's clock ticks in microseconds, so that below it is off by a quarter."""

NO_RATES: Final[dict[str, Any]] = {
    "gmacs_per_s": None,
    "gbytes_per_s": None,
    "intensity": None,
    "share_of_peak": None,
    "share_of_bandwidth": None,
    "roof": None,
    "share_of_roof": None,
}
"""The keys of `rates` where there is no time."""


def rates(
    macs: int, size_bytes: int, us: float | None, peak: Peak | None, *, int8: bool | None
) -> dict[str, Any]:
    """Return the rates of an operator or of many together.

    Args:
        macs: Multiply-accumulates.
        size_bytes: Bytes read and written.
        us: Microseconds; None where they are not known.
        peak: What the machine can do; None where it was not measured.
        int8: Whether the peak is that of 8-bit integers; None for a mixture, which has no peak.

    Returns:
        The keys of `NO_RATES`. ``intensity`` is in multiply-accumulates per byte; ``roof`` is what limits it,
        ``compute`` or ``memory``; shares are 0 to 1, and more where the data was in a cache that is faster than the
        memory.
    """
    intensity = macs / size_bytes if size_bytes else None
    if us is None or us < MIN_RATE_US:
        return {**NO_RATES, "intensity": intensity}
    gmacs, gbytes = macs / us / 1e3, size_bytes / us / 1e3
    found = {
        **NO_RATES,
        "gmacs_per_s": gmacs if macs else None,
        "gbytes_per_s": gbytes,
        "intensity": intensity,
    }
    if peak is None:
        return found
    top = {True: peak.int8_gmacs_per_s, False: peak.float32_gmacs_per_s, None: None}[int8]
    of_peak, of_bandwidth = gmacs / top if macs and top else None, gbytes / peak.gbytes_per_s
    # With no multiply-accumulates only the memory is left; with an unknown peak, neither can be told.
    known = top is not None or not macs
    by_compute = of_peak is not None and of_peak >= of_bandwidth
    return {
        **found,
        "share_of_peak": of_peak,
        "share_of_bandwidth": of_bandwidth,
        "roof": ("compute" if by_compute else "memory") if known else None,
        "share_of_roof": max(of_peak or 0.0, of_bandwidth) if known else None,
    }


def groups(
    rows: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], Any], peak: Peak | None
) -> list[dict[str, Any]]:
    """Return the sums of rows that have a key in common, in the order in which the keys appear.

    Args:
        rows: Operators of a profile's record.
        key: What they have in common.
        peak: See `rates`.
    """
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    total = _sum(row["us"] for row in rows)
    return [{"name": name, **_together(members, total, peak)} for name, members in found.items()]


def _together(rows: Sequence[dict[str, Any]], total: float | None, peak: Peak | None) -> dict[str, Any]:
    us, macs, size = (
        _sum(row["us"] for row in rows),
        sum(row["macs"] for row in rows),
        sum(row["bytes"] for row in rows),
    )
    kinds = {bool(row["int8"]) for row in rows if row["macs"]}
    int8 = kinds.pop() if len(kinds) == 1 else None
    return {
        "operators": len(rows),
        "us": us,
        "share": us / total if us is not None and total else None,
        "macs": macs,
        "bytes": size,
        "instructions": _sum(row["instructions"] for row in rows),
        **rates(macs, size, us, peak, int8=int8),
    }


def _sum(values: Iterable[Any]) -> Any:
    """Return the sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
