"""`edge-effnet eval`: the streams, the record, the exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from runtimes.tiny_models import TinyModel, colour_classifier
from runtimes.tiny_pictures import colour_folders

from edge_effnet.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

_PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
_INTERVAL = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
# The part of the record that scripts may rely on; more keys may be added, none of these may change.
_FIXED = {
    "type": "object",
    "required": ["schema_version", "models", "paired", "skipped", "conditions", "seconds"],
    "properties": {
        "schema_version": {"const": 1},
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "top1", "top5", "n", "top1_ci95"],
                "properties": {
                    "top1": _PERCENT,
                    "top5": _PERCENT,
                    "n": {"type": "integer"},
                    "top1_ci95": _INTERVAL,
                },
            },
        },
        "paired": {
            "type": ["object", "null"],
            "required": ["drop_top1", "ci95", "mcnemar_p", "agreement"],
            "properties": {
                "drop_top1": {"type": "number", "minimum": -100, "maximum": 100},
                "ci95": _INTERVAL,
                "mcnemar_p": {"type": "number", "minimum": 0, "maximum": 1},
                "agreement": _PERCENT,
            },
        },
        "skipped": {"type": "array", "items": {"type": "object", "required": ["file", "reason"]}},
        "conditions": {"type": "object", "required": ["engine", "workers", "versions", "host"]},
        "seconds": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models and a set; the second model never says blue."""
    (tmp_path / "seeing.tflite").write_bytes(colour_classifier().to_bytes())
    blind = colour_classifier(((1, -1, -1), (-1, 1, -1), (-1, -1, -1)))
    (tmp_path / "blind.tflite").write_bytes(blind.to_bytes())
    colour_folders(tmp_path / "set", {"0": ["red"] * 2, "1": ["green"] * 2, "2": ["blue"] * 4})
    return tmp_path


def _arguments(folder: Path, *models: str, more: tuple[str, ...] = ()) -> list[str]:
    paths = [str(folder / f"{model}.tflite") for model in models]
    return ["eval", *paths, "--data", str(folder / "set"), "--engine", "builtin", *more]


@pytest.mark.parametrize("models", [("seeing",), ("seeing", "blind")])
def test_json_prints_one_document_of_the_fixed_form(
    folder: Path, capsys: pytest.CaptureFixture[str], models: tuple[str, ...]
) -> None:
    """Nothing but the document is on stdout."""
    assert run(_arguments(folder, *models, more=("--json",))) == 0
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, _FIXED)
    assert len(record["models"]) == len(models)
    assert (record["paired"] is None) is (len(models) == 1)
    assert record["models"][0]["top1"] == 100.0


def test_the_tables_have_n_intervals_the_paired_row_and_the_next_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a person reads: figures on stdout, assumptions on stderr."""
    assert run(_arguments(folder, "seeing", "blind")) == 0
    captured = capsys.readouterr()
    for words in (
        "seeing.tflite",
        "100.00 [67.56, 100.00]",
        "50.00 [21.52, 78.48]",
        "+50.00 [",
        "0.125",
        "next: edge-effnet eval",
    ):
        assert words in captured.out
    assert "--gallery" in captured.out.splitlines()[-1]
    assert "no preprocessing contract" in captured.err
    assert "class folders are numbers" in captured.err


def test_one_model_is_followed_by_its_inspection(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next command can be copied."""
    assert run(_arguments(folder, "seeing")) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: edge-effnet inspect {folder}/seeing.tflite"


def test_a_gallery_is_written_and_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run without --force stops before it has evaluated anything."""
    page = folder / "page.html"
    arguments = _arguments(folder, "seeing", "blind", more=("--gallery", str(page)))
    assert run(arguments) == 0
    assert f"gallery: {page}" in capsys.readouterr().out
    written = page.read_bytes()
    page.write_bytes(b"mine")
    assert run(arguments) == 2
    assert "class folders" not in capsys.readouterr().err
    assert page.read_bytes() == b"mine"
    assert run([*arguments, "--force"]) == 0
    assert page.read_bytes()[:200] == written[:200]


def test_a_limit_and_the_number_of_workers_are_passed_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are in the record."""
    assert run(_arguments(folder, "seeing", more=("--json", "--limit", "4", "--workers", "1"))) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["models"][0]["n"] == 4
    assert record["conditions"]["workers"] == 1


def test_skipped_images_are_said_in_the_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The number on stdout, the reason on stderr; the exit code stays 0."""
    (folder / "set" / "0" / "000.png").write_bytes(b"damaged")
    assert run(_arguments(folder, "seeing")) == 0
    captured = capsys.readouterr()
    assert "1 images were skipped" in captured.out
    assert "0/000.png: the picture cannot be decoded" in captured.err


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("seeing", "nowhere"), 4, "nowhere.tflite"),
        (("seeing", "damaged"), 4, "damaged.tflite"),
        (("seeing", "odd"), 3, "Odd"),
        (("random",), 4, "random weights"),
    ],
)
def test_models_that_cannot_be_evaluated_end_with_their_code(
    folder: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, ...], code: int, words: str
) -> None:
    """Nothing is printed on stdout, and stderr has the name and what to do."""
    whole = colour_classifier().to_bytes()
    (folder / "damaged.tflite").write_bytes(whole[: len(whole) // 2])
    odd = TinyModel(colour_classifier().weights, operator=32, custom="Odd", version=1)
    (folder / "odd.tflite").write_bytes(odd.to_bytes())
    random = colour_classifier(contract={"weights": {"source": "random"}})
    (folder / "random.tflite").write_bytes(random.to_bytes())
    assert run(_arguments(folder, *change)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert "fix:" in captured.err or "got:" in captured.err


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--engine", "xnpack"), 2),
        (("--limit", "0"), 2),
        (("--gallery", "alone.html"), 2),
        (("--labels", "nowhere.csv"), 4),
        (("--data", "nowhere"), 4),
    ],
)
def test_wrong_options_end_with_their_code(
    folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int
) -> None:
    """Usage is 2, data is 4."""
    assert run(_arguments(folder, "seeing", more=more)) == code
    assert capsys.readouterr().err
