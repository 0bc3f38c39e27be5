"""HDF5 and .keras: every layout gives the same tensors; damaged and hostile files give one sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from keras_twins import assert_same_tensors, keras_twin, tensors_of

from edge_effnet.errors import DataError
from edge_effnet.models import build
from edge_effnet.models.formats import read_weights
from edge_effnet.models.initialise import initialise
from edge_effnet.models.weights import Target, fit, slots_of
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel

_RANDOM = {"stem_conv/kernel": (3, 3, 3, 4), "predictions/kernel": (4, 10), "predictions/bias": (10,)}


@pytest.fixture(scope="module")
def twin() -> Any:
    """Keras applications' B0 at 32 px with random weights."""
    model = keras_twin("b0", 32, classes=10)
    initialise(model, 3, VARIANTS["b0"].normalisation)
    return model


def _target(built: BuiltModel) -> Target:
    arch = built.architecture
    names = tuple(block.name for block in arch.blocks)
    return Target("b0", slots_of(built.keras), VARIANTS["b0"].normalisation, names, adopts_normalisation=True)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize("name", ["weights.h5", "own.weights.h5", "model.h5", "model.keras"])
def test_every_keras_file_gives_the_same_tensors(
    name: str, twin: Any, small_b0: BuiltModel, tmp_path: Path
) -> None:
    """What Keras 2 saves as weights or as a model, old layout or new, is read bit by bit."""
    save = twin.save_weights if name.endswith("weights.h5") else twin.save
    save(tmp_path / name)
    tensors, _ = fit(_target(small_b0), read_weights(tmp_path / name, _target(small_b0)))
    expected = {
        layer: value for layer, value in tensors_of(twin).items() if not layer.startswith("normalization")
    }
    assert_same_tensors(tensors, expected)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3 with NumPy 2
def test_keras_3_files_load_by_name_and_by_class(small_b0: BuiltModel, tmp_path: Path) -> None:
    """Keras 3 names its groups by class; newer files add the layer's name, older ones have only the order."""
    keras3 = pytest.importorskip("keras")
    model = keras3.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=10)
    rng = np.random.default_rng(4)
    model.set_weights([np.asarray(rng.uniform(0.5, 1.5, w.shape), w.dtype) for w in model.get_weights()])
    expected = [
        value
        for layer in model.layers
        if layer.name != "normalization"
        for value in layer.get_weights()
        if layer.weights
    ]
    path = tmp_path / "three.weights.h5"
    model.save_weights(path)
    for _ in ("with names", "without"):
        tensors, _ = fit(_target(small_b0), read_weights(path, _target(small_b0)))
        ours = [tensors[slot.layer][name] for slot in _target(small_b0).slots for name in slot.shapes]
        for one, other in zip(ours, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        with h5py.File(path, "r+") as file:
            file.visititems(lambda _, item: item.attrs.pop("name", None) and None)


def test_the_number_of_classes_is_taken_from_the_file(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Without `num_classes` the model has as many classes as the file."""
    path = tmp_path / "ten.h5"
    small_lite0.keras.save_weights(path)
    assert build("lite0", resolution_px=32, weights=path).keras.output_shape == (None, 10)
    with pytest.raises(DataError, match="--allow-new-head"):
        build("lite0", resolution_px=32, weights=path, num_classes=4)
    fresh = build("lite0", resolution_px=32, weights=path, num_classes=4, allow_new_head=True)
    assert fresh.keras.output_shape == (None, 4)
    assert any("untrained" in note for note in fresh.notes)
    assert fresh.weights.kind == "file"
    assert fresh.weights.source == "ten.h5"


def test_weights_of_another_model_are_refused(twin: Any, tmp_path: Path) -> None:
    """B0's weights do not become Lite0's: squeeze-and-excite has no home."""
    twin.save_weights(tmp_path / "b0.h5")
    with pytest.raises(DataError, match=r"do not fit lite0 .*\n.*block1a_se_reduce"):
        build("lite0", resolution_px=32, weights=tmp_path / "b0.h5", num_classes=10)


def test_state_of_training_is_not_a_tensor_without_a_home(
    twin: Any, small_b0: BuiltModel, tmp_path: Path
) -> None:
    """An optimizer's slots and a dropout's generator in the file are passed over."""
    path = tmp_path / "trained.weights.h5"
    twin.save_weights(path)
    with h5py.File(path, "r+") as file:
        file["optimizer/vars/0"] = np.zeros(3, np.float32)
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    fit(_target(small_b0), read_weights(path, _target(small_b0)))


def _write_indexed(path: Path, tensors: dict[str, np.ndarray]) -> None:
    keys = {
        "stem_conv/kernel": "conv2d/vars/0",
        "predictions/kernel": "dense/vars/0",
        "predictions/bias": "dense/vars/1",
    }
    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            file[f"layers/{keys.get(name, name)}"] = value


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    """A small file in Keras 3's layout that fits `toy_target`."""
    rng = np.random.default_rng(0)
    path = tmp_path / "toy.weights.h5"
    _write_indexed(path, {name: rng.normal(size=shape).astype(np.float32) for name, shape in _RANDOM.items()})
    return path


def test_the_toy_file_is_sound(toy_file: Path, toy_target: Target) -> None:
    """What the next tests damage is read without complaint before."""
    fit(toy_target, read_weights(toy_file, toy_target))


def _external_link(file: Any) -> None:
    del file["layers/conv2d/vars/0"]
    file["layers/conv2d/vars/0"] = h5py.ExternalLink("other.h5", "/secret")


def _external_storage(file: Any) -> None:
    del file["layers/conv2d/vars/0"]
    file.create_dataset(
        "layers/conv2d/vars/0", (3, 3, 3, 4), "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
    )


def _huge(file: Any) -> None:
    del file["layers/conv2d/vars/0"]
    file.create_dataset("layers/conv2d/vars/0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))


def _words(file: Any) -> None:
    del file["layers/conv2d/vars/0"]
    file["layers/conv2d/vars/0"] = [b"no", b"number"]


def _empty(file: Any) -> None:
    del file["layers"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_external_link, "missing from the file: stem_conv/kernel"),
        (_external_storage, "a link to something else"),
        (_huge, "claims to hold more"),
        (_words, "does not hold numbers"),
        (_empty, "no Keras weights"),
    ],
)
def test_hostile_files_are_refused(
    spoil: Callable[[Any], None], words: str, toy_file: Path, toy_target: Target
) -> None:
    """Links out of the file, absurd claims, words for numbers: exit 4, and nothing is followed or allocated."""
    with h5py.File(toy_file, "r+") as file:
        spoil(file)
    with pytest.raises(DataError, match=words):
        fit(toy_target, read_weights(toy_file, toy_target))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(share: float, toy_file: Path, toy_target: Target) -> None:
    """A download that broke off anywhere is exit 4."""
    content = toy_file.read_bytes()
    toy_file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError):
        read_weights(toy_file, toy_target)


def test_files_with_flipped_bytes_never_raise_anything_else(toy_file: Path, toy_target: Target) -> None:
    """Damage is either harmless or a DataError; no exception of h5py's comes through."""
    content = toy_file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 4):
            damaged[place] ^= int(rng.integers(1, 256))
        toy_file.write_bytes(damaged)
        try:
            fit(toy_target, read_weights(toy_file, toy_target))
        except DataError:
            continue


def test_a_keras_archive_is_read_without_running_its_code(
    toy_file: Path, toy_target: Target, tmp_path: Path
) -> None:
    """The configuration, which may hold a lambda, is not even parsed."""
    path = tmp_path / "lambda.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", '{"class_name": "__lambda__", "config": "not even JSON')
        archive.writestr("model.weights.h5", toy_file.read_bytes())
    fit(toy_target, read_weights(path, toy_target))


def test_an_archive_that_unpacks_to_gigabytes_is_refused(toy_target: Target, tmp_path: Path) -> None:
    """A zip bomb is refused by its claimed size, before it is unpacked."""
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    content = path.read_bytes()
    # The size stands in the local header and in the directory; both are made to claim 2 GiB.
    size = (8).to_bytes(4, "little")
    path.write_bytes(content.replace(size + size, size + (1 << 31).to_bytes(4, "little")))
    with pytest.raises(DataError):
        read_weights(path, toy_target)


def test_a_file_of_another_kind_lists_those_that_can_be_read(toy_target: Target, tmp_path: Path) -> None:
    """Any other file is exit 4, with the list of what would do."""
    path = tmp_path / "picture.h5"
    path.write_bytes(b"\x89PNG not weights")
    with pytest.raises(DataError, match=r"HDF5 .*\.keras.*\.npz"):
        read_weights(path, toy_target)


def test_hdf5_without_keras_weights_says_what_is_in_it(toy_target: Target, tmp_path: Path) -> None:
    """Somebody else's HDF5 file is refused by what it holds."""
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["measurements"] = np.zeros(3)
    with pytest.raises(DataError, match=r"no Keras weights.*\n.*measurements"):
        read_weights(path, toy_target)


def test_a_missing_file_is_not_a_mystery(tmp_path: Path) -> None:
    """A path with nothing at it is exit 4; a mistyped keyword gets a suggestion."""
    with pytest.raises(DataError, match="not there"):
        build("b0", weights=tmp_path / "none.h5")
    with pytest.raises(DataError, match="did you mean 'imagenet'"):
        build("b0", weights="imagnet")


def test_a_folder_or_a_device_is_not_a_file(tmp_path: Path) -> None:
    """A folder without a checkpoint is exit 4, and a device without an end is not read."""
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(DataError, match="neither a file nor a folder"):
            build("lite0", weights=path)


def test_an_unreadable_file_says_so(
    toy_file: Path, toy_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without permission is exit 4, not a traceback."""

    def refuse(*_: object, **__: object) -> io.BytesIO:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match="may not be read"):
        read_weights(toy_file, toy_target)
