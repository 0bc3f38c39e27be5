"""What is done is kept by hash; a failed job takes only its dependants with it; a timed job runs alone."""

from __future__ import annotations

import errno
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from edge_effnet.chain import ledger as ledger_module
from edge_effnet.chain import schedule
from edge_effnet.errors import DataError, EdgeEffnetError, EnvironmentFault

if TYPE_CHECKING:
    from conftest import Bench

    from edge_effnet.chain.outcome import RunOutcome


def _states(outcome: RunOutcome) -> dict[str, str]:
    return {row.job.id: row.state for row in outcome.jobs}


def test_jobs_run_in_order_and_a_second_run_starts_none(bench: Bench) -> None:
    """Promise: the same configuration again costs nothing, and the rows say where each result is from."""
    plan = [bench.job("a"), bench.job("b", "a.txt", needs=("a",)), bench.job("c", "b.txt", needs=("b",))]
    first = bench.run(*plan)
    assert _states(first) == {"a": "done", "b": "done", "c": "done"}
    assert bench.starts() == ["a", "b", "c"]
    assert (bench.folder / "c.txt").read_text() == "a.txt\nb.txt\nc.txt\n"
    assert json.loads((bench.folder / "records/b.json").read_text()) == {"read": "a.txt\n"}
    second = bench.run(*plan)
    assert _states(second) == {"a": "kept", "b": "kept", "c": "kept"}
    assert bench.starts() == []
    assert second.jobs[1].outputs == first.jobs[1].outputs
    assert json.loads((bench.folder / "run.json").read_text()) == second.to_record()


def test_a_changed_input_runs_its_dependants_and_nothing_else(bench: Bench) -> None:
    """Promise: results are kept by the hash of what they were made from."""
    outside = bench.place / "weights.txt"
    outside.write_text("old ")
    plan = [
        bench.job("a", str(outside)),
        bench.job("b", "a.txt", needs=("a",)),
        bench.job("other"),
    ]
    bench.run(*plan)
    bench.starts()
    outside.write_text("new ")
    assert _states(bench.run(*plan)) == {"a": "done", "b": "done", "other": "kept"}
    assert bench.starts() == ["a", "b"]
    assert (bench.folder / "b.txt").read_text() == "new a.txt\nb.txt\n"


@pytest.mark.parametrize("harm", ["changed", "removed", "record removed"])
def test_a_result_that_is_no_longer_as_it_was_left_is_made_again(bench: Bench, harm: str) -> None:
    """Promise: a resume never trusts a name, only a hash; a result remade the same does not remake what follows."""
    plan = [bench.job("a"), bench.job("b", "a.txt", needs=("a",))]
    bench.run(*plan)
    bench.starts()
    path = bench.folder / ("records/a.json" if harm == "record removed" else "a.txt")
    if harm == "changed":
        path.write_text("something else")
    else:
        path.unlink()
    assert _states(bench.run(*plan)) == {"a": "done", "b": "kept"}
    assert bench.starts() == ["a"]


def test_another_version_of_the_package_makes_everything_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: the version is part of the key."""
    plan = [bench.job("a")]
    bench.run(*plan)
    monkeypatch.setattr("edge_effnet.chain.jobs.__version__", "99")
    assert _states(bench.run(*plan)) == {"a": "done"}


@pytest.mark.parametrize(
    "damage",
    [b"not json\n", b'{"job": "a"}\n', b"[1]\n", b'{"job": "a", "key": 3, "exit_code": 0}\n', b"\xff\xfe\n"],
)
def test_a_damaged_line_is_told_and_its_job_runs_again(bench: Bench, damage: bytes) -> None:
    """Promise: a ledger cut short by a crash costs what the lost line was about, once, and is not passed over in silence."""
    plan = [bench.job("a"), bench.job("b")]
    bench.run(*plan)
    bench.starts()
    path = bench.folder / "ledger.jsonl"
    path.write_bytes(damage + path.read_bytes().splitlines(keepends=True)[1])
    outcome = bench.run(*plan)
    assert _states(outcome) == {"a": "done", "b": "kept"}
    assert outcome.notes == ("ledger.jsonl, line 1, is damaged: what it was about is done again",)
    assert bench.run(*plan).notes == ()


def test_a_ledger_that_names_a_file_elsewhere_is_not_believed(bench: Bench) -> None:
    """Promise: a hostile ledger makes no resume look outside the run folder."""
    bench.run(bench.job("a"))
    path = bench.folder / "ledger.jsonl"
    entry = json.loads(path.read_text())
    for name in ("../../etc/passwd", "/etc/passwd"):
        path.write_text(json.dumps({**entry, "outputs": {name: "0" * 64}}) + "\n")
        assert bench.run(bench.job("a")).notes


def test_a_failed_job_takes_only_its_dependants_with_it(bench: Bench) -> None:
    """Promise: the others have their results, each row says why, and the exit code is the first failing job's."""
    plan = [
        bench.job("good"),
        bench.job("bad", code=4),
        bench.job("worse", code=5),
        bench.job("child", "bad.txt", needs=("good", "bad")),
        bench.job("grandchild", "child.txt", needs=("child",)),
        bench.job("free", "good.txt", needs=("good",)),
    ]
    outcome = bench.run(*plan)
    assert _states(outcome) == {
        "good": "done",
        "bad": "failed",
        "worse": "failed",
        "child": "skipped",
        "grandchild": "skipped",
        "free": "done",
    }
    reasons = {row.job.id: row.reason for row in outcome.jobs}
    assert reasons["bad"] == "error: asked to end with 4\nfix: ask for something else"
    assert reasons["child"] == "bad failed"
    assert reasons["grandchild"] == "child skipped"
    assert outcome.exit_code == 4
    with pytest.raises(DataError, match="bad ended with exit code 4") as caught:
        outcome.require_success()
    assert "asked to end with 4" in str(caught.value)
    assert str(bench.folder / "logs/bad.log") in str(caught.value)
    bench.starts()
    bench.run(*plan)
    assert bench.starts() == ["bad", "worse"]


def test_a_failed_gate_keeps_its_results_and_its_exit_code(bench: Bench) -> None:
    """Promise: what a gate judged is whole: dependants run, a resume keeps it, and the run still ends with 6."""
    plan = [bench.job("judged", code=6), bench.job("next", "judged.txt", needs=("judged",))]
    for state in ("done", "kept"):
        outcome = bench.run(*plan)
        assert _states(outcome) == {"judged": state, "next": state}
        assert outcome.exit_code == 6
    assert bench.starts() == ["judged", "next"]


def test_what_comes_after_all_reads_the_records_that_there_are(bench: Bench) -> None:
    """Promise: a report is made also when some jobs failed, of what did not fail; without any record it is skipped."""
    plan = [bench.job("a"), bench.job("bad", code=3), bench.job("report", gathers=("a", "bad"))]
    outcome = bench.run(*plan)
    assert _states(outcome) == {"a": "done", "bad": "failed", "report": "done"}
    assert (bench.folder / "report.txt").read_text() == '{"read": ""}\nreport.txt\n'
    alone = bench.run(bench.job("bad", code=3), bench.job("report", gathers=("bad",)))
    assert _states(alone) == {"bad": "failed", "report": "skipped"}


def test_a_job_over_its_time_is_stopped_and_told(bench: Bench) -> None:
    """Promise: a hanging job ends with exit code 3 and its reason."""
    bench.timeout_s = 1.5
    begin = time.monotonic()
    outcome = bench.run(bench.job("slow", seconds=30), bench.job("quick"))
    assert time.monotonic() - begin < 15
    assert _states(outcome) == {"slow": "failed", "quick": "done"}
    assert outcome.jobs[0].reason == "it did not end within 1.5 s"
    assert outcome.exit_code == EnvironmentFault.exit_code


def test_a_timed_job_runs_beside_nothing(bench: Bench) -> None:
    """Promise: with several jobs at once, no other runs while one measures time."""
    bench.jobs = 3
    plan = [
        bench.job("a", seconds=0.5),
        bench.job("timed", seconds=0.3, is_timed=True),
        bench.job("b", seconds=0.5),
        bench.job("c", seconds=0.5),
        bench.job("timed2", seconds=0.3, is_timed=True),
    ]
    spans: dict[str, tuple[float, float]] = {}
    real = schedule._Chain._settle

    def settle(self: Any, settled: Any) -> None:
        path = bench.folder / settled.job.log
        spans[settled.job.id] = (path.stat().st_mtime_ns / 1e9, time.time())
        real(self, settled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule._Chain, "_settle", settle)
        bench.run(*plan)
    order = bench.starts()
    assert set(order[:3]) == {"a", "b", "c"}
    assert set(order[3:]) == {"timed", "timed2"}
    # The log is made when a job starts: the second timed one starts after the first has ended.
    assert spans[order[4]][0] >= spans[order[3]][0] + 0.3


def test_output_that_is_no_record_or_missing_is_a_failure(bench: Bench) -> None:
    """Promise: exit status 0 alone makes no result."""
    lost = bench.job("lost")
    from dataclasses import replace

    outcome = bench.run(replace(lost, outputs=("never.txt",)))
    assert outcome.jobs[0].state == "failed"
    assert outcome.jobs[0].reason == "it left no never.txt"
    assert outcome.exit_code == 1
    with pytest.raises(EdgeEffnetError):
        outcome.require_success()


def test_a_full_disk_stops_the_run_and_a_later_one_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: exit code 3 with what to do; what was done before is kept."""
    plan = [bench.job("a"), bench.job("b"), bench.job("c")]
    real, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(ledger_module.os, "fsync", full)
    with pytest.raises(EnvironmentFault, match="the ledger cannot be written: No space left on device"):
        bench.run(*plan)
    rows = {row["id"]: row["state"] for row in json.loads((bench.folder / "run.json").read_text())["jobs"]}
    assert rows == {"a": "done", "b": "interrupted", "c": "interrupted"}
    assert bench.starts() == ["a", "b"]
    assert set(_states(bench.run(*plan)).values()) <= {"kept", "done"}
    assert "a" not in bench.starts()
