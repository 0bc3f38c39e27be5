"""The weights that are committed: small, complete, and as good as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.calibrate.sets import list_set_ids
from edge_effnet.errors import DataError
from edge_effnet.models import build
from edge_effnet.proportions import wilson_interval
from edge_effnet.quickstart.assets import demo_record, demo_weights
from edge_effnet.train import DEMO_PLAN, Phase
from edge_effnet.train.demo_task import count_right

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel

MOST_BYTES = 9_000_000
PICTURES = 300


@pytest.fixture(scope="module")
def built() -> BuiltModel:
    """The network with the committed weights; every tensor must have its home, and every home its tensor."""
    with demo_weights() as path:
        return build("b0", weights=path, num_classes=10, resolution_px=demo_record()["resolution_px"])


def test_the_file_is_float16_and_small():
    """At most 9 MB; all but biases and batch norm in half precision."""
    with demo_weights() as path:
        assert path.stat().st_size <= MOST_BYTES
        with np.load(path, allow_pickle=False) as archive:
            kernels = {name: archive[name] for name in archive.files if name.endswith("kernel")}
    assert len(kernels) == 82
    assert {value.dtype.name for value in kernels.values()} == {"float16"}


def test_the_record_is_about_this_file():
    """Hash and size are those of the file; the run was carried out to its end, with the plan of this version."""
    record = demo_record()
    with demo_weights() as path:
        assert record["sha256"] == sha256_of_file(path)
        assert record["size_bytes"] == path.stat().st_size
    assert record["is_finished"]
    assert record["set"] in list_set_ids()
    phases = tuple(Phase(**phase) for phase in record["plan"].pop("phases"))
    assert {**record["plan"], "phases": phases} == {**DEMO_PLAN.to_record(), "phases": DEMO_PLAN.phases}
    assert record["epochs"] == len(record["log"]) == DEMO_PLAN.epochs
    assert record["steps"] == DEMO_PLAN.steps


def test_the_accuracy_is_neither_trivial_nor_broken():
    """Between 88 and 97 %, so that a loss of accuracy shows."""
    accuracy = demo_record()["accuracy"]
    assert accuracy["n"] >= 2000
    assert accuracy["top1"] == 100.0 * accuracy["right"] / accuracy["n"]
    assert 88.0 <= accuracy["top1"] <= 97.0


def test_the_reported_accuracy_is_found_again(built: BuiltModel):
    """On 300 pictures of the test split, which had no part in it, within the interval that so few allow."""
    interval = wilson_interval(count_right(built, "test", PICTURES), PICTURES)
    assert interval.low <= demo_record()["accuracy"]["top1"] / 100.0 <= interval.high


def test_a_file_without_one_tensor_is_refused(tmp_path: Path):
    """Loading accounts for every tensor by name."""
    with demo_weights() as path, np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    del arrays["block3a_se_reduce/bias"]
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(DataError, match="block3a_se_reduce/bias"):
        build("b0", weights=tmp_path / "less.npz", num_classes=10, resolution_px=96)
