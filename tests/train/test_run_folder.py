"""The folder of a run: checkpoints come back whole, damage is said, pictures of the run are drawn."""

from __future__ import annotations

import builtins
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import numpy as np
import pytest
from toy_task import EPOCH_STEPS, FINGERPRINT, Line, Listener

from edge_effnet.errors import DataError, UsageError
from edge_effnet.train import RunPlan, run
from edge_effnet.train.curves import curves_of
from edge_effnet.train.folder import RunFolder
from edge_effnet.train.records import Best, Progress

if TYPE_CHECKING:
    from pathlib import Path

PROGRESS = Progress(2, 3, {"loss": 0.1 + 0.2}, ({"epoch": 1}, {"epoch": 2}), Best(1, 90.5), 12.5)
ILLUSTRATED = RunPlan(2, EPOCH_STEPS, FINGERPRINT, "val_top1")


def _state() -> dict:
    rng = np.random.default_rng(5)
    state = {
        f"weights/{index}": rng.standard_normal((index + 1, 2)).astype(np.float32) for index in range(12)
    }
    return state | {"count": np.array(17, np.int64)}


def _saved(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(FINGERPRINT, force=False)
    folder.save(PROGRESS, _state())
    return folder


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path):
    """Same progress to the last bit of its sums, same values, types and order."""
    progress, state = _saved(tmp_path).load()
    assert progress == PROGRESS
    assert list(state) == list(_state())
    for name, value in _state().items():
        assert state[name].dtype == value.dtype
        np.testing.assert_array_equal(state[name], value)


def test_a_later_checkpoint_replaces_an_earlier_one(tmp_path: Path):
    """One file, the last state; the best one stays until another is marked."""
    folder = _saved(tmp_path)
    folder.keep_best()
    folder.save(Progress(3), {"count": np.array(18)})
    assert folder.load()[0].epoch == 3
    assert folder.load_best()["count"] == 17
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.npz", "run.json", "state.npz"]


@pytest.mark.parametrize("keep_bytes", [0, 10, 500])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, keep_bytes: int):
    """With a sentence, not a traceback."""
    folder = _saved(tmp_path)
    folder.state.write_bytes(folder.state.read_bytes()[:keep_bytes])
    with pytest.raises(DataError, match="the checkpoint cannot be read"):
        folder.load()


def test_a_checkpoint_with_objects_is_refused(tmp_path: Path):
    """Pickles, which run code, are never loaded."""
    folder = _saved(tmp_path)
    arrays = dict(np.load(folder.state)) | {"state/bad": np.array([print], object)}
    with folder.state.open("wb") as stream:
        np.savez(stream, **arrays)
    with pytest.raises(DataError, match="the checkpoint cannot be read"):
        folder.load()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": 3}'])
def test_a_damaged_description_is_refused(tmp_path: Path, text: str):
    """The run cannot be told from another, so nothing goes on with it."""
    folder = _saved(tmp_path)
    folder.description.write_text(text)
    with pytest.raises(DataError, match="the run's description cannot be read"):
        folder.check(FINGERPRINT)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path):
    """With or without --force."""
    (tmp_path / "run").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(tmp_path / "run").begin(FINGERPRINT, force=True)


def test_figures_that_belong_together_share_a_panel():
    """What is judged is drawn with what was learnt; a figure that one epoch lacks is a gap."""
    history = [{"epoch": 1, "loss": 2.0, "top1": 50.0}, {"epoch": 2, "loss": 1.0, "val_top1": 40.0}]
    panels = curves_of(history)
    assert list(panels) == ["loss", "top1"]
    assert panels["loss"] == {"loss": [2.0, 1.0]}
    assert list(panels["top1"]) == ["top1", "val_top1"]
    assert np.isnan(panels["top1"]["val_top1"][0])


def test_a_run_draws_its_curves(tmp_path: Path):
    """One SVG that names every figure."""
    pytest.importorskip("matplotlib")
    plan = RunPlan(1, EPOCH_STEPS, FINGERPRINT)
    outcome = run(Line(), plan, tmp_path / "run", resume=False)
    assert outcome.notes == ()
    assert ET.parse(tmp_path / "run" / "curves.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_without_matplotlib_a_run_says_that_it_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In its notes and to the reporter; the run itself goes on."""
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    reporter = Listener()
    outcome = run(
        Line(), RunPlan(1, EPOCH_STEPS, FINGERPRINT), tmp_path / "run", resume=False, reporter=reporter
    )
    assert outcome.stopped == "finished"
    assert any("edge-effnet[plots]" in note for note in outcome.notes)
    assert any("edge-effnet[plots]" in message for _, message in reporter.notes)
    assert not (tmp_path / "run" / "curves.svg").exists()


def test_tensorboard_finds_every_figure(tmp_path: Path):
    """Scalars by step and by epoch, as TensorBoard's own plugin reads them."""
    from edge_effnet.models.keras import import_tensorflow

    tensorflow = import_tensorflow()
    outcome = run(Line(), ILLUSTRATED, tmp_path / "run", resume=False)
    (path,) = (tmp_path / "run" / "tensorboard").iterdir()
    found = {}
    for record in tensorflow.data.TFRecordDataset(str(path)):
        event = tensorflow.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            found[value.tag, event.step] = float(tensorflow.make_ndarray(value.tensor))
    assert {step for tag, step in found if tag == "step/loss"} == set(range(1, 2 * EPOCH_STEPS + 1))
    for record in outcome.history:
        assert found["epoch/val_top1", record["step"]] == pytest.approx(record["val_top1"], rel=1e-6)
