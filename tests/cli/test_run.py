"""The command `edge-effnet run`."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from edge_effnet.cli.main import run
from edge_effnet.config import read_config
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
models: [{id: lite0, weights: random, resolution: 64, num_classes: 10}]
calibration: {samples: 4}
stages: [inspect]
output: out
"""

_PROGRAM = """
import signal, sys
from edge_effnet.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where CI runs as a background job, which ignores it
sys.argv[0] = "edge-effnet"
main()
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A small configuration that converts a network with random weights and inspects it."""
    path = tmp_path / "run.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a function that runs a command line, sees that it ends with a code and prints nothing, and returns its stderr."""

    def check(code: int, *words: object) -> str:
        assert run(["run", *map(str, words)]) == code
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return check


def test_a_dry_run_prints_the_jobs_and_does_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line is a command of ours; nothing is written."""
    assert run(["run", str(config), "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["edge-effnet", "convert"],
        ["edge-effnet", "inspect"],
    ]
    assert lines[-1] == f"# 2 jobs in {tmp_path}/out"
    assert run(["run", str(config), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [job["id"] for job in plan["jobs"]] == ["convert.lite0_w8a8_ptq", "inspect.lite0_w8a8_ptq"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.yaml"]


def test_the_resolved_configuration_can_be_printed_and_run(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed reads back as the same; options win over the file."""
    words = ["run", str(config), "--print-config", "--set", "seed=7", "-o", str(tmp_path / "else")]
    assert run(words) == 0
    text = capsys.readouterr().out
    (tmp_path / "again.yaml").write_text(text)
    again = read_config(tmp_path / "again.yaml")
    assert (again.seed, again.output) == (7, str(tmp_path / "else"))
    assert run([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == yaml.safe_load(text)


def test_an_option_wins_over_the_environment_and_that_over_the_file(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order that is promised: command line, environment, file, default."""

    def folder(*words: str) -> str:
        assert run(["run", str(config), "--dry-run", "--json", *words]) == 0
        found: str = json.loads(capsys.readouterr().out)["folder"]
        return found

    assert folder() == str(tmp_path / "out")
    monkeypatch.setenv("EDGE_EFFNET_RUN_OUTPUT", str(tmp_path / "env"))
    assert folder() == str(tmp_path / "env")
    assert folder("-o", str(tmp_path / "option")) == str(tmp_path / "option")


def test_the_example_of_the_documentation_is_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: `docs/run.yaml` can be copied and changed; the page shows it as it is."""
    assert run(["run", str(ROOT / "docs/run.yaml"), "--dry-run"]) == 0
    assert "edge-effnet report" in capsys.readouterr().out
    text = (ROOT / "docs/run.yaml").read_text(encoding="utf-8")
    assert f"```yaml\n{text}```" in (ROOT / "docs/run.md").read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), read_schema("config"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration whose run has ended."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    folder = tmp_path_factory.mktemp("made")
    (folder / "run.yaml").write_text(CONFIG)
    assert run(["run", str(folder / "run.yaml"), "--jobs", "2"]) == 0
    return folder


def test_a_run_leaves_a_record_by_its_schema_and_goes_on(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real chain: converted and inspected once; the second time all is kept, and the record says so."""
    first = json.loads((made / "out/run.json").read_text())
    assert first["counts"]["done"] == 2
    assert (made / "out/models/lite0_w8a8_ptq/lite0_w8a8_ptq.tflite").is_file()
    inspected = json.loads((made / "out/records/inspect.lite0_w8a8_ptq.json").read_text())
    jsonschema.validate(inspected, read_schema("inspect"))
    assert run(["run", str(made / "run.yaml"), "--json"]) == 0
    second: dict[str, Any] = json.loads(capsys.readouterr().out)
    for record in (first, second):
        jsonschema.validate(record, read_schema("run"))
    assert second == json.loads((made / "out/run.json").read_text())
    assert [row["outputs"] for row in second["jobs"]] == [row["outputs"] for row in first["jobs"]]
    assert run(["run", str(made / "run.yaml")]) == 0
    assert "2 jobs: 2 kept" in capsys.readouterr().out


def test_a_missing_target_is_recorded_and_costs_the_others_nothing(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failing job's exit code, its reason in the row, a hint at its log; what does not need it is done."""
    words = [
        "targets=['python:/no/such', local]",
        "bench={min_seconds: 0.05, min_runs: 3}",
        "stages=[bench, report]",
    ]
    options = [word for each in words for word in ("--set", each)]
    code = run(["run", str(made / "run.yaml"), *options, "--force", "--json"])
    out, err = capsys.readouterr()
    rows = {row["id"]: row for row in json.loads(out)["jobs"]}
    (missing,) = [name for name in rows if "python" in name]
    assert {name: row["state"] for name, row in rows.items()} == {
        "convert.lite0_w8a8_ptq": "kept",
        missing: "failed",
        "bench.lite0.local.t1": "done",
        "report": "done",
    }
    assert code == rows[missing]["exit_code"] != 0
    assert "no Python interpreter at this path" in rows[missing]["reason"]
    assert f"{missing} ended with exit code {code}" in err
    assert f"{missing}.log" in err
    assert (made / "out/report/report.html").is_file()


def test_ctrl_c_ends_with_130_and_the_command_that_goes_on(config: Path, tmp_path: Path) -> None:
    """The job is stopped, nothing half-written stays, and the record says what was not begun."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    program = [sys.executable, "-c", _PROGRAM, "run", str(config)]
    with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        log = tmp_path / "out/logs/convert.lite0_w8a8_ptq.log"
        while not log.exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert "0 of 2 jobs are done and will be kept" in err
    assert f"resume with: edge-effnet run {config}\n" in err
    rows = json.loads((tmp_path / "out/run.json").read_text())["jobs"]
    assert [(row["state"], row["reason"]) for row in rows] == [
        ("interrupted", "interrupted"),
        ("interrupted", "not begun"),
    ]
    assert list((tmp_path / "out").rglob(".*.part")) == []


def test_a_folder_of_something_else_is_refused(
    config: Path, tmp_path: Path, fails: Callable[..., str]
) -> None:
    """Exit code 2 before any work: another configuration, other files, a file, a run that is at work."""
    out = tmp_path / "out"
    out.write_text("")
    assert "the run folder is a file" in fails(2, config)
    out.unlink()
    out.mkdir()
    (out / "thesis.tex").write_text("")
    assert "holds something else" in fails(2, config)
    (out / "thesis.tex").unlink()
    (out / "config.yaml").write_text("models: [b0]\nseed: 0\n")
    err = fails(2, config)
    assert "a run of another configuration" in err
    assert "models" in err
    assert "seed" not in err.partition("changed")[0]
    assert "--force goes on here" in err
    (out / "config.yaml").write_text("[")
    assert "config.yaml is damaged" in fails(2, config)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run is at work in this folder" in fails(2, config, "--force")
    assert not (out / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "words", "code", "message"),
    [
        (None, [], 4, "the configuration cannot be read"),
        ("models: [", [], 2, "the configuration is not YAML"),
        ("models: [b0]\nmodel: b0\n", [], 2, "did you mean 'models'?"),
        ("models: [b00]\n", [], 2, "did you mean 'b0'?"),
        ("models: [{id: b0, weights: none.h5}]\n", [], 4, "none.h5"),
        ("models: [b0]\ndata: {path: none}\n", [], 4, "an input cannot be read"),
        (CONFIG, ["--executor", "rey"], 2, "did you mean 'ray'?"),
        (CONFIG, ["--jobs", "0"], 2, ""),
        (CONFIG, ["--set", "seed"], 2, "--set needs KEY=VALUE"),
        (CONFIG, ["--ray-address", "head:6379"], 2, "--ray-address belongs to --executor ray"),
        (CONFIG, ["-o", "/proc/nothing"], 3, "the run folder cannot be made"),
    ],
)
def test_bad_input_has_its_exit_code_and_its_fix(
    tmp_path: Path, fails: Callable[..., str], text: str | None, words: list[str], code: int, message: str
) -> None:
    """Promise: refused before any job is started."""
    path = tmp_path / "run.yaml"
    if text is not None:
        path.write_text(text)
    err = fails(code, path, *words)
    assert message in err
    assert not (tmp_path / "out/ledger.jsonl").exists()
