"""TensorFlow checkpoints with the names of the reference code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from keras_twins import assert_same_tensors, tensors_of

from edge_effnet.errors import DataError
from edge_effnet.models import build
from edge_effnet.models.formats import read_weights, sha256_of_weights
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.models.weights import Target, fit, slots_of
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models import BuiltModel

AVERAGE = "ExponentialMovingAverage"


def _write(path: Path, values: dict[str, np.ndarray]) -> None:
    tf = import_tensorflow()
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )


def _scopes(built: BuiltModel) -> dict[str, str]:
    """Map our layers to the reference code's scopes, written down from its source, block by block."""
    scopes = {"stem_conv": "stem/conv2d", "stem_bn": "stem/tpu_batch_normalization"}
    for index, block in enumerate(built.architecture.blocks):
        scope, name = f"blocks_{index}", block.name
        if block.operator == "fused_mbconv":
            scopes |= {
                f"{name}_expand_conv": f"{scope}/conv2d",
                f"{name}_expand_bn": f"{scope}/tpu_batch_normalization",
            }
            scopes |= {f"{name}_project_conv": f"{scope}/conv2d_1"}
            scopes |= {f"{name}_project_bn": f"{scope}/tpu_batch_normalization_1"}
            continue
        first = block.expansion == 1
        if not first:
            scopes |= {
                f"{name}_expand_conv": f"{scope}/conv2d",
                f"{name}_expand_bn": f"{scope}/tpu_batch_normalization",
            }
        scopes |= {
            f"{name}_dwconv": f"{scope}/depthwise_conv2d",
            f"{name}_bn": f"{scope}/tpu_batch_normalization" + ("" if first else "_1"),
            f"{name}_se_reduce": f"{scope}/se/conv2d",
            f"{name}_se_expand": f"{scope}/se/conv2d_1",
            f"{name}_project_conv": f"{scope}/conv2d" + ("" if first else "_1"),
            f"{name}_project_bn": f"{scope}/tpu_batch_normalization_" + ("1" if first else "2"),
        }
    head = {"top_conv": "head/conv2d", "top_bn": "head/tpu_batch_normalization", "predictions": "head/dense"}
    return scopes | head


def _values(built: BuiltModel, prefix: str) -> dict[str, np.ndarray]:
    scopes = _scopes(built)
    return {
        f"{prefix}/{scopes[layer]}/{name}": value
        for layer, variables in tensors_of(built.keras).items()
        for name, value in variables.items()
    }


def _target(built: BuiltModel) -> Target:
    names = tuple(block.name for block in built.architecture.blocks)
    return Target(built.id, slots_of(built.keras), VARIANTS[built.id].normalisation, names)


@pytest.mark.parametrize("model_id", ["lite0", "edgetpu-s", "b0"])
def test_checkpoints_of_the_reference_code_are_read(model_id: str, tmp_path: Path) -> None:
    """Depthwise, fused and squeeze-and-excite blocks: every variable finds its layer, bit by bit."""
    built = build(model_id, resolution_px=32, num_classes=10)
    _write(tmp_path / "model.ckpt", _values(built, f"efficientnet-{model_id}") | {"global_step": np.int64(7)})
    tensors, notes = fit(_target(built), read_weights(tmp_path / "model.ckpt", _target(built)))
    assert_same_tensors(tensors, tensors_of(built.keras))
    assert notes == (
        f"0 of {len(_values(built, ''))} tensors are exponential moving averages; 1 of training are not used",
    )


def test_moving_averages_are_preferred(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Where a checkpoint holds both, the averages are used: the published accuracy is theirs."""
    values = _values(small_lite0, "efficientnet-lite0/model")
    raw = {name: value + 1 for name, value in values.items()}
    slots = {f"{name}/RMSProp": value for name, value in values.items()}
    _write(tmp_path / "model.ckpt", raw | {f"{name}/{AVERAGE}": v for name, v in values.items()} | slots)
    found = read_weights(tmp_path / "model.ckpt", _target(small_lite0))
    tensors, notes = fit(_target(small_lite0), found)
    assert_same_tensors(tensors, tensors_of(small_lite0.keras))
    assert f"{len(values)} of {len(values)} tensors are exponential moving averages" in notes[0]


def test_the_background_class_is_dropped_and_said_so(tmp_path: Path) -> None:
    """EdgeTPU's checkpoints have a class 0 for the background, which the model has not."""
    built = build("lite0", resolution_px=32)
    values = _values(built, "efficientnet-lite0")
    head = {f"efficientnet-lite0/head/dense/{name}": name for name in ("kernel", "bias")}
    wide = {name: np.concatenate([values[name][..., :1] - 9, values[name]], axis=-1) for name in head}
    _write(tmp_path / "model.ckpt", values | wide)
    again = build("lite0", resolution_px=32, weights=tmp_path / "model.ckpt")
    assert_same_tensors(tensors_of(again.keras), tensors_of(built.keras))
    assert any("background" in note for note in again.notes)


def test_a_folder_a_prefix_and_an_index_are_the_same_checkpoint(
    small_lite0: BuiltModel, tmp_path: Path
) -> None:
    """However it is named, the same tensors come with the same hash."""
    _write(tmp_path / "model.ckpt-1", _values(small_lite0, "efficientnet-lite0"))
    paths = [tmp_path, tmp_path / "model.ckpt-1", tmp_path / "model.ckpt-1.index"]
    assert len({sha256_of_weights(path) for path in paths}) == 1
    for path in paths:
        tensors, _ = fit(_target(small_lite0), read_weights(path, _target(small_lite0)))
        assert_same_tensors(tensors, tensors_of(small_lite0.keras))


def test_of_several_checkpoints_the_latest_is_taken_or_asked_for(
    small_lite0: BuiltModel, tmp_path: Path
) -> None:
    """A folder with two checkpoints needs TensorFlow's `checkpoint` file to say which."""
    values = _values(small_lite0, "efficientnet-lite0")
    _write(tmp_path / "model.ckpt-1", {name: value + 1 for name, value in values.items()})
    _write(tmp_path / "model.ckpt-2", values)
    with pytest.raises(DataError, match="several checkpoints"):
        read_weights(tmp_path, _target(small_lite0))
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-2"\n')
    tensors, _ = fit(_target(small_lite0), read_weights(tmp_path, _target(small_lite0)))
    assert_same_tensors(tensors, tensors_of(small_lite0.keras))


def _no_data(folder: Path) -> None:
    next(folder.glob("*.data-*")).unlink()


def _cut_data(folder: Path) -> None:
    path = next(folder.glob("*.data-*"))
    path.write_bytes(path.read_bytes()[:100])


def _cut_index(folder: Path) -> None:
    path = next(folder.glob("*.index"))
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize("damage", [_no_data, _cut_data, _cut_index])
def test_damaged_checkpoints_are_refused(damage: Any, small_lite0: BuiltModel, tmp_path: Path) -> None:
    """Files missing or cut short are exit 4 with a sentence."""
    _write(tmp_path / "model.ckpt", _values(small_lite0, "efficientnet-lite0"))
    damage(tmp_path)
    with pytest.raises(DataError):
        read_weights(tmp_path / "model.ckpt.index", _target(small_lite0))


def test_a_checkpoint_of_something_else_says_what_it_holds(small_lite0: BuiltModel, tmp_path: Path) -> None:
    """A checkpoint without an EfficientNet is refused by its names."""
    _write(tmp_path / "model.ckpt", {"resnet/conv1/weights": np.zeros((2, 2), np.float32)})
    with pytest.raises(DataError, match="resnet/conv1/weights"):
        read_weights(tmp_path / "model.ckpt", _target(small_lite0))
