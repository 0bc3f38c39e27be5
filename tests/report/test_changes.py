"""report.changes: what changed, how sure that is, and what makes the comparison unfair."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report import records

from edge_effnet.report import collect, compare_document, render_compare
from edge_effnet.report.significance import NO_CHANGE, accuracy_change, latency_ratio
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path


def _compared(folder: Path, a: dict[str, dict[str, Any]], b: dict[str, dict[str, Any]]) -> dict[str, Any]:
    sides = [collect([records.save(folder / name, **found)]) for name, found in (("a", a), ("b", b))]
    document = compare_document(sides[0], sides[1], ("a", "b"))
    jsonschema.validate(json.loads(json.dumps(document)), read_schema("compare"))
    assert document["sentence"] in render_compare(document)
    return document


def _change(document: dict[str, Any], what: str) -> dict[str, Any]:
    return next(change for change in document["changes"] if change["what"] == what)


@pytest.mark.parametrize(
    ("ms", "verdict"),
    [(20.0, "worse"), (10.7, "worse"), (10.3, "not shown"), (10.0, "not shown"), (9.0, "better")],
)
def test_a_latency_changes_only_beyond_its_interval_and_the_drift_between_runs(
    tmp_path: Path, ms: float, verdict: str
) -> None:
    """Samples of 1 % noise around 10 ms against others; 3 % could be the machine's mood."""
    document = _compared(
        tmp_path, {"b": records.bench(records.result("m"))}, {"b": records.bench(records.result("n", ms))}
    )
    change = _change(document, "median latency")
    assert change["verdict"] == verdict
    assert change["relative"] == pytest.approx(ms / 10)
    assert change["ci95"][0] < ms / 10 < change["ci95"][1]


def test_without_samples_nothing_is_claimed(tmp_path: Path) -> None:
    """Some tools print a median only."""
    bare = records.result("m", 20.0, samples_ms=None, rounds=None)
    document = _compared(tmp_path, {"b": records.bench(records.result("m"))}, {"b": records.bench(bare)})
    change = _change(document, "median latency")
    assert (change["verdict"], change["ci95"]) == ("not shown", None)


@given(st.floats(0.5, 20), st.floats(0.5, 20), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_interval_of_a_ratio_is_turned_by_swapping_the_sides(a_ms: float, b_ms: float, seed: int) -> None:
    """A faster by a factor is B slower by the same, and the interval holds the ratio of the medians."""
    generator = np.random.default_rng(seed)
    a, b = (
        {"median_ms": float(np.median(found)), "samples_ms": found.tolist()}
        for found in (generator.normal(ms, 0.02 * ms, 60) for ms in (a_ms, b_ms))
    )
    there, back = latency_ratio(a, b), latency_ratio(b, a)
    assert there is not None
    assert there[1] is not None
    assert back is not None
    assert back[1] is not None
    assert there[1][0] <= there[0] <= there[1][1]
    assert there[0] * back[0] == pytest.approx(1)
    assert there[1][0] * back[1][1] == pytest.approx(1, rel=0.02)


def test_the_same_distribution_is_seldom_called_different() -> None:
    """Of 30 pairs of runs with nothing between them, next to none leaves the band of no change."""
    generator = np.random.default_rng(3)
    outside = 0
    for _ in range(30):
        samples = generator.normal(10, 0.3, (2, 100))
        a, b = ({"median_ms": float(np.median(found)), "samples_ms": found.tolist()} for found in samples)
        found = latency_ratio(a, b)
        assert found is not None
        assert found[1] is not None
        outside += found[1][0] > NO_CHANGE[1] or found[1][1] < NO_CHANGE[0]
    assert outside == 0


def test_the_same_images_are_paired_and_others_are_not(tmp_path: Path) -> None:
    """77 against 80 of the same 100, three images apart: the paired interval is the shorter."""
    a = records.score("m", 80)
    b = records.score("n", 77)
    paired = accuracy_change(a | {"images_sha256": "s"}, b | {"images_sha256": "s"})
    apart = accuracy_change(a | {"images_sha256": "s"}, b | {"images_sha256": "t"})
    unknown = accuracy_change(a | {"images_sha256": ""}, b | {"images_sha256": ""})
    assert (paired["paired"], apart["paired"], unknown["paired"]) == (True, False, False)
    assert paired["change"] == apart["change"] == pytest.approx(-3.0)
    width = {name: found["ci95"][1] - found["ci95"][0] for name, found in (("p", paired), ("a", apart))}
    assert width["p"] < 0.7 * width["a"]
    assert "same 100 images" in paired["method"]
    assert "not known to be the same images" in apart["method"]


@pytest.mark.parametrize("right", ["", "!!", "AAAA", "A" * 40])
def test_bits_that_do_not_fit_are_not_paired(right: str) -> None:
    """A record without them, or with too few or too many, is compared as independent, with the reason."""
    entry = records.score("m", 80) | {"images_sha256": "s"}
    found = accuracy_change(entry, entry | {"right": right})
    assert not found["paired"]
    assert "do not say which images" in found["method"]


def test_a_large_drop_on_the_same_images_is_shown(tmp_path: Path) -> None:
    """90 to 70 of 100."""
    found = [records.evaluation(records.score(name, hits)) for name, hits in (("m", 90), ("n", 70))]
    change = _change(_compared(tmp_path, {"e": found[0]}, {"e": found[1]}), "top-1")
    assert (change["verdict"], change["change"]) == ("worse", pytest.approx(-20.0))
    assert change["ci95"][1] < 0


def test_exact_figures_need_no_interval(tmp_path: Path) -> None:
    """Bytes, operators, findings and counted instructions."""
    a = {
        "i": records.inspection("m", ops={"CONV_2D": 65, "MUL": 3}),
        "b": records.bench(
            records.result("m", None, timing="none", target="arm64:cortex-a76", instructions=100)
        ),
    }
    b = {
        "i": records.inspection("n", errors=2, ops={"CONV_2D": 64}, size=5_000_000),
        "b": records.bench(
            records.result(
                "n", None, timing="none", target="arm64:cortex-a76", instructions=101, size_bytes=5_000_000
            )
        ),
    }
    document = _compared(tmp_path, a, b)
    verdicts = {change["what"]: change["verdict"] for change in document["changes"]}
    assert verdicts["file size"] == "better"
    assert verdicts["audit errors"] == "worse"
    assert verdicts["audit warnings"] == "same"
    assert verdicts["instructions"] == "worse"
    assert (verdicts["operators CONV_2D"], verdicts["operators MUL"]) == ("differs", "differs")


def test_other_machines_versions_and_load_come_first(tmp_path: Path) -> None:
    """Each difference is said once, with both values."""
    other = records.HOST | {"cpu": "Another", "load_average": 3.0, "governor": "powersave"}
    a = records.bench(records.result("m"))
    b = records.bench(records.result("m", 20.0, device=other, runtime="ai-edge-litert 3"), commit="b" * 40)
    document = _compared(tmp_path, {"b": a}, {"b": b})
    found = {item["what"]: (item["a"], item["b"]) for item in document["unfair"]}
    assert found["cpu"] == ("A Processor", "Another")
    assert found["governor"] == ("performance", "powersave")
    assert found["runtime"] == ("ai-edge-litert 2.3.0", "ai-edge-litert 3")
    assert "load_average" in found
    assert found["version of edge-effnet, commit"] == ("a" * 12, "b" * 12)
    assert "the machine's or its software's" in _change(document, "median latency")["method"]


def test_a_fair_comparison_says_nothing_unfair(tmp_path: Path) -> None:
    """The same machine, versions and images."""
    found = {"b": records.bench(records.result("m")), "e": records.evaluation(records.score("m", 80))}
    assert _compared(tmp_path, found, found)["unfair"] == []


def test_what_is_on_one_side_only_is_listed(tmp_path: Path) -> None:
    """Nothing disappears from a comparison."""
    a = {"b": records.bench(records.result("m"), records.result("m", engine="builtin"), records.result("x"))}
    b = {"b": records.bench(records.result("m"))}
    said = [(item["side"], item["what"]) for item in _compared(tmp_path, a, b)["only_in_one"]]
    assert ("a", "model x") in said
    assert ("a", "latency of m on local, builtin, 1 thread") in said


def test_models_that_cannot_be_told_apart_are_not_paired(tmp_path: Path) -> None:
    """Two against two of other names: no guess."""
    a = {"b": records.bench(records.result("m1"), records.result("m2"))}
    b = {"b": records.bench(records.result("n1"), records.result("n2"))}
    document = _compared(tmp_path, a, b)
    assert document["pairs"] == []
    assert document["sentence"].startswith("No model of A")
    assert len(document["only_in_one"]) == 8


@pytest.mark.parametrize(
    ("engine", "count", "verdict"),
    [("xnnpack", 100_000_100, "worse"), ("builtin", 100_000_100, "not shown"), ("builtin", 100_100_000, "worse"),
     ("builtin", 100_000_000, "same")],
)  # fmt: skip
def test_counts_are_exact_where_the_engine_repeats_them(
    tmp_path: Path, engine: str, count: int, verdict: str
) -> None:
    """Some kernels look at the clock: a hundred instructions of a hundred million are theirs."""
    a, b = (
        records.bench(records.result("m", None, timing="none", engine=engine, instructions=number))
        for number in (100_000_000, count)
    )
    assert _change(_compared(tmp_path, {"b": a}, {"b": b}), "instructions")["verdict"] == verdict
