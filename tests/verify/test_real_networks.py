"""A whole EfficientNet: what the fake-quant graph computes is what every engine computes from the file, in LSB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edge_effnet.convert import ConvertRequest, convert
from edge_effnet.progress import Silent
from edge_effnet.verify import Verification, verify

if TYPE_CHECKING:
    from pathlib import Path

IMAGES, CALIBRATION_IMAGES = 16, 8
WEIGHTS = {
    "b0": "efficientnet_b0_imagenet.weights.h5",
    "v2-b0": "efficientnet_v2_b0_imagenet.weights.h5",
    "lite0": "efficientnet_lite0_imagenet_folded.npz",
}
# Optimised kernels round otherwise than the reference kernels: one step on up to 1 % of a convolution's values and a
# fifth of a mean's, and 238 operators and 16 gates pass it on: measured 3 to 9 steps of 255 on B0's logits.
_TOLERANCE_LOGITS_LSB = 16
_TOLERANCE_OPERATOR_LSB = {"reference": 0, "builtin": 1}
_EQUAL_PERCENT = 99.5


def _verified(shared: Path, folder: Path, model_id: str, **options: Any) -> Verification:
    """Convert a network with ImageNet weights on 8 photographs; verify it on 16 others, which `verify` draws itself."""
    data = shared / "data"
    weights = str(data / "weights" / WEIGHTS[model_id])
    request = ConvertRequest(
        model=model_id,
        weights=weights,
        calibration=str(data / "imagenet/train_1000"),
        calibration_samples=CALIBRATION_IMAGES,
        output=folder / f"{model_id}.tflite",
    )
    made = convert(request, Silent())
    float_model, images = f"keras:{model_id}:{weights}", data / "imagenet/val_1300"
    return verify(float_model, made.path, images, limit=IMAGES, reference_images=IMAGES, **options)


@pytest.fixture(scope="module")
def b0(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Verification:
    """B0 on every engine and layer by layer."""
    return _verified(shared, tmp_path_factory.mktemp("b0"), "b0", layer_images=1)


@pytest.fixture(params=sorted(WEIGHTS))
def proven(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Verification:
    """Each of the three networks in the fake-quant graph and on the reference engine."""
    if request.param == "b0":
        found: Verification = request.getfixturevalue("b0")
        return found
    return _verified(shared, tmp_path, request.param, engines=["fake_quant", "reference"], layer_images=0)


@pytest.mark.shared
def test_the_fake_quant_graph_is_the_reference_engine_over_the_whole_network(proven: Verification) -> None:
    """Rule 3 on real weights: of the 16,000 logits of 16 photographs at least 99.5 % are the same code.

    The promise is one step; integers computed exactly give the same ones, so the gate is equality.
    """
    pairs = {frozenset(pair.engines): pair for pair in proven.pairs}
    pair = pairs[frozenset({"fake_quant", "reference"})]
    print(
        f"{proven.subjects['float']['path']}: {pair.equal:.4f} % equal, {pair.within_1_lsb:.4f} % within 1 LSB"
    )
    assert pair.n == IMAGES
    assert pair.within_1_lsb >= pair.equal >= _EQUAL_PERCENT


@pytest.mark.shared
def test_every_engine_computes_the_fake_quant_graph(b0: Verification) -> None:
    """Rule 3 on real weights and photographs: operator by operator one step, over the whole network a few."""
    assert {operator.kind: operator.max_lsb for operator in b0.located.operators}.keys() == {
        "conv", "logistic", "mul", "depthwise", "mean", "add", "dense",
    }  # fmt: skip
    for engine, most in _TOLERANCE_OPERATOR_LSB.items():
        rows = [operator for operator in b0.located.operators if operator.engine == engine]
        assert sum(operator.operators for operator in rows) == 238
        assert all(operator.max_lsb <= most for operator in rows)
    assert not b0.missing
    assert all(pair.max_lsb <= _TOLERANCE_LOGITS_LSB for pair in b0.pairs)


@pytest.mark.shared
def test_eight_photographs_already_give_a_network_that_agrees(b0: Verification) -> None:
    """Even 8 calibration images keep the top-1 of most photographs; engines given the same ones agree alike."""
    full = [engine for engine in b0.engines if engine.n == IMAGES]
    assert [engine.name for engine in full] == ["fake_quant", "xnnpack", "builtin", "reference"]
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
