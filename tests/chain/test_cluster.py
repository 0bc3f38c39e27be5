"""Jobs on a Ray cluster: a node that dies costs time, not results."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from edge_effnet.cli.main import run
from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is missing: pip install 'edge-effnet[sweep]'"
)


def _marked(mark: str) -> list[str]:
    """Return the command lines of all processes that were started, however indirectly, with a mark in their environment."""
    rows = [
        process.info for process in psutil.process_iter(["environ", "cmdline", "status"])
    ]  # None where not ours
    return [
        " ".join(row["cmdline"] or [])[:120]
        for row in rows
        if (row["environ"] or {}).get("EDGE_EFFNET_TEST_MARK") == mark
        and row["status"] != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def mark() -> Iterator[dict[str, str]]:
    """Give an environment for a program, and see in the end that nothing that it started still runs."""
    mark = uuid.uuid4().hex
    yield {**os.environ, "EDGE_EFFNET_TEST_MARK": mark}
    deadline = time.monotonic() + 15
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


@needs_ray
def test_a_node_killed_in_the_middle_costs_no_result_and_doubles_none(
    tmp_path: Path, mark: dict[str, str]
) -> None:
    """Two nodes, one killed while a job runs on it: that job starts twice, every result is there once, nothing is left."""
    program = Path(__file__).with_name("two_nodes.py")
    subprocess.run(
        [sys.executable, str(program), str(tmp_path)], check=True, env=mark, timeout=120, capture_output=True
    )
    found: dict[str, Any] = json.loads((tmp_path / "outcome.json").read_text())
    starts = Counter(
        json.loads(line)["output"] for line in (tmp_path / "witness.jsonl").read_text().splitlines()
    )
    jobs = {job["id"]: job for job in found["record"]["jobs"]}
    assert {job["state"] for job in jobs.values()} == {"done"}
    assert len(found["killed"]) == 1
    assert starts[found["killed"][0]] >= 2
    assert set(starts) == {"joined.txt", *(f"parts/{number}.txt" for number in range(6))}
    survivor = {
        job["node"] for job in jobs.values() if not found["victim"].startswith(job["node"].split("/")[1])
    }
    assert jobs["join"]["node"] in survivor
    ledger = [json.loads(line) for line in (tmp_path / "run/ledger.jsonl").read_text().splitlines()]
    assert Counter(entry["job"] for entry in ledger) == dict.fromkeys(jobs, 1)
    # Each part read the one given file, which travelled by its hash, and the last job read every part once.
    expected = "".join(f"given {number}.txt\n" for number in range(6))
    assert (tmp_path / "run/joined.txt").read_text() == f"{expected}joined.txt\n"


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3 before any job runs."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    (tmp_path / "run.yaml").write_text("models: [lite0]\nstages: [inspect]\noutput: out\n")
    assert run(["run", str(tmp_path / "run.yaml"), "--executor", "ray"]) == EnvironmentFault.exit_code
    assert "pip install 'edge-effnet[sweep]'" in capsys.readouterr().err
    assert not (tmp_path / "out/ledger.jsonl").exists()


@needs_ray
def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, mark: dict[str, str]) -> None:
    """Exit code 3 with the address, at once: Ray itself would try for minutes."""
    (tmp_path / "run.yaml").write_text("models: [lite0]\nstages: [inspect]\noutput: out\n")
    command = ["-m", "edge_effnet", "run", "run.yaml", "--executor", "ray", "--ray-address", "127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, *command],
        env=mark,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == EnvironmentFault.exit_code, done.stderr
    assert "got: 127.0.0.1:1" in done.stderr
