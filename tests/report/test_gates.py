"""report.gates: what must not be, and that nothing passes for want of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report import records

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.report import collect, failing_lines, parse_gate, report_document
from edge_effnet.report.gates import FIGURES

if TYPE_CHECKING:
    from pathlib import Path


def _judged(folder: Path, gate: str, **found: dict[str, Any]) -> dict[str, Any]:
    (outcome,) = report_document(collect([records.save(folder, **found)]), [parse_gate(gate)])["gates"]
    return outcome


@given(st.sampled_from(sorted(FIGURES)), st.sampled_from([">", "<", ">=", "<="]), st.floats(-1e9, 1e9))
def test_a_gate_is_read_as_it_is_written(name: str, comparison: str, limit: float) -> None:
    """Name, comparison, number, with or without spaces."""
    gate = parse_gate(f" {name} {comparison} {limit!r} ")
    assert (gate.figure.name, gate.comparison, gate.limit) == (name, comparison, limit)


@pytest.mark.parametrize("text", ["", "top1", "top1>", ">5", "top1>5>4", "top1==5", "top1>a", "top1>5 ms", "top1>nan",
                                  "__import__('os')>1", "top1>5;size_mb>2", "top1!=3", "p90_ms>1e999",
                                  "p90_ms<-1e999", "images<" + "9" * 400])  # fmt: skip
def test_what_is_no_gate_is_refused(text: str) -> None:
    """With exit code 2; nothing is ever run."""
    with pytest.raises(UsageError):
        parse_gate(text)


def test_a_mistyped_figure_gets_a_proposal() -> None:
    """And the whole list."""
    with pytest.raises(UnknownNameError) as caught:
        parse_gate("top1_dorp>0.5")
    assert caught.value.hint == "did you mean 'top1_drop'?"


@pytest.mark.parametrize(
    ("gate", "passed", "value"),
    [
        ("p90_ms>12", True, 11.0), ("p90_ms>11", True, 11.0), ("p90_ms>=11", False, 11.0), ("p90_ms>10.9", False, 11.0),
        ("top1<70", True, 77.0), ("top1<78", False, 77.0), ("top1_drop>0.5", False, 1.0), ("size_mb>5", False, 6.0),
        ("audit_errors>0", True, 0), ("peak_rss_mb>100", True, 60.0), ("delegated_percent<100", True, 100.0),
        ("sqnr_db<15", True, 20.0), ("instructions>1e8", True, 73_000_000), ("int8_mac_percent<100", True, 100.0),
    ],
)  # fmt: skip
def test_every_model_but_the_reference_is_judged(
    tmp_path: Path, gate: str, passed: bool, value: float
) -> None:
    """The value, and on which side of the limit it is."""
    counted = records.result("int8", None, timing="none", target="arm64:cortex-a76", instructions=73_000_000)
    outcome = _judged(
        tmp_path, gate, b=records.bench(records.result("float", 99.0), records.result("int8"), counted),
        e=records.evaluation(records.score("float", 78), records.score("int8", 77)),
        i=records.inspection("int8"), v=records.verification("int8"),
    )  # fmt: skip
    (line,) = outcome["lines"]
    assert (line["model"], outcome["passed"], line["passed"]) == ("int8", passed, passed)
    assert line["value"] == pytest.approx(value)


@pytest.mark.parametrize("gate", ["top1_drop>0.5", "p90_ms>12", "sqnr_db<10", "instructions>1"])
def test_a_figure_that_is_absent_fails_and_says_what_to_run(tmp_path: Path, gate: str) -> None:
    """A gate never passes because nothing was measured."""
    outcome = _judged(tmp_path, gate, i=records.inspection("m"))
    assert not outcome["passed"]
    (said,) = failing_lines([outcome])
    assert "absent" in said
    assert "edge-effnet" in said


def test_a_counted_or_modelled_result_is_no_measured_one(tmp_path: Path) -> None:
    """A modelled time does not pass a gate on measured time."""
    modelled = records.bench(records.result("m", 1.0, timing="modelled", target="edgetpu"))
    outcome = _judged(tmp_path, "median_ms>12", b=modelled)
    assert not outcome["passed"]
    assert outcome["lines"][0]["value"] is None


def test_a_target_that_did_not_run_fails_with_its_own_reason(tmp_path: Path) -> None:
    """Every condition that was asked for is judged."""
    missing = records.result("m", None, status="missing", reason="no device", target="adb")
    outcome = _judged(tmp_path, "p90_ms>12", b=records.bench(records.result("m"), missing))
    assert [line["passed"] for line in outcome["lines"]] == [True, False]
    assert failing_lines([outcome]) == [
        "m (adb, xnnpack, 1 thread): p90_ms absent, fails if > 12 ms; no device"
    ]


def test_an_outcome_that_chance_may_have_decided_is_marked(tmp_path: Path) -> None:
    """A drop of 1 with an interval from -1 to 3 passes a limit of 2, and a limit of 4 with certainty."""
    found = {"e": records.evaluation(records.score("float", 78), records.score("int8", 77))}
    near, far = (_judged(tmp_path, f"top1_drop>{limit}", **found)["lines"][0] for limit in (2, 4))
    assert (near["passed"], near["certain"]) == (True, False)
    assert (far["passed"], far["certain"]) == (True, True)
