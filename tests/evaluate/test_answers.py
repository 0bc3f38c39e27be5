"""evaluate.answers: what a record keeps of the single answers, so that a later reader can pair, count and look."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtimes.tiny_models import colour_classifier
from runtimes.tiny_pictures import colour_folders

from edge_effnet.cli.main import run
from edge_effnet.evaluate import Judged
from edge_effnet.evaluate.answers import confusion_matrix, fingerprint, packed, top_confusions
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from pathlib import Path

_BLIND = ((1, -1, -1), (-1, 1, -1), (-1, -1, -1))


def _judged(given: list[int], truth: list[int]) -> Judged:
    labels = np.array(given, np.int64)[:, np.newaxis]
    return Judged(labels, np.ones(labels.shape), labels[:, 0] == np.array(truth))


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_the_bits_say_which_images_were_right(right: list[bool]) -> None:
    """What is packed can be unpacked, whatever the number of images."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(packed(np.array(right))), np.uint8), count=len(right))
    assert bits.astype(bool).tolist() == right


def test_the_fingerprint_tells_sets_apart() -> None:
    """Another name, label or order is another set."""
    prints = [
        fingerprint(names, np.array(labels))
        for names, labels in ((["a", "b"], [0, 1]), (["b", "a"], [0, 1]), (["a", "b"], [1, 1]), (["a"], [0]))
    ]
    assert len(set(prints)) == len(prints)


def test_confusions_are_counted_most_frequent_first() -> None:
    """True class, what was said instead, how often; a label below 0 is the background."""
    truth = [0, 0, 0, 1, 2]
    found = top_confusions(np.array(truth), _judged([1, 1, 0, -1, 2], truth), {0: "cat", 1: "dog"})
    assert found == [
        {"truth": "cat", "predicted": "dog", "n": 2},
        {"truth": "dog", "predicted": "background", "n": 1},
    ]


def test_the_matrix_has_true_classes_as_rows_and_is_left_out_for_many_classes() -> None:
    """Every image is in one cell."""
    truth = [0, 0, 1]
    matrix = confusion_matrix(np.array(truth), _judged([0, 1, 1], truth), {})
    assert matrix == {"classes": ["class 0", "class 1"], "counts": [[1, 1], [0, 1]]}
    many = list(range(31))
    assert confusion_matrix(np.array(many), _judged(many, many), {}) is None


@pytest.mark.parametrize("gallery", [False, True])
def test_the_record_shows_where_two_models_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gallery: bool
) -> None:
    """Both sides with file, truth and guesses; thumbnails come with --gallery; the published schema holds."""
    for name, classes in (("seeing", ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))), ("blind", _BLIND)):
        (tmp_path / f"{name}.tflite").write_bytes(colour_classifier(classes).to_bytes())
    colour_folders(tmp_path / "set", {"0": ["red"], "1": ["green"], "2": ["blue"] * 3})
    models = [str(tmp_path / f"{name}.tflite") for name in ("seeing", "blind")]
    more = ["--gallery", str(tmp_path / "g.html")] if gallery else []
    assert (
        run(["eval", *models, "--data", str(tmp_path / "set"), "--engine", "builtin", "--json", *more]) == 0
    )
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, read_schema("eval"))
    lost, won = record["disagreements"]
    assert (lost["right"], lost["n"], won["n"]) == ("only_first", 3, 0)
    assert {image["truth"] for image in lost["images"]} == {"2"}
    assert all(
        (image["image"] or "").startswith("data:image/jpeg;base64,") is gallery for image in lost["images"]
    )
    assert [len(model["sha256"]) for model in record["models"]] == [64, 64]
    right = base64.b64decode(record["models"][1]["right"])
    assert right[0].bit_count() == 2
