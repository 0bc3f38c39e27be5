"""report.collect: what is a record, what is not and why, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from report import records

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
