"""bench.notices: what puts a result in doubt is said, with advice, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from edge_effnet.bench.notices import NOTICES, notices_of
from edge_effnet.bench.record import EMPTY

_CALM: dict[str, Any] = {
    **EMPTY,
    "engine": "xnnpack",
    "target": "local",
    "threads": 1,
    "n": 200,
    "median_ms": 2.0,
    "iqr_ms": 0.05,
    "samples_ms": [2.0] * 200,
    "source": None,
    "warm_up": {"runs": 30, "seconds": 0.1, "stable": True},
    "delegated_ops": 10,
    "total_ops": 10,
    "device": {"load_average": 0.1, "cores": 4, "governor": None, "container": {"cpu_quota": None}},
}


def _codes(**changes: Any) -> list[str]:
    return [notice["code"] for notice in notices_of({**_CALM, **changes})]


def _device(**changes: Any) -> dict[str, Any]:
    return {**_CALM["device"], **changes}


def test_a_calm_result_has_no_notice() -> None:
    """Notices that are always there are not read."""
    assert _codes() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"n": 20, "samples_ms": [2.0] * 20}, "few_runs"),
        ({"rounds": [40] * 5}, "few_rounds"),
        ({"iqr_ms": 0.5}, "noisy"),
        ({"device": _device(load_average=3.5)}, "noisy_neighbour"),
        ({"samples_ms": [2.0] * 100 + [2.4] * 100}, "throttling"),
        ({"source": {"thermal": [{"after": {"status": 2, "status_name": "moderate"}}]}}, "hot_device"),
        ({"device": _device(governor="powersave")}, "governor"),
        ({"device": _device(container={"cpu_quota": 1.0})}, "cpu_quota"),
        ({"warm_up": {"runs": 900, "seconds": 3.0, "stable": False}}, "cold"),
        ({"first_ms": 5.0}, "cold_start"),
        ({"delegated_ops": 7}, "undelegated_ops"),
        ({"status": "not_delegated", "delegated_ops": 0, "engine": "delegate:x"}, "not_delegated"),
        ({"samples_ms": None}, "no_samples"),
        ({"accelerator": {"usb_speed_mbps": 480}}, "usb2"),
        ({"accelerator": {"compiled_together": False}}, "shared_cache"),
        ({"instructions": 10**8, "instructions_spread": 103}, "inexact_count"),
    ],
)
def test_each_doubt_has_its_notice(changes: dict[str, Any], code: str) -> None:
    """One cause, one notice, with words and advice."""
    found = notices_of({**_CALM, **changes})
    assert [notice["code"] for notice in found] == [code]
    assert found[0]["message"]
    assert found[0]["advice"]


def test_every_notice_is_tried_above() -> None:
    """A new row needs its case."""
    marks = test_each_doubt_has_its_notice.pytestmark  # type: ignore[attr-defined]
    assert {code for _, code in marks[0].args[1]} == {notice.code for notice in NOTICES}


def test_what_was_counted_gets_no_notice_about_time() -> None:
    """An emulated core has no clock to be throttled."""
    counted = {
        "timing": "none",
        "median_ms": None,
        "iqr_ms": None,
        "samples_ms": None,
        "n": None,
        "warm_up": None,
    }
    assert _codes(**counted, instructions=10, device=_device(load_average=9.0, governor="powersave")) == []
