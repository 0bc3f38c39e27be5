"""The .npz layouts: our own, and the one with batch norm folded."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from keras_twins import assert_same_tensors, tensors_of

from edge_effnet.errors import DataError, OutputExistsError
from edge_effnet.models import build
from edge_effnet.models.formats import read_weights
from edge_effnet.models.formats_npz import save_npz
from edge_effnet.models.weights import Target, fit

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel


def test_weights_survive_saving_and_loading(small_b0: BuiltModel, tmp_path: Path) -> None:
    """In full precision every bit comes back."""
    save_npz(small_b0, tmp_path / "full.npz", half=False)
    again = build("b0", resolution_px=32, weights=tmp_path / "full.npz")
    assert_same_tensors(tensors_of(again.keras), tensors_of(small_b0.keras))
    assert again.notes == ()


def test_half_precision_rounds_kernels_and_nothing_else(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Kernels are float16, batch norm and biases float32, and logits move by less than a hundredth of their spread."""
    save_npz(small_lite0, tmp_path / "half.npz")
    again = build("lite0", resolution_px=32, weights=tmp_path / "half.npz")
    expected = {
        layer: {n: v.astype(np.float16).astype(np.float32) if v.ndim > 1 else v for n, v in variables.items()}
        for layer, variables in tensors_of(small_lite0.keras).items()
    }
    assert_same_tensors(tensors_of(again.keras), expected)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    logits = small_lite0.predict_logits(pixels)
    assert np.abs(again.predict_logits(pixels) - logits).max() < 0.01 * logits.std()


def test_saving_twice_gives_the_same_bytes(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """No time of writing and no order of a set gets into the file."""
    save_npz(small_lite0, tmp_path / "one.npz")
    save_npz(small_lite0, tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with pytest.raises(OutputExistsError):
        save_npz(small_lite0, tmp_path / "one.npz")


def _fold(model: Any, mean_and_std: tuple[float, float]) -> dict[str, np.ndarray]:
    """Fold batch norm by hand, in float64, into the layout of the published Lite0 file."""
    tensors = tensors_of(model)
    kernels = [(name, value) for name, value in tensors.items() if len(value) == 1]
    norms = [value for value in tensors.values() if "moving_mean" in value]
    folded: dict[str, np.ndarray] = {}
    for index, ((name, kernel), norm) in enumerate(zip(kernels, norms, strict=True)):
        (value,) = kernel.values()
        scale = norm["gamma"] / np.sqrt(norm["moving_variance"].astype(np.float64) + 1e-3)
        spread = scale[:, None] if name.endswith("dwconv") else scale
        divisor = mean_and_std[1] if index == 0 else 1.0
        folded[f"{index:02d}.kernel"] = (value * spread / divisor).astype(np.float32)
        folded[f"{index:02d}.bias"] = (norm["beta"] - norm["moving_mean"] * scale).astype(np.float32)
    return folded | {f"predictions.{name}": value for name, value in tensors["predictions"].items()}


def test_folded_weights_give_the_logits_of_the_unfolded(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Batch norm becomes a mere shift, and the std in the first kernel is taken out again."""
    np.savez(tmp_path / "folded.npz", **_fold(small_lite0.keras, (127.0, 128.0)))
    built = build("lite0", resolution_px=32, weights=tmp_path / "folded.npz")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(built.predict_logits(pixels), small_lite0.predict_logits(pixels), atol=1e-4)
    assert any("folded" in note for note in built.notes)


def test_the_shift_that_is_left_of_batch_norm_is_exact(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Variance and epsilon add up to exactly 1 in float32, so the folded kernel is not scaled again."""
    np.savez(tmp_path / "folded.npz", **_fold(small_lite0.keras, (127.0, 128.0)))
    built = build("lite0", resolution_px=32, weights=tmp_path / "folded.npz")
    norm = tensors_of(built.keras)["block2a_bn"]
    assert (norm["moving_variance"] + np.float32(1e-3) == 1).all()
    assert (norm["gamma"] == 1).all()
    assert (norm["moving_mean"] == 0).all()


def test_folded_weights_of_another_depth_are_refused(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Lite0's file does not become Lite1's."""
    np.savez(tmp_path / "folded.npz", **_fold(small_lite0.keras, (127.0, 128.0)))
    with pytest.raises(DataError, match="49 convolutions"):
        build("lite1", resolution_px=32, weights=tmp_path / "folded.npz")


def test_folded_weights_in_another_order_are_refused(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """The block in a TensorFlow name is held against the block it would go to."""
    folded = _fold(small_lite0.keras, (127.0, 128.0))
    folded["03.name"] = np.asarray("efficientnet-lite0/model/blocks_7/conv2d/Conv2D")
    np.savez(tmp_path / "folded.npz", **folded)
    with pytest.raises(DataError, match="blocks_7"):
        build("lite0", resolution_px=32, weights=tmp_path / "folded.npz")


def _own(tensors: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        f"{layer}/{name}": value for layer, variables in tensors.items() for name, value in variables.items()
    }


def test_pickled_objects_are_never_loaded(toy_target: Target, toy_tensors: Any, tmp_path: Path) -> None:
    """An array of objects, which would run code when unpickled, is refused."""
    path = tmp_path / "hostile.npz"
    arrays = _own(toy_tensors) | {"evil/kernel": np.asarray([{"a": 1}], object)}
    np.savez(path, **arrays, allow_pickle=True)
    with pytest.raises(DataError):
        read_weights(path, toy_target)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("worse.npy", pickle.dumps({"a": 1}))
    with pytest.raises(DataError):
        read_weights(path, toy_target)


def test_arrays_that_claim_more_than_they_hold_are_refused(toy_target: Target, tmp_path: Path) -> None:
    """A header's shape is held against the member's size before memory is given to it."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (1 << 14, 1 << 13)}
    )
    with zipfile.ZipFile(tmp_path / "claim.npz", "w") as archive:
        archive.writestr("stem_conv/kernel.npy", buffer.getvalue())
    with pytest.raises(DataError, match="claims more"):
        read_weights(tmp_path / "claim.npz", toy_target)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_truncated_archives_are_refused(
    share: float, toy_target: Target, toy_tensors: Any, tmp_path: Path
) -> None:
    """A zip without its directory is exit 4."""
    path = tmp_path / "cut.npz"
    np.savez(path, **_own(toy_tensors))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError):
        read_weights(path, toy_target)


def test_the_normalisation_in_the_file_is_adopted(
    toy_target: Target, toy_tensors: Any, tmp_path: Path
) -> None:
    """Another mean and std than the variant's come with a note; the variant's own come without."""
    ours = toy_target.normalisation
    for mean, std, adopted in (((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), True), (ours.mean, ours.std, False)):
        path = tmp_path / f"{adopted}.npz"
        np.savez(path, **_own(toy_tensors), **{"normalisation/mean": mean, "normalisation/std": std})
        found = read_weights(path, toy_target)
        fit(toy_target, found)
        assert (found.normalisation is not None) == adopted
        assert bool(found.notes) == adopted


@pytest.mark.parametrize("std", [(0.0, 1.0, 1.0), (np.inf, 1.0, 1.0), (1.0, 1.0)])
def test_an_impossible_normalisation_is_refused(
    std: tuple[float, ...], toy_target: Target, toy_tensors: Any, tmp_path: Path
) -> None:
    """No division by zero gets into a model."""
    path = tmp_path / "bad.npz"
    np.savez(path, **_own(toy_tensors), **{"normalisation/mean": (0.0, 0.0, 0.0), "normalisation/std": std})
    with pytest.raises(DataError, match="normalisation"):
        read_weights(path, toy_target)
