"""Records that contradict each other: nothing is settled in silence, and the order of the arguments settles nothing."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from report import records

from edge_effnet.cli.main import run
from edge_effnet.errors import DataError
from edge_effnet.report import collect, compare_document, parse_gate, render_json, report_document
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path


def _in_every_order(folder: Path, *gates: str, **found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the reports on records that are named in every order, without the time they were made."""
    records.save(folder, **found)
    files = [folder / f"{name}.json" for name in found]
    parsed = [parse_gate(gate) for gate in gates]
    documents = [report_document(collect(order), parsed) for order in permutations(files)]
    for document in documents:
        document.pop("made")
    return documents


def _evaluation(int8: int, n: int = 100, **more: Any) -> dict[str, Any]:
    return records.evaluation(records.score("float", 80, n=n), records.score("q", int8, n=n), **more)


@pytest.mark.parametrize(
    ("what", "one", "two", "values"),
    [
        ("size_bytes", records.inspection("q", size=20_000_000), records.inspection("q", size=1_000), "20000000 1000"),
        ("size_bytes", records.conversion("q"), records.inspection("q", size=1_000), "6000000 1000"),
        ("size_bytes", records.bench(records.result("q", size_bytes=5)), records.verification("q"), "5 6000000"),
        ("errors", records.inspection("q", errors=3), records.inspection("q"), "3 0"),
        ("full_integer", records.inspection("q"), {**records.inspection("q"), "full_integer": False}, "True False"),
        ("operators", records.inspection("q"), records.inspection("q", ops={"ADD": 9}), "74 9"),
        ("int8 multiply", records.inspection("q"),
         {**records.inspection("q"), "macs": {"total": 1000, "int8": 1}}, "1000 1"),
    ],
)  # fmt: skip
def test_two_values_of_what_a_file_alone_decides_are_refused_in_any_order(
    tmp_path: Path, what: str, one: dict[str, Any], two: dict[str, Any], values: str
) -> None:
    """Both records and both values are named, the exit code is 4, and the message is the same in both orders."""
    records.save(tmp_path, one=one, two=two)
    said = set()
    for order in permutations([tmp_path / "one.json", tmp_path / "two.json"]):
        with pytest.raises(DataError) as caught:
            report_document(collect(order))
        said.add(str(caught.value))
    assert len(said) == 1
    assert caught.value.exit_code == 4
    assert what in caught.value.message
    assert all(part in str(caught.value.got) for part in ("one.json", "two.json", *values.split()))
    assert records.sha("q") in str(caught.value.allowed)
    assert caught.value.hint


def test_records_that_agree_about_a_file_are_joined(tmp_path: Path) -> None:
    """Two audits with the same figures are no contradiction, and nothing speaks against them."""
    first, second = records.inspection("q"), {**records.inspection("q"), "description": "again"}
    one, *others = _in_every_order(tmp_path, "audit_errors>0", a=first, b=second)
    assert all(other == one for other in others)
    assert (one["verdict"]["status"], one["verdict"]["doubts"], one["notes"]) == ("passed", [], [])


def test_the_worst_evaluation_decides_and_the_contradiction_is_shown(tmp_path: Path) -> None:
    """80 % and 60 % on the same images: the gate fails in any order, and both records are named among the doubts."""
    one, *others = _in_every_order(
        tmp_path, "top1_drop>0.5", "top1<70", a=_evaluation(80), b=_evaluation(60), i=records.inspection("q")
    )
    assert all(other == one for other in others)
    assert one["verdict"]["status"] == "failed"
    assert [sorted(line["value"] for line in gate["lines"]) for gate in one["gates"]] == [[0, 20], [60, 80]]
    doubts = [doubt for doubt in one["verdict"]["doubts"] if "disagree" in doubt]
    assert len(doubts) == 2
    assert all(name in doubt for doubt in doubts for name in ("a.json", "b.json", "about q"))


def test_evaluations_that_agree_raise_no_doubt(tmp_path: Path) -> None:
    """The same figures from two runs, or apart by rounding only."""
    again = _evaluation(80, seconds={"evaluate": 2.0})
    again["models"][1]["top1"] += 1e-6
    one, *others = _in_every_order(tmp_path, a=_evaluation(80), b=again)
    assert all(other == one for other in others)
    assert not [doubt for doubt in one["verdict"]["doubts"] if "disagree" in doubt]


def test_evaluations_on_different_images_are_noted_and_each_is_judged(tmp_path: Path) -> None:
    """The one with more images is shown; the other is no contradiction, and its figure is judged as well."""
    small, large = _evaluation(60, images="small"), _evaluation(150, n=200, images="large")
    one, *others = _in_every_order(tmp_path, "top1<70", a=small, b=large)
    assert all(other == one for other in others)
    assert not [doubt for doubt in one["verdict"]["doubts"] if "disagree" in doubt]
    assert [note for note in one["notes"] if "q was evaluated more than once" in note and "R1, R2" in note]
    model = next(model for model in one["models"] if model["name"] == "q")
    assert (model["accuracy"]["n"], [each["n"] for each in model["accuracies"]]) == (200, [200, 100])
    assert (one["verdict"]["status"], model["drop"]["n"]) == ("failed", 200)


def test_what_is_told_of_a_file_may_differ_but_not_in_silence(tmp_path: Path) -> None:
    """Two calibrations of one file, and two contracts: noted in any order, and the same one is shown."""
    other = records.contract("q", io={})
    one, *others = _in_every_order(
        tmp_path, a=records.conversion("q", calibration="synthetic"), b=records.conversion("q"),
        c=records.contract("q"), d=other,
    )  # fmt: skip
    assert all(document == one for document in others)
    assert [note for note in one["notes"] if "differ about the calibration of q" in note]
    assert [note for note in one["notes"] if "different contracts of q (io)" in note]


def test_random_weights_withhold_every_evaluation(tmp_path: Path) -> None:
    """No record of them is judged or shown."""
    (one, *_) = _in_every_order(
        tmp_path, "top1<70", a=_evaluation(80), b=_evaluation(60), c=records.conversion("q", weights="random")
    )
    model = next(model for model in one["models"] if model["name"] == "q")
    assert (model["accuracy"], model["accuracies"], model["drops"]) == (None, [], [])
    assert one["verdict"]["status"] == "failed"


def test_a_comparison_says_that_one_side_has_more_than_one_accuracy(tmp_path: Path) -> None:
    """What stands beside the figure that is compared is among what makes the comparison unfair."""
    a = collect([records.save(tmp_path / "a", e=_evaluation(80), f=_evaluation(60))])
    b = collect([records.save(tmp_path / "b", e=_evaluation(80))])
    said = [row for row in compare_document(a, b, ("A", "B"))["unfair"] if "every record" in row["what"]]
    (row,) = said
    assert (set(row["a"].split(", ")), row["b"]) == ({"80 %", "60 %"}, "80 %")


@pytest.mark.parametrize(
    ("one", "two", "code"),
    [
        (_evaluation(80), _evaluation(60), 6),
        (records.inspection("q", errors=3), records.inspection("q"), 4),
        (_evaluation(80), _evaluation(80, seconds={}), 0),
    ],
)
def test_the_exit_code_is_the_same_in_both_orders(
    tmp_path: Path, one: dict[str, Any], two: dict[str, Any], code: int
) -> None:
    """6 where the worst of two evaluations fails a gate, 4 where audits contradict each other, 0 where two agree."""
    records.save(tmp_path, one=one, two=two)
    for names in permutations(("one", "two")):
        files = [str(tmp_path / f"{name}.json") for name in names]
        gate = ["--fail-if", "top1_drop>0.5", "-o", str(tmp_path / "out"), "--force"]
        assert run(["report", *files, *gate]) == code


def test_the_order_of_the_arguments_changes_nothing_of_a_whole_report(tmp_path: Path) -> None:
    """Records of five kinds, two copies among them, a folder and files: one report, which fits its schema."""
    bench = records.bench(records.result("q", 10.0), records.result("float", 30.0))
    found = {"b1": bench, "b2": records.bench(records.result("q", 30.0)), "e1": _evaluation(80), "e2": _evaluation(60),
             "copy": bench}  # fmt: skip
    folder = records.save(tmp_path / "folder", i=records.inspection("q"), v=records.verification("q"))
    records.save(tmp_path, **found)
    gates = [parse_gate(text) for text in ("median_ms>20", "top1_drop>5", "audit_errors>0")]
    arguments = [folder, *(tmp_path / f"{name}.json" for name in found)]
    documents = []
    for turn in range(len(arguments)):
        for order in (arguments[turn:] + arguments[:turn], (arguments[turn:] + arguments[:turn])[::-1]):
            documents.append(report_document(collect(order), gates))
            made = documents[-1].pop("made")
    assert all(document == documents[0] for document in documents)
    assert [gate["passed"] for gate in documents[0]["gates"]] == [False, False, True]
    jsonschema.validate(json.loads(render_json(documents[0] | {"made": made})), read_schema("report"))
