"""bench.imports: results of benchmark_model and litert-benchmark as results of our own record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.bench.imports import entries_from_foreign, record_from_foreign
from edge_effnet.bench.record import EMPTY
from edge_effnet.errors import DataError
from edge_effnet.schemas import read_schema

GOLDEN = Path(__file__).parents[1] / "golden" / "benchmark_model"
JSON = GOLDEN / "litert_benchmark.json"


def _entry(name: str) -> dict[str, Any]:
    (entry,) = entries_from_foreign(GOLDEN / name)
    return entry


def test_every_golden_becomes_a_valid_record() -> None:
    """All files together make a record that the published schema accepts, with every key of a result."""
    paths = [path for path in sorted(GOLDEN.iterdir()) if path.suffix in {".txt", ".json"}]
    record = record_from_foreign(paths)
    jsonschema.validate(record, read_schema("bench"))
    assert len(record["results"]) == len(paths)
    assert all(entry.keys() == EMPTY.keys() for entry in record["results"])
    json.dumps(record, allow_nan=False)


def test_what_the_tool_does_not_say_is_null() -> None:
    """No percentile that was not printed, no samples, no machine; and the result says so."""
    entry = _entry("measured.txt")
    assert entry["mean_ms"] == 64.96
    for key in (
        "median_ms",
        "p90_ms",
        "p99_ms",
        "iqr_ms",
        "samples_ms",
        "ci95_ms",
        "sha256",
        "delegated_ops",
    ):
        assert entry[key] is None, key
    assert entry["device"] == {}
    assert entry["source"]["tool"] == "benchmark_model"
    assert "no_samples" in [notice["code"] for notice in entry["notices"]]


def test_litert_benchmark_is_read() -> None:
    """Its JSON, as ai-edge-litert 2.3.0 writes it."""
    entry = _entry("litert_benchmark.json")
    assert (entry["median_ms"], entry["n"], entry["threads"], entry["init_ms"]) == (5.6, 30, 1, 15.79)
    assert entry["source"]["tool"] == "litert-benchmark"
    assert entry["source"]["invocations"][0]["p95_ms"] == 5.87


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("not_delegated.txt", "not_delegated"),
        ("custom_op.txt", "failed"),
        ("xnnpack_failed.txt", "failed"),
        ("xnnpack_took_nothing.txt", "not_delegated"),
        ("partly.txt", "ok"),
    ],
)
def test_the_status_is_what_happened(name: str, status: str) -> None:
    """A delegate that took nothing is its own class of result; a failure keeps the tool's reason."""
    entry = _entry(name)
    assert entry["status"] == status
    assert (entry["reason"] is not None) == (status == "failed")


def test_the_profile_comes_along() -> None:
    """Operators of the tool's profile, in microseconds."""
    operators = _entry("profile.txt")["source"]["operators"]
    assert len(operators) == 60
    assert operators[1]["us"] == pytest.approx(6377, rel=0.2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"null",
        b"\xff\xfe\x00",
        b'{"latency": 3}',
        b'{"model": 1, "latency": {"num_runs": true}}',
    ],
)
def test_a_file_of_no_tool_is_refused(content: bytes, tmp_path: Path) -> None:
    """Exit code 4, with what would have been read."""
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        entries_from_foreign(path)
    assert caught.value.exit_code == 4
    assert caught.value.allowed is not None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e400", "true", '"5.6"', "9" * 400])
@pytest.mark.parametrize("key", ["median_ms", "num_runs"])
def test_a_figure_that_is_none_is_refused(key: str, value: str, tmp_path: Path) -> None:
    """JSON allows what no measurement gives."""
    path = tmp_path / "f.json"
    path.write_text(re.sub(rf'"{key}": [0-9.]+', f'"{key}": {value}', JSON.read_text()))
    with pytest.raises(DataError, match="no result of litert-benchmark"):
        entries_from_foreign(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file and a folder are data errors too."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            entries_from_foreign(path)


_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(st.sampled_from(sorted(json.loads(JSON.read_text())["latency"])), _VALUES),
    _VALUES,
    _VALUES,
)
def test_any_json_gives_results_or_an_explanation(
    tmp_path_factory: pytest.TempPathFactory, latency: dict, model: Any, threads: Any
) -> None:
    """Whatever values the fields hold: a result with finite figures, or a DataError."""
    fields = json.loads(JSON.read_text())
    fields |= {
        "latency": fields["latency"] | latency,
        "model": model,
        "num_threads": threads,
        "accelerators": model,
    }
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    try:
        entries = entries_from_foreign(path)
    except DataError:
        return
    json.dumps(entries, allow_nan=False)
    assert entries[0]["n"] > 0
