"""`edge-effnet tune`: the streams, the record, the exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from edge_effnet.cli.main import run
from edge_effnet.schemas import read_schema
from edge_effnet.tune import ladder, rungs
from edge_effnet.tune.judge import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tune.conftest import Place

    Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("one_build")


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Judge without looking: the drop of each rung is what stands here; two rungs are enough for a ladder."""
    table = {"ptq-ranges": 3.0, "ptq": 1.0}

    def verdict(path: Path, *_: Any) -> Verdict:
        drop = table[path.parent.name]
        return Verdict(drop, (drop - 2, drop + 2), 97.0, 15.5, 80.0 - drop, 80.0, 24)

    monkeypatch.setattr(ladder, "judge", verdict)
    monkeypatch.setattr(ladder, "RUNGS", tuple(rung for rung in rungs.RUNGS if rung.name in table))
    return table


@pytest.mark.usefixtures("drops")
def test_a_budget_that_cannot_be_met_is_exit_6_and_the_best_model_is_kept(
    place: Place, tmp_path: Path, capsys: Capture
) -> None:
    """The record is printed all the same; the message says what came closest, its interval and where it is."""
    output = tmp_path / "m.tflite"
    assert run(place.words(output, "--max-drop", "0.5", "--json")) == 6
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    jsonschema.validate(record, read_schema("tune"))
    assert (record["met"], record["chosen"]) == (False, "ptq")
    assert output.read_bytes() == (tmp_path / "m.tune" / "ptq" / "model.tflite").read_bytes()
    for words in ("no rung meets", "drop +1.00", "-1.00 to +3.00", "n 24", str(output), "at most 0.5"):
        assert words in captured.err


@pytest.mark.usefixtures("drops")
def test_the_table_has_every_rung_the_choice_and_the_next_command(
    place: Place, tmp_path: Path, capsys: Capture
) -> None:
    """What a person reads, with the interval of each drop and the warning about the pictures."""
    assert run(place.words(tmp_path / "m.tflite", "--max-drop", "3", "--all")) == 0
    out = capsys.readouterr().out
    for words in (
        "+3.00 [+1.00, +5.00]",
        "ptq-ranges *",
        "n 3 each, in turns",
        "chosen: ptq-ranges is the first rung within the budget of 3: a drop of +3.00 points",
        "full integer: yes",
        "tunes to them",
        "next: edge-effnet verify keras:lite0:",
        "edge-effnet eval",
    ):
        assert words in out


def test_resuming_goes_on_and_a_second_run_does_not(
    place: Place, tmp_path: Path, drops: dict[str, float], capsys: Capture
) -> None:
    """Without --resume or --force nothing is touched; with --resume the rungs that are there are not judged again."""
    output = tmp_path / "m.tflite"
    assert run(place.words(output, "--max-drop", "3")) == 0
    capsys.readouterr()
    assert run(place.words(output, "--max-drop", "3")) == 2
    assert "exists" in capsys.readouterr().err
    output.unlink()
    assert run(place.words(output, "--max-drop", "3")) == 2
    assert "--resume" in capsys.readouterr().err
    drops["ptq-ranges"] = 99.0  # would be found if it were judged again
    assert run(place.words(output, "--max-drop", "1", "--resume", "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    assert [(rung["name"], rung["drop_top1"]) for rung in record["rungs"]] == [
        ("ptq-ranges", 3.0),
        ("ptq", 1.0),
    ]


@pytest.mark.usefixtures("drops")
def test_resuming_with_other_data_is_exit_4(place: Place, tmp_path: Path, capsys: Capture) -> None:
    """Another seed is another choice of pictures."""
    output = tmp_path / "m.tflite"
    assert run(place.words(output, "--max-drop", "3")) == 0
    assert run(place.words(output, "--max-drop", "3", "--resume", "--seed", "1")) == 4
    assert "calibration was" in capsys.readouterr().err


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--max-drop", "-1"], 2, "not a drop"),
        (["--max-drop", "much"], 2, "max-drop"),
        (["--max-drop", "1", "--labels", "absent.csv"], 4, "absent.csv"),
        (["--max-drop", "1", "--data", "absent"], 4, "absent"),
        (["--max-drop", "1", "--until", "qatt"], 2, "did you mean 'qat'"),
        (["--max-drop", "1", "--model", "lite9"], 2, "did you mean"),
    ],
)
def test_bad_input_has_its_exit_code(
    place: Place, tmp_path: Path, capsys: Capture, more: list[str], code: int, words: str
) -> None:
    """Before anything is built, in one sentence with the value that was given."""
    assert run(place.words(tmp_path / "m.tflite", *more)) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert not (tmp_path / "m.tune").exists()
