"""What makes a result worth less than it looks: an enumerated list, each with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.bench.stats import LEAST_ROUNDS
from edge_effnet.runtimes.edgetpu import USB2_MBPS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NOTICES", "Notice", "notices_of"]

Result = dict[str, Any]


@dataclass(frozen=True)
class Notice:
    """One kind of notice.

    Attributes:
        code: Its name in records.
        severity: ``warning`` where the figure itself is in doubt, ``info`` where it only needs to be read with care.
        finds: Returns what was seen in a result, or None.
        advice: What to do about it.
    """

    code: str
    severity: str
    finds: Callable[[Result], str | None]
    advice: str


def notices_of(result: Result) -> list[dict[str, str]]:
    """Return the notices of a result (without its ``notices``), as ``{code, severity, message, advice}``."""
    found = ((notice, notice.finds(result)) for notice in NOTICES)
    return [
        {"code": notice.code, "severity": notice.severity, "message": message, "advice": notice.advice}
        for notice, message in found
        if message is not None
    ]


FEW_RUNS: Final = 30
"""Fewer samples than this leave the 90th percentile to three of them."""

WIDE: Final = 0.1
"""Quartiles this far apart, as a share of the median, are not the model's doing: its work never changes."""

DRIFT: Final = 1.05
"""Slowing down by more than this from the first to the last third of the samples."""

SLOW_START: Final = 2.0
"""A first inference this many times as long as the median is one that a user waits for."""

BUSY: Final = 0.3
"""Load of others, as a share of the cores, from which on they are neighbours."""


def _few_runs(result: Result) -> str | None:
    few = result["timing"] == "measured" and result["n"] is not None and result["n"] < FEW_RUNS
    return f"only {result['n']} samples" if few else None


def _few_rounds(result: Result) -> str | None:
    rounds = result["rounds"]
    few = result["timing"] == "measured" and rounds is not None and len(rounds) < LEAST_ROUNDS
    return f"only {len(rounds)} turns, too few for an interval" if few else None


def _noisy(result: Result) -> str | None:
    if (
        result["median_ms"] is None
        or result["iqr_ms"] is None
        or result["iqr_ms"] <= WIDE * result["median_ms"]
    ):
        return None
    return f"the quartiles are {100 * result['iqr_ms'] / result['median_ms']:.0f} % of the median apart"


def _busy(result: Result) -> str | None:
    load, cores = result["device"].get("load_average"), result["device"].get("cores")
    if result["timing"] != "measured" or load is None or not cores or load <= BUSY * cores:
        return None
    return f"a load of {load:.1f} on {cores} cores before it began"


def _throttled(result: Result) -> str | None:
    samples = result["samples_ms"]
    if not samples or len(samples) < FEW_RUNS:
        return None
    third = len(samples) // 3
    drift = float(np.median(samples[-third:]) / np.median(samples[:third]))
    return f"the last third was {drift:.2f} x as slow as the first" if drift > DRIFT else None


def _hot(result: Result) -> str | None:
    readings = (result["source"] or {}).get("thermal") or []
    worst = max((turn["after"] for turn in readings), key=lambda state: state["status"] or 0, default=None)
    return (
        f"the device's thermal status rose to {worst['status_name']}" if worst and worst["status"] else None
    )


def _governor(result: Result) -> str | None:
    governor = result["device"].get("governor")
    slow = result["timing"] == "measured" and governor not in (None, "performance")
    return f"the clock's governor is {governor}" if slow else None


def _quota(result: Result) -> str | None:
    quota = result["device"].get("container", {}).get("cpu_quota")
    tight = result["timing"] == "measured" and quota is not None and quota < (result["threads"] or 1) + 1
    return f"the container may use {quota:g} cores' time" if tight else None


def _cold(result: Result) -> str | None:
    warm_up = result.get("warm_up")
    return (
        None
        if warm_up is None or warm_up["stable"]
        else f"still changing after {warm_up['runs']} warm-up runs"
    )


def _cold_start(result: Result) -> str | None:
    first, median = result["first_ms"], result["median_ms"]
    if first is None or median is None or first <= SLOW_START * median:
        return None
    return f"the first inference took {first / median:.1f} x the median"


def _undelegated(result: Result) -> str | None:
    taken, total = result["delegated_ops"], result["total_ops"]
    expects = result["engine"] == "xnnpack" or result["engine"].startswith(("delegate", "edgetpu"))
    if not expects or not total or taken is None or taken in {0, total}:
        return None
    return f"{total - taken} of {total} operators run outside the delegate"


def _not_delegated(result: Result) -> str | None:
    return "the delegate was loaded and took no operator" if result["status"] == "not_delegated" else None


def _usb2(result: Result) -> str | None:
    speed = (result["accelerator"] or {}).get("usb_speed_mbps")
    return (
        f"the Edge TPU hangs on USB at {speed:g} Mbit/s" if speed is not None and speed <= USB2_MBPS else None
    )


def _shared_cache(result: Result) -> str | None:
    apart = (result["accelerator"] or {}).get("compiled_together") is False
    return "another model shares the Edge TPU, and was not compiled together with this one" if apart else None


def _no_samples(result: Result) -> str | None:
    missing = result["timing"] == "measured" and result["status"] == "ok" and result["samples_ms"] is None
    return "the tool prints no single samples" if missing else None


def _inexact_count(result: Result) -> str | None:
    spread = result["instructions_spread"]
    return f"the count moved by up to {spread} instructions from run to run" if spread else None


NOTICES: Final = (
    Notice("few_rounds", "info", _few_rounds, "raise --min-runs or --min-seconds"),
    Notice("few_runs", "warning", _few_runs, "raise --min-runs or --min-seconds"),
    Notice(
        "noisy",
        "warning",
        _noisy,
        "stop other programs, pin with --cpus, and compare ratios of one run, not times",
    ),
    Notice("noisy_neighbour", "warning", _busy, "wait until the machine is idle, or measure on another"),
    Notice(
        "throttling", "warning", _throttled, "let it cool down, shorten --min-seconds, or improve the cooling"
    ),
    Notice(
        "hot_device",
        "warning",
        _hot,
        "take it out of its case and away from the charger; EDGE_EFFNET_COOL_DOWN_S waits longer",
    ),
    Notice("governor", "info", _governor, "set the governor to performance for the time of the measurement"),
    Notice("cpu_quota", "warning", _quota, "raise the container's CPU limit above --threads"),
    Notice("cold", "warning", _cold, "the machine's state changes: repeat, with fewer programs beside it"),
    Notice("cold_start", "info", _cold_start, "run one inference before the user waits for it"),
    Notice(
        "undelegated_ops",
        "info",
        _undelegated,
        "`edge-effnet profile` shows which; another export may keep them in",
    ),
    Notice(
        "not_delegated",
        "warning",
        _not_delegated,
        "the figure is that of the plain kernels: check the model's types for it",
    ),
    Notice(
        "inexact_count",
        "info",
        _inexact_count,
        "the fewest are reported; LiteRT's own kernels look at the clock, those of xnnpack do not",
    ),
    Notice(
        "usb2",
        "warning",
        _usb2,
        "use a USB 3 port and cable: transfers take about eight times as long on USB 2",
    ),
    Notice(
        "shared_cache",
        "info",
        _shared_cache,
        "each turn begins with one untimed inference; compile both in one call of `edgetpu compile` to share the cache",
    ),
    Notice("no_samples", "info", _no_samples, "no interval can be given for these figures"),
)
"""Every notice there is, in the order in which they are shown."""
