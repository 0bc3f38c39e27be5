"""The README's commands run, and the documents that verbs print keep to their published schemas."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import jsonschema
import pytest

from edge_effnet.cli.main import VERBS, run
from edge_effnet.schemas import SCHEMA_NAMES, read_schema

ROOT = Path(__file__).resolve().parent.parent
_PICTURES = 16

_ELSEWHERE: dict[tuple[str, ...], str] = {
    ("demo", "web"): "tests/demo/web/test_web_verb.py",
    ("demo", "android"): "tests/demo/android/test_android_tools.py",
}
"""Commands that wait for Ctrl-C, or need Android's tools, and the tests that run them."""

_SHORT = {
    "train": ["--epochs", "2", "--batch-size", "8"],
    "qat": ["--steps", "1", "--batch-size", "4"],
    "bench": ["--min-seconds", "0.1", "--min-runs", "5"],
    "profile": ["--min-seconds", "0.1", "--min-runs", "5"],
    "run": [
        *(
            "--set",
            "models=[{id: lite0, weights: lite0.npz}]",
            "--set",
            "stages=[convert, inspect, bench, report]",
        ),
        *("--set", "recipes=[minmax]", "--set", "fail_if=[]", "--set", "verify.limit=2"),
        *("--set", "bench={min_seconds: 0.1, min_runs: 3}"),
    ],
    "tune": ["--until", "ptq-ranges", "--max-drop", "100", "--runs", "3"],
}
"""Verb -> options that make its command of the README quick; the last of two values counts."""


def _commands(document: str) -> list[list[str]]:
    """Return the `edge-effnet` lines of a document's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("edge-effnet ")]


@pytest.fixture(scope="module")
def workplace(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README's commands name: weights, calibration photographs, a labelled test set."""
    folder = tmp_path_factory.mktemp("readme")
    data = shared / "data"
    (folder / "b0.weights.h5").symlink_to(data / "weights/efficientnet_b0_imagenet.weights.h5")
    shutil.copy(ROOT / "docs/run.yaml", folder / "run.yaml")
    (folder / "lite0.npz").symlink_to(data / "weights/efficientnet_lite0_imagenet_folded.npz")
    for part in ("train", "val"):
        for classes in sorted((data / "flowers" / part).iterdir()):
            (folder / "flowers" / part / classes.name).mkdir(parents=True)
            for picture in sorted(classes.iterdir())[:4]:
                shutil.copy(picture, folder / "flowers" / part / classes.name)
    for name, images in (
        ("photos", data / "imagenet/train_1000/images"),
        ("test", data / "imagenet/val_1300/images"),
    ):
        (folder / name).mkdir()
        for picture in sorted(images.iterdir())[:_PICTURES]:
            shutil.copy(picture, folder / name)
    present = {picture.name for picture in (folder / "test").iterdir()}
    with (data / "imagenet/val_1300/labels.csv").open(encoding="utf-8") as source:
        rows = [row for row in csv.DictReader(source) if Path(row["file"]).name in present]
    with (folder / "test.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.mark.shared
def test_every_command_of_the_readme_runs_in_the_order_given(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: what the README shows can be typed."""
    monkeypatch.chdir(workplace)
    commands = [command for command in _commands("README.md") if command[0] != "quickstart"]
    assert {command[0] for command in commands} == set(VERBS) - {"quickstart"}
    for command in commands:
        if (elsewhere := _ELSEWHERE.get(tuple(command[:2]))) is not None:
            assert (ROOT / elsewhere).is_file()
            continue
        words, target = (command[:-2], command[-1]) if ">" in command else (command, None)
        with Path(target or os.devnull).open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
            assert run([*words, *_SHORT.get(words[0], [])]) == 0, command


def test_published_schemas_are_schemas() -> None:
    """Promise: every published schema is valid JSON Schema itself."""
    for name in SCHEMA_NAMES:
        jsonschema.Draft202012Validator.check_schema(read_schema(name))


def _json_of(capsys: pytest.CaptureFixture[str], *command: str) -> object:
    assert run([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_keeps_to_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: `list --json` keeps to its schema."""
    jsonschema.validate(_json_of(capsys, "list"), read_schema("list"))


@pytest.mark.shared
def test_convert_inspect_verify_and_eval_keep_to_their_schemas(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise: what the verbs print and what lies beside a model keeps to the published schemas."""
    model, weights = tmp_path / "b0.tflite", workplace / "b0.weights.h5"
    photos = str(workplace / "photos")
    made = _json_of(
        capsys,
        "convert",
        "--model",
        "b0",
        "--int8",
        "--weights",
        str(weights),
        "--calibration",
        photos,
        "-o",
        str(model),
    )
    jsonschema.validate(made, read_schema("convert"))
    jsonschema.validate(json.loads((tmp_path / "b0.contract.json").read_text()), read_schema("contract"))
    jsonschema.validate(_json_of(capsys, "inspect", str(model)), read_schema("inspect"))
    floats = f"keras:b0:{weights}"
    verified = _json_of(
        capsys, "verify", floats, str(model), "--data", photos, "--limit", "4", "--reference-images", "1"
    )
    jsonschema.validate(verified, read_schema("verify"))
    labels = str(workplace / "test.csv")
    judged = _json_of(
        capsys, "eval", floats, str(model), "--data", str(workplace / "test"), "--labels", labels
    )
    jsonschema.validate(judged, read_schema("eval"))
