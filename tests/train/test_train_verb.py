"""`edge-effnet train`, from the command line to the weights file, and everything that it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from tiny_network import CLASSES, tiny_network, write_pictures

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.cli.main import run
from edge_effnet.images import list_images, load_pixels
from edge_effnet.models import build
from edge_effnet.schemas import read_schema
from edge_effnet.train.transfer import TransferTask

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")

SHORT = [
    "--weights",
    "random",
    "--resolution",
    "32",
    "--batch-size",
    "6",
    "--epochs",
    "2",
    "--augment",
    "none,flip=0.5",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``train`` and ``val`` with three classes."""
    root = tmp_path_factory.mktemp("verb")
    write_pictures(root / "train", 4, side_px=40)
    write_pictures(root / "val", 2, side_px=40, seed=1)
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a network of four layers, at 16 px, be what is built, for tests of what comes after."""
    from edge_effnet.train import fit

    monkeypatch.setattr(fit, "build", lambda *_, **__: tiny_network())


def _line(folder: Path, output: Path, *more: str) -> list[str]:
    data = ["--data", str(folder / "train"), "--val", str(folder / "val")]
    return ["train", "--model", "lite0", *data, *SHORT, "-o", str(output), *more]


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[dict, Path]:
    """The record of a run of one epoch of the head and one of the last stages, and its weights."""
    output = folder / "out.weights.h5"
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("sys.stdout.write", printed.append)
        assert run(_line(folder, output, "--json")) == 0
    return json.loads("".join(printed)), output


def test_the_record_keeps_to_its_schema(trained: tuple[dict, Path]):
    """One JSON document on stdout, the same beside the weights; hash and size are the file's."""
    record, output = trained
    Draft202012Validator(read_schema("train")).validate(record)
    assert json.loads(Path(f"{output}.json").read_text()) == record
    assert record["weights"] == str(output)
    assert record["sha256"] == sha256_of_file(output)
    assert record["size_bytes"] == output.stat().st_size
    assert (record["n"], record["epochs"], record["steps"], record["stopped"]) == (6, 2, 4, "finished")
    assert record["classes"] == list(CLASSES)
    assert record["frozen"]["learning_from_epoch"] == {"1": "head", "2": "late"}
    assert 0 < record["frozen"]["frozen_layers"] < record["frozen"]["layers"]


def test_the_weights_are_as_good_as_the_record_says(trained: tuple[dict, Path], folder: Path):
    """Read back from the file, on the pictures to judge by, through the preprocessing of evaluation."""
    from edge_effnet.images import Preprocessing

    record, output = trained
    built = build("lite0", weights=output, num_classes=3, resolution_px=32)
    assert built.labels == CLASSES
    paths = list_images(folder / "val")
    pixels = np.stack([load_pixels(path, Preprocessing(32, built.crop_fraction)) for path in paths])
    found = built.predict_logits(pixels).argmax(axis=1)
    right = [CLASSES[place] == path.parent.name for place, path in zip(found, paths, strict=True)]
    assert record["val_top1"] == pytest.approx(100 * np.mean(right))
    assert record["val_top1"] == max(epoch["val_top1"] for epoch in record["history"])


def test_the_run_folder_holds_what_a_run_leaves(trained: tuple[dict, Path]):
    """Checkpoint, best epoch, history, curves and TensorBoard's scalars, beside the output."""
    record, output = trained
    run_folder = output.with_name("out.run")
    assert record["run"] == str(run_folder)
    assert {path.name for path in run_folder.iterdir()} >= {
        "run.json",
        "state.npz",
        "best.npz",
        "history.jsonl",
        "tensorboard",
    }
    history = [json.loads(line) for line in (run_folder / "history.jsonl").read_text().splitlines()]
    assert history == record["history"]


def test_convert_names_the_outputs_after_the_classes(trained: tuple[dict, Path], tmp_path: Path):
    """The contract of a model that is converted from the weights has the names of the folders."""
    output = tmp_path / "flowers.tflite"
    line = [
        "convert",
        "--model",
        "lite0",
        "--weights",
        str(trained[1]),
        "--resolution",
        "32",
        "--precision",
        "float32",
    ]
    assert run([*line, "-o", str(output), "--json"]) == 0
    contract = json.loads((tmp_path / "flowers.contract.json").read_text())
    assert contract["labels"] == list(CLASSES)


def test_what_is_printed_ends_with_commands_to_copy(
    tiny: None, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Epochs, what learnt, accuracy with its count, path and hash, then quantisation."""
    output = tmp_path / "head.weights.h5"
    assert run(_line(folder, output, "--head-only")) == 0
    out, _ = capsys.readouterr()
    assert "of 6, epoch" in out
    assert f"sha256 {sha256_of_file(output)}" in out
    data = f"--data {folder / 'train'} --val {folder / 'val'}"
    assert (
        f"edge-effnet qat --model lite0 --weights {output} --resolution 32 {data} -o lite0_int8.tflite" in out
    )
    assert f"edge-effnet convert --model lite0 --weights {output} --resolution 32" in out


def test_an_interrupted_run_says_how_to_go_on(
    tiny: None,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    """130 and the command; that command ends with the weights of a run without a break, bit for bit."""
    whole, parts = tmp_path / "whole.weights.h5", tmp_path / "parts.weights.h5"
    assert run(_line(folder, whole, "--head-only")) == 0
    real = TransferTask.step

    def press(task: TransferTask, batch, step: int) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return real(task, batch, step)

    line = _line(folder, parts, "--head-only")
    monkeypatch.setattr("sys.argv", ["edge-effnet", *line])
    monkeypatch.setattr(TransferTask, "step", press)
    assert run() == 130
    assert not parts.exists()
    err = capsys.readouterr().err
    assert f"-o {parts} --head-only --resume\n" in err.split("resume with: edge-effnet train ")[1]
    monkeypatch.setattr(TransferTask, "step", real)
    assert run([*line, "--resume"]) == 0
    assert parts.read_bytes() == whole.read_bytes()
    capsys.readouterr()
    assert run([*line, "--resume", "--force", "--head-rate", "0.01"]) == 4
    assert "another one: head_rate differs" in capsys.readouterr().err


def test_a_loss_that_is_no_number_is_exit_5(
    tiny: None, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """With the step and the checkpoint; nothing is written under the output's name."""
    output = tmp_path / "nan.weights.h5"
    assert run(_line(folder, output, "--head-only", "--head-rate", "1e38")) == 5
    err = capsys.readouterr().err
    assert "no longer finite" in err
    assert "of 4" in err
    assert str(tmp_path / "nan.run" / "state.npz") in err
    assert not output.exists()


def _without(folder: Path, name: str, part: str = "val") -> None:
    shutil.rmtree(folder / part / name)


def _empty(folder: Path) -> None:
    for path in (folder / "train" / "red").iterdir():
        path.unlink()


def _one_class(folder: Path) -> None:
    for part in ("train", "val"):
        _without(folder, "red", part)
        _without(folder, "blue", part)


def _weights(folder: Path) -> list[str]:
    from edge_effnet.models.formats_npz import save_npz

    save_npz(tiny_network(), folder / "other.npz")
    return ["--weights", str(folder / "other.npz")]


@pytest.mark.parametrize(
    ("spoil", "more", "code", "words"),
    [
        (_one_class, [], 4, "one class only"),
        (_empty, [], 4, "a class has no picture"),
        (lambda folder: _without(folder, "red"), [], 4, "differ"),
        (lambda folder: None, ["--data", "nowhere"], 4, "does not exist"),
        (lambda folder: None, ["--weights", "nowhere.h5"], 4, "not there"),
        (_weights, [], 4, "do not fit lite0"),
        (lambda folder: None, ["--model", "lite9"], 2, "did you mean"),
        (lambda folder: None, ["--augment", "lite"], 2, "did you mean 'light'"),
        (lambda folder: None, ["--epochs", "0"], 2, "out of range"),
        (lambda folder: None, ["--unfreeze", "0:block8"], 2, "part of the network"),
        (lambda folder: None, ["--strategy", "two"], 2, "strategy"),
        (lambda folder: None, ["--precision", "half"], 2, "precision"),
        (lambda folder: None, ["-o", "out.h5"], 2, "NAME.weights.h5"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil, more: list[str], code: int, words: str
):
    """With its exit code and a sentence, without a traceback, and nothing is written."""
    for part, count in (("train", 2), ("val", 1)):
        write_pictures(tmp_path / part, count, side_px=40)
    more = [*more, *(spoil(tmp_path) or [])]
    assert run(_line(tmp_path, tmp_path / "out.weights.h5", *more)) == code
    out, err = capsys.readouterr()
    assert words in err
    assert "Traceback" not in err
    assert out == ""
    assert not list(tmp_path.glob("out*"))


def test_an_output_that_is_there_is_refused_at_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The weights or the record beside them; the pictures are not even looked at."""
    (tmp_path / "out.weights.h5.json").write_text("{}")
    assert run(_line(tmp_path / "nowhere", tmp_path / "out.weights.h5")) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "weights"),
    [("lite0", "efficientnet_lite0_imagenet_folded.npz"), ("b0", "efficientnet_b0_imagenet.weights.h5")],
)
def test_flowers_are_learnt(shared: Path, tmp_path: Path, model: str, weights: str):
    """At least 90 % of 300 photographs of five flowers, with the defaults."""
    data = shared / "data"
    line = [
        "train",
        "--model",
        model,
        "--data",
        str(data / "flowers/train"),
        "--val",
        str(data / "flowers/val"),
    ]
    output = tmp_path / "flowers.weights.h5"
    assert run([*line, "--weights", str(data / "weights" / weights), "-o", str(output), "--json"]) == 0
    record = json.loads(Path(f"{output}.json").read_text())
    assert record["n"] == 300
    assert record["val_top1"] >= 90.0
