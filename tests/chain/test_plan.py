"""From a configuration to jobs: each once, each behind what it needs, each naming what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_effnet.chain import Job, plan_jobs
from edge_effnet.chain.jobs import Fingerprints, files_of, fingerprint, key_of
from edge_effnet.config import read_config
from edge_effnet.errors import DataError
from edge_effnet.report import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Callable

    Plan = Callable[..., list[Job]]

WHOLE = """\
models: [{id: b0, weights: b0.h5}, lite0]
recipes: [minmax, ptq]
calibration: {data: photos}
data: {path: test, limit: 9}
targets: [local, "ssh://pi@board:2222"]
fail_if: ["top1_drop>0.5", "p90_ms>12"]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Give a function from a configuration to its jobs."""

    def jobs(text: str = WHOLE, *overrides: str) -> list[Job]:
        (tmp_path / "run.yaml").write_text(text)
        return plan_jobs(read_config(tmp_path / "run.yaml", overrides))

    return jobs


def test_every_variant_goes_through_every_stage_on_every_target(plan: Plan) -> None:
    """Promise: models x recipes x targets, no more and no less; a float twin for each network."""
    ids = [job.id for job in plan()]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if name.startswith("convert")] == [
        "convert.b0_float32",
        "convert.lite0_float32",
        "convert.b0_w8a8_minmax",
        "convert.b0_w8a8_ptq",
        "convert.lite0_w8a8_minmax",
        "convert.lite0_w8a8_ptq",
    ]
    counts = {
        verb: sum(name.startswith(verb) for name in ids)
        for verb in ("inspect", "verify", "eval", "bench", "profile")
    }
    assert counts == {"inspect": 4, "verify": 4, "eval": 4, "bench": 4, "profile": 8}
    assert ids[-1] == "report"


def test_every_job_stands_behind_what_it_needs_and_says_what_it_reads(plan: Plan) -> None:
    """Promise: what a job reads is an output of a job that it needs, or lies outside the run folder."""
    jobs = plan()
    made: dict[str, str] = {}
    for job in jobs:
        behind = {*job.needs, *(each.job for each in job.gathers)}
        assert behind <= set(made.values()) | {name.id for name in jobs[: jobs.index(job)]}
        for word in (*job.inputs, *(file for each in job.gathers for file in each.files)):
            assert Path(word).is_absolute() or made[word] in behind
        paths = [word for word in job.words if word.startswith("/")]
        assert set(paths) <= set(job.inputs)
        made |= dict.fromkeys((*job.outputs, job.record), job.id)


def test_only_jobs_that_measure_time_are_timed(plan: Plan) -> None:
    """Promise: bench and profile run alone, nothing else has to wait for it."""
    assert {job.verb for job in plan() if job.is_timed} == {"bench", "profile"}


def test_a_command_line_is_one_that_can_be_typed(plan: Plan, tmp_path: Path) -> None:
    """Promise: `--dry-run` shows the verbs' own options."""
    jobs = {job.id: job for job in plan()}
    assert jobs["convert.b0_w8a8_ptq"].argv == (
        *("convert", "--model", "b0", "--weights", str(tmp_path / "b0.h5"), "--seed", "0", "--io", "int8"),
        *("--calibration", str(tmp_path / "photos"), "--calibration-samples", "300"),
        *("--precision", "w8a8", "--recipe", "ptq"),
        *("-o", "models/b0_w8a8_ptq/b0_w8a8_ptq.tflite", "--force", "--json"),
    )
    assert jobs["report"].words[:6] == (
        "-o",
        "report",
        "--fail-if",
        "top1_drop>0.5",
        "--fail-if",
        "p90_ms>12",
    )
    assert set(jobs["report"].outputs) == {f"report/{name}" for name in OUTPUTS}


def test_all_variants_of_a_network_are_measured_in_turns(plan: Plan) -> None:
    """Promise: a ratio comes from one session on one machine; a variant that could not be made is left out."""
    bench = next(job for job in plan() if job.id == "bench.b0.local.t1")
    whole = bench.with_gathered(["convert.b0_w8a8_ptq", "convert.lite0_w8a8_ptq"])
    assert whole.words[-1] == "models/b0_w8a8_ptq/b0_w8a8_ptq.tflite"
    assert "models/b0_w8a8_minmax/b0_w8a8_minmax.tflite" not in whole.words
    assert set(whole.inputs) == {
        "models/b0_w8a8_ptq/b0_w8a8_ptq.tflite",
        "models/b0_w8a8_ptq/b0_w8a8_ptq.contract.json",
    }


def test_two_targets_never_share_a_file_name(plan: Plan) -> None:
    """Promise: names that differ only in what a file name cannot hold stay apart."""
    targets = 'targets=["ssh://pi@board:2222", "ssh://pi@board/2222"]'
    benches = [job.record for job in plan(WHOLE, targets) if job.verb == "bench"]
    assert len(set(benches)) == len(benches) == 4
    assert not any(set("@:") & set(name) or name.count("/") > 1 for name in benches)


def test_only_what_is_compared_needs_a_float_twin(plan: Plan) -> None:
    """Promise: a run that only measures latency converts nothing that it does not measure."""
    assert [job.id for job in plan("models: [lite0]\nstages: [bench]\n")] == [
        "convert.lite0_w8a8_ptq",
        "bench.lite0.local.t1",
    ]


def test_float_files_are_neither_verified_nor_held_to_be_integers(plan: Plan) -> None:
    """Promise: the gate of `inspect` is for what claims to be full integer; a float file is its own twin."""
    jobs = {job.id: job for job in plan("models: [lite0]\nprecisions: [float32, fp16]\ndata: {path: test}\n")}
    assert not any(name.startswith("verify") for name in jobs)
    assert "--no-gate" in jobs["inspect.lite0_fp16"].words
    assert [word for word in jobs["eval.lite0_float32"].words if word.endswith(".tflite")] == [
        "models/lite0_float32/lite0_float32.tflite"
    ]
    assert len(jobs["eval.lite0_fp16"].needs) == 2


def test_the_recipe_qat_is_a_training(plan: Plan, tmp_path: Path) -> None:
    """Promise: a trained variant stands beside the calibrated ones, through the verb that trains."""
    jobs = {
        job.id: job for job in plan("models: [lite0]\nrecipes: [ptq, qat]\nqat: {data: photos, steps: 5}\n")
    }
    trained = jobs["qat.lite0_w8a8_qat"]
    assert trained.verb == "qat"
    assert trained.words[trained.words.index("--steps") + 1] == "5"
    assert str(tmp_path / "photos") in trained.inputs
    assert "--recipe" not in trained.words
    assert jobs["verify.lite0_w8a8_qat"].needs == ("convert.lite0_float32", "qat.lite0_w8a8_qat")


def test_a_phone_is_measured_and_not_profiled(plan: Plan) -> None:
    """Promise: no job is planned that cannot succeed."""
    verbs = {job.verb for job in plan("models: [lite0]\ntargets: [adb]\n")}
    assert "bench" in verbs
    assert "profile" not in verbs


def test_a_key_is_changed_by_everything_that_matters() -> None:
    """Promise: command line, contents and outputs are in the key; where a word stands too."""
    job = Job("a", "v", ("x", "y"), ("x",), ("o",))
    base = key_of(job, {"x": "1"})
    others = [
        key_of(job, {"x": "2"}),
        key_of(Job("a", "v", ("y", "x"), ("x",), ("o",)), {"x": "1"}),
        key_of(Job("a", "w", ("x", "y"), ("x",), ("o",)), {"x": "1"}),
        key_of(Job("a", "v", ("x", "y"), ("x",), ("p",)), {"x": "1"}),
    ]
    assert len({base, *others}) == 5
    assert key_of(Job("renamed", "v", ("x", "y"), ("x",), ("o",)), {"x": "1"}) == base


def test_the_fingerprint_of_a_folder_is_that_of_names_and_contents(tmp_path: Path) -> None:
    """Promise: a renamed, changed, added or removed picture is another set; hidden files and times do not count."""
    folder = tmp_path / "set"
    (folder / "a").mkdir(parents=True)
    (folder / "a/1.png").write_bytes(b"one")
    (folder / "2.png").write_bytes(b"two")
    seen = [fingerprint(folder)]
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "2.png").touch()
    assert fingerprint(folder) == seen[0]
    (folder / "2.png").write_bytes(b"TWO")
    seen.append(fingerprint(folder))
    (folder / "2.png").rename(folder / "3.png")
    seen.append(fingerprint(folder))
    (folder / "a/1.png").unlink()
    seen.append(fingerprint(folder))
    assert len(set(seen)) == 4


def test_pictures_behind_a_link_count_and_a_circle_ends(tmp_path: Path) -> None:
    """Promise: what a verb reads through a link to a folder is in the fingerprint, as it is in the verb's own list."""
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.png").write_bytes(b"one")
    (tmp_path / "set/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/circle").symlink_to(tmp_path / "set")
    assert files_of(tmp_path / "set") == ["link/1.png"]
    before = fingerprint(tmp_path / "set")
    (tmp_path / "elsewhere/1.png").write_bytes(b"ONE")
    assert fingerprint(tmp_path / "set") != before


def test_a_missing_input_is_told_with_its_path(tmp_path: Path) -> None:
    """Promise: exit code 4."""
    with pytest.raises(DataError, match="an input cannot be read: No such file"):
        Fingerprints(tmp_path).of(str(tmp_path / "none.h5"))
