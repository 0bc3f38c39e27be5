"""A whole EfficientNet: what the fake-quant graph computes is what every engine computes from the file, in LSB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_effnet.convert import ConvertRequest, convert
from edge_effnet.progress import Silent
from edge_effnet.verify import Verification, verify

if TYPE_CHECKING:
    from pathlib import Path

IMAGES, REFERENCE_IMAGES, CALIBRATION_IMAGES = 12, 2, 8
# Kernels differ by one step on some values of every layer, a mean by one on a quarter of its values, and 239 operators
# and 16 gates pass it on: measured 3 to 9 steps of 255 on B0's logits.
_TOLERANCE_LOGITS_LSB = 16
_TOLERANCE_OPERATOR_LSB = 1


@pytest.fixture(scope="module")
def b0(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Verification:
    """B0 with ImageNet weights, calibrated on 8 photographs, verified on 12 others against the Keras network."""
    data, folder = shared / "data", tmp_path_factory.mktemp("b0")
    weights = str(data / "weights/efficientnet_b0_imagenet.weights.h5")
    request = ConvertRequest(
        model="b0",
        weights=weights,
        calibration=str(data / "imagenet/train_1000"),
        calibration_samples=CALIBRATION_IMAGES,
        output=folder / "b0.tflite",
    )
    made = convert(request, Silent())
    return verify(
        f"keras:b0:{weights}",
        made.path,
        data / "imagenet/val_1300",
        limit=IMAGES,
        reference_images=REFERENCE_IMAGES,
        layer_images=1,
    )


@pytest.mark.shared
def test_every_engine_computes_the_fake_quant_graph(b0: Verification) -> None:
    """Rule 3 on real weights and photographs: operator by operator one step, over the whole network a few."""
    assert {operator.kind: operator.max_lsb for operator in b0.located.operators}.keys() == {
        "conv", "logistic", "mul", "depthwise", "mean", "add", "dense",
    }  # fmt: skip
    assert all(operator.max_lsb <= _TOLERANCE_OPERATOR_LSB for operator in b0.located.operators)
    assert sum(operator.operators for operator in b0.located.operators) == 238
    assert not b0.missing
    assert all(pair.max_lsb <= _TOLERANCE_LOGITS_LSB for pair in b0.pairs)


@pytest.mark.shared
def test_eight_photographs_already_give_a_network_that_agrees(b0: Verification) -> None:
    """Even 8 calibration images keep the top-1 of most photographs; engines given the same ones agree alike."""
    full = [engine for engine in b0.engines if engine.n == IMAGES]
    assert [engine.name for engine in full] == ["fake_quant", "xnnpack", "builtin"]
    assert all(engine.top1_agreement >= 75 for engine in full)
    assert all(engine.sqnr_db > 12 for engine in full)
    assert max(engine.sqnr_db for engine in full) - min(engine.sqnr_db for engine in full) < 2


@pytest.mark.shared
def test_every_layer_of_b0_is_found_with_its_place(b0: Verification) -> None:
    """157 layers, 18 places from stem to head, and no layer without one; the calibration images were others."""
    layers = b0.located.layers
    assert len(layers) == 157
    assert all(layer.block and layer.part != "other" for layer in layers)
    blocks = list(dict.fromkeys(layer.block for layer in layers))
    assert (len(blocks), blocks[0], blocks[1], blocks[-1]) == (18, "stem", "block1a", "head")
    assert {block.name for block in b0.located.blocks} == set(blocks)
    assert all(block.own_sqnr_db is not None for block in b0.located.blocks)
    assert not any("calibrate the int8 model" in note for note in b0.notes)
