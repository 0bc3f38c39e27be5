"""The weights file: read back whole, with its class names, by this package and by Keras."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from tiny_network import tiny_network

from edge_effnet.errors import DataError, OutputExistsError
from edge_effnet.models import build
from edge_effnet.models.formats import read_weights
from edge_effnet.models.formats_h5 import save_hdf5
from edge_effnet.models.weights import Target, slots_of
from edge_effnet.variants.spec import Normalisation
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel

NAMES = ("ash", "birch", "cedar", "douglas fir", "elm", "fir", "gum", "hazel", "ivy", "jacaranda ✓")


@pytest.fixture(scope="module")
def built(built_model) -> BuiltModel:
    """Lite0 with ten classes, from random weights."""
    return built_model("lite0", 32)


@pytest.fixture(scope="module")
def path(built: BuiltModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its weights with class names."""
    path = tmp_path_factory.mktemp("weights") / "lite0.weights.h5"
    save_hdf5(built, path, labels=NAMES)
    return path


def test_weights_and_class_names_come_back(built: BuiltModel, path: Path):
    """Every value, every name, without being told how many classes there are."""
    again = build("lite0", weights=path, resolution_px=32)
    assert again.labels == NAMES
    for one, two in zip(built.keras.get_weights(), again.keras.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_same_weights_give_the_same_bytes(built: BuiltModel, path: Path, tmp_path: Path):
    """Whenever they are written; other class names give others."""
    save_hdf5(built, tmp_path / "again.weights.h5", labels=NAMES)
    save_hdf5(built, tmp_path / "other.weights.h5")
    assert (tmp_path / "again.weights.h5").read_bytes() == path.read_bytes()
    assert (tmp_path / "other.weights.h5").read_bytes() != path.read_bytes()
    with pytest.raises(OutputExistsError):
        save_hdf5(built, path)


def test_keras_reads_the_file_by_name(built: BuiltModel, path: Path, tmp_path: Path):
    """Keras 2, as a legacy HDF5 file, which is told by its suffix."""
    legacy = tmp_path / "legacy.h5"
    legacy.write_bytes(path.read_bytes())
    other = build("lite0", num_classes=10, resolution_px=32, seed=9).keras
    other.load_weights(legacy)
    for one, two in zip(built.keras.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_new_classifier_has_no_names(path: Path):
    """They were the old one's."""
    assert build("lite0", weights=path, num_classes=4, resolution_px=32, allow_new_head=True).labels is None


def test_weights_of_another_variant_are_refused(path: Path):
    """With the names of what does not fit."""
    with pytest.raises(DataError, match="do not fit b0"):
        build("b0", weights=path, resolution_px=32, allow_new_head=True)


@pytest.mark.parametrize("content", [b"{", b"[1, 2]", b'{"a": 1}', b"\xff"])
def test_damaged_class_names_are_refused(tmp_path: Path, content: bytes):
    """With a sentence."""
    tiny = tiny_network()
    save_hdf5(tiny, tmp_path / "bad.h5", labels=("a", "b", "c"))
    with h5py.File(tmp_path / "bad.h5", "a") as file:
        del file["edge_effnet_classes"]
        file.create_dataset("edge_effnet_classes", data=np.frombuffer(content, np.uint8))
    with pytest.raises(DataError):
        read_weights(tmp_path / "bad.h5", Target("lite0", slots_of(tiny.keras), tiny.normalisation))


def test_a_normalisation_of_its_own_is_kept(tmp_path: Path):
    """Where the weights were trained with another one than the variant's, the file says so."""
    other, published = Normalisation((10.0, 20.0, 30.0), (40.0, 50.0, 60.0)), VARIANTS["b0"].normalisation
    tiny = dataclasses.replace(tiny_network(), id="b0")
    for normalisation in (other, published):
        path = tmp_path / f"{normalisation.mean[0]}.h5"
        save_hdf5(dataclasses.replace(tiny, normalisation=normalisation), path)
        target = Target("b0", slots_of(tiny.keras), published, ("block1a",), adopts_normalisation=True)
        found = read_weights(path, target)
        if normalisation is published:
            assert found.normalisation is None
        else:
            np.testing.assert_allclose(found.normalisation.mean, other.mean, rtol=1e-5)
            np.testing.assert_allclose(found.normalisation.std, other.std, rtol=1e-5)
        assert set(found.tensors) == set(target.homes)


def test_channels_stay_in_their_order(tmp_path: Path):
    """Also for a baseline whose original takes B, G, R: what this package wrote takes R, G, B."""
    tiny = dataclasses.replace(tiny_network(), id="resnet50")
    save_hdf5(tiny, tmp_path / "own.h5")
    assert read_weights(
        tmp_path / "own.h5", Target("resnet50", slots_of(tiny.keras), tiny.normalisation)
    ).is_rgb


def test_the_names_are_plain_json(path: Path):
    """So that anything that reads HDF5 can read them."""
    with h5py.File(path, "r") as file:
        assert json.loads(bytes(file["edge_effnet_classes"][()])) == list(NAMES)
