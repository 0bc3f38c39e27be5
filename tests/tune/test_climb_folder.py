"""The run folder: what it refuses, what it remembers, what it forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError, UsageError
from edge_effnet.tune.folder import RunFolder, key_of

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {"model": "lite0", "weights": "abc", "seed": 0}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A folder that was begun, with one rung in it."""
    found = RunFolder(tmp_path / "m.tune")
    found.open(INPUTS, force=False)
    found.room("ptq", "key").write_bytes(b"model")
    found.save("ptq", "key", {"sha256": sha256_of_bytes(b"model"), "drop": 1.0})
    return found


def test_a_rung_is_remembered(folder: RunFolder) -> None:
    """Its record and its model."""
    record = folder.load("ptq", "key")
    assert record is not None
    assert record["drop"] == 1.0
    assert folder.made(sha256_of_bytes(b"model"))
    assert not folder.made(sha256_of_bytes(b"other"))


@pytest.mark.parametrize("change", ["key", "bytes", "gone", "record", "never"])
def test_a_rung_that_is_not_the_same_is_made_again(folder: RunFolder, change: str) -> None:
    """Other settings, a model that was changed or removed, no record, or a rung that never was."""
    if change == "bytes":
        folder.model("ptq").write_bytes(b"changed")
    if change == "gone":
        folder.model("ptq").unlink()
    if change == "record":
        (folder.path / "ptq" / "rung.json").unlink()
    name = "qat" if change == "never" else "ptq"
    assert folder.load(name, "other" if change == "key" else "key") is None


def test_an_attempt_at_the_same_goes_on_and_another_begins_empty(folder: RunFolder) -> None:
    """Checkpoints of a training stay for that training alone."""
    checkpoint = folder.path / "qat" / "checkpoint"
    folder.room("qat", "400 steps")
    checkpoint.write_text("step 30")
    folder.room("qat", "400 steps")
    assert checkpoint.exists()
    folder.room("qat", "500 steps")
    assert not checkpoint.exists()


def test_the_same_inputs_go_on(folder: RunFolder) -> None:
    """What was made is still there."""
    folder.open(INPUTS, force=False)
    assert folder.load("ptq", "key") is not None


def test_other_inputs_are_refused_with_their_names(folder: RunFolder) -> None:
    """Which ones, what they were and what they are."""
    with pytest.raises(DataError, match="about something else") as caught:
        folder.open({**INPUTS, "weights": "xyz"}, force=False)
    assert "weights was abc, is xyz" in str(caught.value)
    assert "model was" not in str(caught.value)
    assert folder.load("ptq", "key") is not None


def test_force_forgets_the_rungs_and_nothing_else(folder: RunFolder) -> None:
    """A file of somebody else's in the folder stays."""
    (folder.path / "notes.txt").write_text("mine")
    folder.float_logits.write_bytes(b"logits")
    folder.open({**INPUTS, "weights": "xyz"}, force=True)
    assert folder.load("ptq", "key") is None
    assert not folder.float_logits.exists()
    assert (folder.path / "notes.txt").read_text() == "mine"


def test_a_climb_that_was_begun_is_neither_continued_nor_replaced_by_accident(folder: RunFolder) -> None:
    """One of the two has to be asked for."""
    with pytest.raises(UsageError, match="begun") as caught:
        folder.check(resume=False, force=False)
    assert "--resume" in str(caught.value)
    folder.check(resume=True, force=False)
    folder.check(resume=False, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, force: bool) -> None:
    """Even by force: what is in it is not ours to remove."""
    folder = RunFolder(tmp_path / "m.tune")
    folder.path.mkdir()
    folder.check(resume=False, force=force)
    (folder.path / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="something else"):
        folder.check(resume=False, force=force)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """Not overwritten."""
    (tmp_path / "m.tune").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(tmp_path / "m.tune").check(resume=True, force=False)


def test_a_damaged_record_is_refused(folder: RunFolder) -> None:
    """With its name and the way out, and not taken for an empty one."""
    (folder.path / "run.json").write_text("{")
    with pytest.raises(DataError, match="not JSON") as caught:
        folder.open(INPUTS, force=False)
    assert "--force" in str(caught.value)


def test_keys_depend_on_every_value_and_not_on_the_order() -> None:
    """The same record is the same key."""
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert len({key_of({"a": 1}), key_of({"a": 2}), key_of({"b": 1}), key_of({"a": 1}, {"b": 1})}) == 4
