"""`convert --target edgetpu`: other operators, the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flat import RESOLUTION_PX, census
from hypothesis import given
from hypothesis import strategies as st
from tiny_graphs import pictures

from edge_effnet.convert import convert, edgetpu
from edge_effnet.convert.edgetpu import for_edgetpu, pooling_window
from edge_effnet.convert.request import ConvertRequest
from edge_effnet.convert.tflite import tflite_from_quantized
from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.images import Preprocessing, list_images, load_pixels
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.inspect.edgetpu import predict
from edge_effnet.progress import Silent
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_effnet.convert import ConvertResult
    from edge_effnet.quantize.scheme import QuantizedGraph

ENGINES = ("xnnpack", "builtin", "reference")


def _codes(content: bytes, pixels: np.ndarray, engine: str) -> np.ndarray:
    model = LocalModel(content, engine)
    return np.stack([np.ravel(model.run_pixels(picture)) for picture in pixels]).astype(int)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model_id", ["lite0", "edgetpu-s"])
def test_a_classifier_as_convolution_moves_no_logit_by_more_than_a_step(
    model_id: str, engine: str, quantized_model: Callable[[str], QuantizedGraph]
) -> None:
    """The kernels round differently; the integers are the same."""
    quantized = quantized_model(model_id)
    plain, moved = tflite_from_quantized(quantized), tflite_from_quantized(for_edgetpu(quantized))
    before, after = census(plain), census(moved)
    assert "FULLY_CONNECTED" in before
    assert "FULLY_CONNECTED" not in after
    assert after["CONV_2D"] == before["CONV_2D"] + 1
    assert after["RESHAPE"] == before.get("RESHAPE", 0) + 1
    seen = pictures(4, RESOLUTION_PX[model_id], seed=5)
    assert np.abs(_codes(plain, seen, engine) - _codes(moved, seen, engine)).max() <= 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_mean_in_two_steps_is_the_mean_within_a_step(
    engine: str, quantized_model: Callable[[str], QuantizedGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    """B0 at 64 px, where the limit is lowered so that the first squeeze is large.

    What a step there does to the logits depends on the network: random weights, as here, carry it to some steps.
    """
    quantized = quantized_model("b0")
    monkeypatch.setattr(edgetpu, "LARGE_MEAN_PLACES", 32 * 32)
    plain, moved = tflite_from_quantized(quantized), tflite_from_quantized(for_edgetpu(quantized))
    assert census(moved)["AVERAGE_POOL_2D"] == 1
    assert census(moved)["MEAN"] == census(plain)["MEAN"]
    seen = pictures(4, 64, seed=5)
    if engine != "xnnpack":
        squeezed = next(node.name for node in quantized.graph.nodes if node.kind == "mean")
        step = quantized.grids[squeezed].scale
        for picture in seen:
            found = []
            for content in (plain, moved):
                model = LocalModel(content, engine, keep_tensors=True)
                model.run_pixels(picture)
                found.append(np.ravel(model.tensor(squeezed)))
            assert np.abs(found[0] - found[1]).max() <= 1.01 * step
    assert np.abs(_codes(plain, seen, engine) - _codes(moved, seen, engine)).mean() <= 4


@pytest.mark.slow
def test_the_logits_of_trained_b0_are_within_the_documented_steps(shared: Path, tmp_path: Path) -> None:
    """docs/edgetpu-estimate.md: 90 % within 1 step, 99 % within 3, the largest 8, and the same class."""
    weights = shared / "data" / "weights" / "efficientnet_b0_imagenet.weights.h5"
    pictures_folder = shared / "data" / "imagenet" / "train_1000" / "images"
    if not (weights.exists() and pictures_folder.is_dir()):
        pytest.skip(f"{weights} or {pictures_folder} is absent")
    found = {}
    for target in (None, "edgetpu"):
        request = ConvertRequest(
            "b0", weights=str(weights), calibration=str(pictures_folder), calibration_samples=24,
            output=tmp_path / f"{target}.tflite", target=target,
        )  # fmt: skip
        found[target] = convert(request, Silent()).path.read_bytes()
    files = list_images(pictures_folder)[::25][:40]
    seen = np.stack([load_pixels(path, Preprocessing(224, 0.875)) for path in files])
    plain, moved = (_codes(found[target], seen, "xnnpack") for target in (None, "edgetpu"))
    off = np.abs(plain - moved)
    assert np.mean(off <= 1) >= 0.9
    assert np.mean(off <= 3) >= 0.99
    assert off.max() <= 8
    assert np.array_equal(plain.argmax(axis=1), moved.argmax(axis=1))


@pytest.mark.parametrize("model_id", sorted(RESOLUTION_PX))
def test_every_family_is_full_integer_and_predicted_to_map_whole(
    model_id: str, quantized_model: Callable[[str], QuantizedGraph]
) -> None:
    """The audit passes, and no operator is left on the CPU."""
    model = read_model_bytes(tflite_from_quantized(for_edgetpu(quantized_model(model_id))))
    assert audit(model, io="int8").full_integer
    prediction = predict(model)
    assert prediction.compiles
    assert len(prediction.mapped) == len(prediction.layers)


def test_the_original_graph_is_untouched(quantized_model: Callable[[str], QuantizedGraph]) -> None:
    """It is shared with what else is made from it."""
    quantized = quantized_model("lite0")
    before = tflite_from_quantized(quantized)
    for_edgetpu(quantized)
    assert tflite_from_quantized(quantized) == before


@given(st.integers(1, 700))
def test_windows_cut_large_maps_into_equal_parts(side: int) -> None:
    """Only large ones, and never into windows of one place."""
    window = pooling_window(side, side)
    if window is None:
        assert side < 112 or all(side % d for d in range(2, side))
    else:
        assert side >= 112
        assert side % window[0] == 0
        assert 1 < window[0] < side


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "fp16"},
        {"io": "float32"},
        {"activation": "hard_swish"},
        {"recipe": "minmax"},
    ],
)
def test_what_would_stay_on_the_cpu_is_refused(options: dict[str, Any]) -> None:
    """Before any work, with what is allowed."""
    with pytest.raises(UsageError) as caught:
        ConvertRequest("lite0", target="edgetpu", **options)
    assert caught.value.exit_code == 2


def test_an_unknown_target_is_answered_with_those_there_are() -> None:
    """Exit 2."""
    with pytest.raises(UnknownNameError, match="target"):
        ConvertRequest("lite0", target="edge-tpu")


def test_a_conversion_says_what_is_predicted(conversion: Callable[..., ConvertResult]) -> None:
    """In its notes, and its contract fits the file."""
    result = conversion(target="edgetpu")
    assert any("operators predicted on the Edge TPU" in note for note in result.notes)
    assert result.record["io"]["output"]["shape"] == [1, 10]
    assert "FULLY_CONNECTED" not in census(result.path.read_bytes())
