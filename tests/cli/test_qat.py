"""`edge-effnet qat` from end to end, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow_model_optimization", reason="the extra edge-effnet[convert] is not installed")

from edge_effnet.cli.main import run  # after the skip
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four pictures of noise on ramps, without labels."""
    folder = tmp_path_factory.mktemp("photographs")
    draws = np.random.default_rng(2)
    for number in range(24):
        ramp = np.linspace(0, draws.uniform(50, 200), 80)[:, None, None]
        pixels = np.clip(ramp + draws.normal(60, 30, (80, 80, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def arguments(photographs: Path, output: Path, *more: str) -> list[str]:
    """Return a short run's command line."""
    return [
        "qat", "--model", "lite0", "--weights", "random", "--data", str(photographs), "--steps", "2",
        "--batch-size", "4", "-o", str(output), *more,
    ]  # fmt: skip


@pytest.mark.usefixtures("one_build")
def test_a_run_ends_in_a_full_integer_file_and_one_json_document(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document follows its schema, the file passes the audit, and none of its pictures may judge it."""
    output = tmp_path / "q.tflite"
    assert run(arguments(photographs, output, "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("qat"))
    assert record["full_integer"] is True
    assert (record["recipe"], record["steps"]) == ("qat", 2)
    assert (tmp_path / "q.tflite.run" / "history.jsonl").is_file()
    contract = json.loads((tmp_path / "q.contract.json").read_text())
    jsonschema.validate(contract, read_schema("contract"))
    assert len(contract["training"]["files_sha256"]) == 24
    assert run(["inspect", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["full_integer"] is True
    _refuses_to_start_over(photographs, output, capsys)


def _refuses_to_start_over(photographs: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An output that is there stays, and a finished run is not trained again by --resume with other data."""
    before = output.read_bytes()
    assert run(arguments(photographs, output)) == 2
    assert "exists already" in capsys.readouterr().err
    assert output.read_bytes() == before


def test_an_interrupted_run_says_which_command_goes_on(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, and the same command with --resume."""
    from edge_effnet.qat import run as stage

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "prepare", interrupted)
    words = arguments(photographs, tmp_path / "q.tflite")
    monkeypatch.setattr("sys.argv", ["edge-effnet", *words])
    assert run(words) == 130
    assert f"resume with: edge-effnet {' '.join(words)} --resume" in capsys.readouterr().err


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--model", "b99"], 2, "unknown model"),
        (["--steps", "0"], 2, "out of range"),
        (["--rate", "-1"], 2, "out of range"),
        (["--label-weight", "2"], 2, "out of range"),
        (["--data", "nowhere"], 4, "does not exist"),
        (["--val", "nowhere"], 4, "does not exist"),
        (["--labels", "labels.csv"], 2, "--val"),
        (["--augment", "wild"], 2, "unknown augmentation policy"),
        (["--recipe", "minmax"], 2, "cannot be trained from"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    more: list[str],
    code: int,
    said: str,
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What, got, allowed, fix; nothing is built and nothing written."""
    assert run(arguments(photographs, tmp_path / "q.tflite", *more)) == code
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_fixed_option(capsys: pytest.CaptureFixture[str]) -> None:
    """The interface that stays."""
    assert run(["qat", "--help"]) == 0
    shown: Any = capsys.readouterr().out
    for option in (
        "--model",
        "--weights",
        "--data",
        "--val",
        "--labels",
        "--steps",
        "--seed",
        "--resume",
        "--json",
    ):
        assert option in shown
