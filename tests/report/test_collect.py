"""report.collect: what is a record, what is not and why, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from report import records

from edge_effnet.cli.main import run
from edge_effnet.errors import DataError
from edge_effnet.report import collect, render_json, report_document

if TYPE_CHECKING:
    from pathlib import Path

_ALL: dict[str, dict[str, Any]] = {
    "bench": records.bench(records.result("m")),
    "profile": records.profile("m"),
    "eval": records.evaluation(records.score("m", 80)),
    "verify": records.verification("m"),
    "inspect": records.inspection("m"),
    "convert": records.conversion("m"),
    "contract": records.contract("m"),
}


@pytest.mark.parametrize("name", _ALL)
def test_a_record_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    """The name of the file does not matter."""
    path = tmp_path / "anything.json"
    path.write_text(json.dumps(_ALL[name]), encoding="utf-8")
    (source,) = collect([path]).sources
    assert (source.id, source.kind, source.file) == ("R1", name, str(path))


def test_a_folder_is_searched_and_what_is_no_record_is_left_out_with_its_reason(tmp_path: Path) -> None:
    """Every .json at any depth is either a source or listed as skipped."""
    records.save(tmp_path / "a" / "b", deep=_ALL["bench"])
    records.save(tmp_path, other={"hello": 1})
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "nan.json").write_text('{"results": NaN}', encoding="utf-8")
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    found = collect([tmp_path])
    assert [source.kind for source in found.sources] == ["bench"]
    reasons = {item["file"].rsplit("/", 1)[-1]: item["reason"] for item in found.skipped}
    assert set(reasons) == {"other.json", "broken.json", "nan.json", "deep.json", "binary.json"}
    assert "no record" in reasons["other.json"]
    assert "NaN is no JSON number" in reasons["nan.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are not text")
def test_a_file_whose_name_is_no_text_is_reported_by_its_bytes(tmp_path: Path) -> None:
    """A record and a file that is none: both names can be written into a report."""
    for name, content in ((b"\xff.json", _ALL["bench"]), (b"\xfe.json", {})):
        (tmp_path / os.fsdecode(name)).write_text(json.dumps(content), encoding="utf-8")
    found = collect([tmp_path])
    assert [source.file for source in found.sources] == [f"{tmp_path}/\\xff.json"]
    assert [item["file"] for item in found.skipped] == [f"{tmp_path}/\\xfe.json"]
    assert render_json(report_document(found)).encode()


def test_the_same_record_twice_counts_once(tmp_path: Path) -> None:
    """A copy is named as one, so that no result is counted double."""
    records.save(tmp_path, a=_ALL["bench"], b=_ALL["bench"])
    found = collect([tmp_path, tmp_path / "a.json"])
    assert len(found.sources) == 1
    assert {item["reason"] for item in found.skipped} == {f"the same content as {tmp_path / 'a.json'}"}


def test_records_inside_a_record_are_read_and_the_rest_of_it_is_named(tmp_path: Path) -> None:
    """The quick start keeps its conversions, its audit and its evaluation in one file, and a latency by the way."""
    quick = {
        "schema_version": 1, "convert": {"w8a8": _ALL["convert"], "float32": {}}, "inspect": _ALL["inspect"],
        "eval": _ALL["eval"], "latency": {},
    }  # fmt: skip
    found = collect([records.save(tmp_path, quick=quick)])
    parts = {source.file.partition("#")[2]: source.kind for source in found.sources}
    assert parts == {"convert.w8a8": "convert", "inspect": "inspect", "eval": "eval"}
    assert [item["file"].partition("#")[2] for item in found.skipped] == ["latency"]


@pytest.mark.parametrize("version", [2, 99, "2"])
def test_a_record_of_a_newer_schema_is_refused(tmp_path: Path, version: object) -> None:
    """In a folder too: leaving it out would leave out the newest figures without being asked."""
    records.save(tmp_path, new=_ALL["bench"] | {"schema_version": version})
    with pytest.raises(DataError, match=f"schema_version {version}") as caught:
        collect([tmp_path])
    assert (caught.value.exit_code, caught.value.allowed) == (4, "schema_version up to 1")
    assert caught.value.hint is not None


def test_a_damaged_record_is_refused_with_its_place(tmp_path: Path) -> None:
    """Never half-read."""
    broken = records.bench(records.result("m") | {"median_ms": "fast"})
    with pytest.raises(DataError, match=r"results\[0\]\.median_ms"):
        collect([records.save(tmp_path, bench=broken)])


_SIGN = '"SIGN"'
"""Stands for the JSON text of a number in a record that is made by hand."""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1e999", "the number 1e999 is too large"),
        ("-1e999", "the number -1e999 is too large"),
        ("1" + "0" * 400, r"the number 10000000\.\.\. \(401 characters\) is too large"),
        ("1" + "0" * 4000, "too large"),
        ("1" + "0" * 9000, "too large"),
        ("1e101", "too large"),
        ("Infinity", "is no JSON number"),
        ('"\\ud800"', r"'\\ud800', which is half a character"),
    ],
)
@pytest.mark.parametrize("key", ["instructions", "size_bytes", "median_ms", "some_other_key", "model"])
def test_what_no_report_could_write_again_is_refused(
    tmp_path: Path, key: str, written: str, said: str
) -> None:
    """A number beyond every figure, or half a character, under any key; in a folder too, where it would be missed."""
    path = tmp_path / "bench.json"
    content = json.dumps(records.bench(records.result("m") | {key: "SIGN"})).replace(_SIGN, written)
    path.write_text(content, encoding="utf-8")
    records.save(tmp_path, sound=records.bench(records.result("m")))
    for named in (path, tmp_path):
        with pytest.raises(DataError, match=said) as caught:
            collect([named])
        assert (caught.value.exit_code, caught.value.got) == (4, path)


def test_large_numbers_that_are_numbers_are_read(tmp_path: Path) -> None:
    """A seed of 128 bits, and a file beyond 2^53 bytes, exactly."""
    sizes = {"size_bytes": 2**60 + 1, "seed": 2**128 - 1, "tiny": 1e-300}
    (source,) = collect([records.save(tmp_path, b=records.bench(records.result("m") | sizes))]).sources
    assert {key: source.record["results"][0][key] for key in sizes} == sizes


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("median_ms", -1), ("median_ms", 0), ("p90_ms", -4.0), ("mean_ms", 0), ("ci95_ms", [-1.0, 2.0]), ("init_ms", -1),
        ("samples_ms", [0.0] * 100), ("samples_ms", [10.0, -10.0]), ("throughput_per_s", 0), ("energy_j_per_inference", -1),
        ("size_bytes", -1), ("n", -1), ("instructions", -5), ("total_ops", -1),
    ],
)  # fmt: skip
def test_a_time_of_nothing_or_less_is_damage(tmp_path: Path, key: str, value: object) -> None:
    """A ratio with it would be a claim about no network."""
    with pytest.raises(DataError, match=rf"results\[0\]\.{key}.* is out of range"):
        collect([records.save(tmp_path, bench=records.bench(records.result("m") | {key: value}))])


def _contradicting(told: float) -> dict[str, Any]:
    return records.bench(records.result("a"), records.result("m", 4.12) | {"median_ms": told})


def test_a_median_that_is_not_that_of_its_samples_is_refused(tmp_path: Path) -> None:
    """By name of the file, place and model, with both figures; also where the record lies in a report."""
    said = r"bench\.json.* contradicts itself\n.*results\[1\] \(m\.tflite\): median_ms 1, .* 100 samples_ms is 4\.12\b"
    with pytest.raises(DataError, match=said) as caught:
        collect([records.save(tmp_path / "run", bench=_contradicting(1.0))])
    assert caught.value.exit_code == 4
    sound = report_document(collect([records.save(tmp_path / "sound", bench=_contradicting(4.12))]))
    sound["sources"][0]["record"]["results"][1]["median_ms"] = 1.0
    (tmp_path / "report.json").write_text(render_json(sound), encoding="utf-8")
    with pytest.raises(DataError, match=said):
        collect([tmp_path / "report.json"])


def test_a_median_written_with_fewer_digits_contradicts_nothing(tmp_path: Path) -> None:
    """A share of 1e-6 is rounding, and ten times that is none; without samples there is nothing to hold it against."""
    collect([records.save(tmp_path / "near", bench=_contradicting(4.12 * (1 + 5e-7)))])
    with pytest.raises(DataError, match="contradicts itself"):
        collect([records.save(tmp_path / "far", bench=_contradicting(4.12 * (1 + 1e-5)))])
    told = records.bench(records.result("m") | {"samples_ms": None, "median_ms": 1.0})
    assert collect([records.save(tmp_path / "told", bench=told)]).sources


_EXTREME = st.sampled_from(
    [
        "1e999", "1" + "0" * 400, "1" + "0" * 5000, "-" + "9" * 400, "1e308", "9e99", "-9e99", "5e-324", "1e-99", "0", "-0.0",
        "9" * 99, "0.5", "null", '"\\ud800"', "[9e99, 1e-99]", "[5e-324, 9e99]", "[5e-324]",
    ]
)  # fmt: skip
_KEYS = st.sampled_from([*records.result("m"), "ratio", "load_average", "frequency_mhz", "later_key"])


@given(
    st.dictionaries(_KEYS, _EXTREME, min_size=1, max_size=3),
    st.sampled_from(["p90_ms>12", "instructions<1e308"]),
)
@example({"instructions": "1" + "0" * 400}, "instructions<1e308")
@example({"later_key": "1e999"}, "p90_ms>12")
@example({"reason": '"\\ud800"'}, "p90_ms>12")
@example({"median_ms": "5e-324", "samples_ms": "[5e-324, 5e-324]"}, "p90_ms>12")
@example({"median_ms": "9e99", "samples_ms": "[9e99, 9e99]", "ci95_ms": "[5e-324, 9e99]"}, "p90_ms>12")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_no_number_in_a_record_is_unexpected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoilt: dict[str, str], gate: str
) -> None:
    """Whatever a hostile record of `bench` says: done, refused, or a gate failed, and never half a table."""
    record = records.bench(records.result("m"), ratios=({"a": 0, "b": 0, "ratio": 1.0, "ci95": None},))
    for place in (record["results"][0], record["host"], record["ratios"][0]):
        place |= {key: f"SIGN {key}" for key in spoilt if key in place or key == "later_key"}
    content = json.dumps(record)
    for key, written in spoilt.items():
        content = content.replace(f'"SIGN {key}"', written)
    (tmp_path / "bench.json").write_text(content, encoding="utf-8")
    sound = records.save(tmp_path / "sound", bench=records.bench(records.result("m")))
    hostile, out = str(tmp_path / "bench.json"), str(tmp_path / "out")
    words = ["report", hostile, "-o", out, "--force", "--fail-if", gate]
    assert run(words) in (0, 4, 6), capsys.readouterr().err
    for sides in ([hostile, str(sound)], [str(sound), hostile]):
        capsys.readouterr()
        code = run(["compare", *sides])
        said = capsys.readouterr()
        assert code in (0, 4), said.err
        assert (code == 0) is bool(said.out)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_a_named_file_that_is_no_record_is_an_error(tmp_path: Path, content: str) -> None:
    """Whoever names a file wants it read."""
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError):
        collect([path])


def test_a_missing_file_and_an_empty_folder_are_errors(tmp_path: Path) -> None:
    """Both say what was looked at."""
    with pytest.raises(DataError, match="cannot be read"):
        collect([tmp_path / "gone.json"])
    with pytest.raises(DataError, match="no record to report on"):
        collect([tmp_path])


def test_a_report_gives_its_records_back(tmp_path: Path) -> None:
    """From report.json alone comes the same report, and a folder with an old report does not read it twice."""
    records.save(tmp_path / "run", **_ALL)
    first = report_document(collect([tmp_path / "run"]))
    path = tmp_path / "report.json"
    path.write_text(render_json(first), encoding="utf-8")
    second = report_document(collect([path]))
    for key in ("models", "latency", "profiles", "verifications", "evaluations"):
        assert second[key] == first[key], key
    with pytest.raises(DataError, match="no record to report on"):
        collect([_folder_with(path, tmp_path / "old")])


def _folder_with(path: Path, folder: Path) -> Path:
    folder.mkdir()
    path.rename(folder / path.name)
    return folder


def test_bulky_parts_are_left_out_of_the_copy_and_named(tmp_path: Path) -> None:
    """Golden vectors and labels are not figures."""
    (source,) = collect([records.save(tmp_path, c=_ALL["contract"])]).sources
    assert source.omitted == ("golden", "labels", "calibration.files_sha256")
    assert "golden" not in source.record
    assert source.record["calibration"]["id"] == "train"
