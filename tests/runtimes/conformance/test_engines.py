"""What every registered engine must do. A new engine is covered by being registered."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from runtimes.tiny_models import TinyModel, colour_classifier

from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.images import Preprocessing, list_images, load_pixels
from edge_effnet.runtimes import Available, Missing, engine_names
from edge_effnet.runtimes.engines import worker_engine
from edge_effnet.runtimes.registry import registry

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.runtimes import Engine

IO_TYPES = ("int8", "uint8", "float32")
# A kernel may round a tie of the requantisation up or down: one step, and float32 sums in another order.
_TOLERANCE_LSB = 1
_TOLERANCE_FLOAT = 1e-4

_SHARED_MODELS = ("mobilenet_v2_ptq_int8.tflite", "mobilenet_v2_qat_uint8.tflite")
_SURE = 230
"""Step of 1/256: a probability of 0.9, where softmax is flat enough for an engine's small differences to stay small."""
_TOLERANCE_SURE = 12
"""Kernels differ by one step on one output in 1,000 per layer; over 53 layers and the softmax it adds up."""


_ELSEWHERE = [
    pytest.param(f"{name} at {place}", marks=marks)
    # An emulated worker takes seconds to start, and every test starts its own.
    for place, marks in (("local", ()), ("arm64:cortex-a76", pytest.mark.slow))
    for name in ("xnnpack", "builtin", "reference")
]


@functools.cache
def _runtime(name: str) -> Engine | Missing:
    """Return a registered runtime, or why it is missing here."""
    way, _, place = name.partition(" at ")
    if not place:
        state = registry().probe(way)
        return state if isinstance(state, Missing) else registry().load(way)
    found = replace(worker_engine(way), place=place)
    state = found.probe()
    return state if isinstance(state, Missing) else found


@pytest.fixture(params=[*engine_names(), *_ELSEWHERE])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """Every registered runtime, inside this process and as a worker at a target; a missing one is skipped with reason and fix."""
    found = _runtime(request.param)
    if isinstance(found, Missing):
        pytest.skip(f"{request.param}: {found.reason}; fix: {found.fix}")
    return found


def _random_model(io: str) -> TinyModel:
    random = np.random.default_rng(3)
    return TinyModel(random.integers(-100, 100, (7, 48)), io=io, output_scale=32.0)


def _pixels(seed: int, size_px: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)


def test_an_available_engine_names_its_version(any_engine: Engine) -> None:
    """Records need the version of the library that made a number."""
    state = any_engine.probe()
    assert isinstance(state, Available)
    assert any(character.isdigit() for character in state.version)


@pytest.mark.parametrize("io", IO_TYPES)
def test_an_engine_describes_input_and_output(any_engine: Engine, io: str) -> None:
    """Type, shape, scale and zero point are those of the file."""
    model = any_engine.load(_random_model(io).to_bytes())
    assert (model.input.name, model.input.dtype, model.input.shape) == ("pixels", io, (1, 4, 4, 3))
    assert (model.output.name, model.output.dtype, model.output.shape) == ("logits", io, (1, 7))
    quantised = {"int8": ((1.0, -128), (32.0, 0)), "uint8": ((1.0, 0), (32.0, 128))}
    expected = quantised.get(io, ((None, None), (None, None)))
    assert tuple((spec.scale, spec.zero_point) for spec in (model.input, model.output)) == expected


@pytest.mark.parametrize("io", IO_TYPES)
def test_an_engine_computes_what_real_arithmetic_gives(any_engine: Engine, io: str) -> None:
    """Pixels go in by the contract's rule, and the logits are right to one step."""
    tiny = _random_model(io)
    model = any_engine.load(tiny.to_bytes())
    for seed in range(5):
        found = model.logits(_pixels(seed))
        tolerance = _TOLERANCE_FLOAT * 1e3 if io == "float32" else _TOLERANCE_LSB * tiny.output_scale
        assert found.dtype == np.float32
        assert found.shape == (7,)
        assert np.max(np.abs(found - tiny.logits(_pixels(seed)))) <= tolerance


@pytest.mark.parametrize("io", IO_TYPES)
def test_pixels_and_raw_input_give_the_same_output(any_engine: Engine, io: str) -> None:
    """The contract: uint8 = pixel, int8 = pixel - 128, float32 = the pixel's value."""
    model = any_engine.load(_random_model(io).to_bytes())
    pixels = _pixels(9)
    raw = (pixels.astype(np.int32) - (128 if io == "int8" else 0)).astype(io)[np.newaxis]
    assert np.array_equal(model.run_pixels(pixels), model.run(raw))


def test_a_result_is_a_copy(any_engine: Engine) -> None:
    """A second run does not change what the first one returned."""
    model = any_engine.load(colour_classifier().to_bytes())
    first = model.run_pixels(np.full((4, 4, 3), 255, np.uint8))
    kept = first.copy()
    model.run_pixels(np.zeros((4, 4, 3), np.uint8))
    assert np.array_equal(first, kept)


def test_equal_inputs_give_equal_bits(any_engine: Engine) -> None:
    """Two loads and two runs of the same model agree bit by bit, with any number of threads."""
    content = _random_model("int8").to_bytes()
    outputs = [any_engine.load(content, threads).run_pixels(_pixels(4)) for threads in (1, 2, 1)]
    assert all(np.array_equal(outputs[0], other) for other in outputs[1:])


def test_a_model_is_loaded_from_a_path_and_from_bytes(any_engine: Engine, tmp_path: Path) -> None:
    """Both ways give the same model."""
    content = _random_model("int8").to_bytes()
    path = tmp_path / "tiny.tflite"
    path.write_bytes(content)
    outputs = [any_engine.load(source).run_pixels(_pixels(1)) for source in (path, content)]
    assert np.array_equal(*outputs)


@pytest.mark.parametrize("keep", [0, 3, 12, 300])
def test_a_truncated_model_is_a_data_error(any_engine: Engine, keep: int) -> None:
    """A file that ends early is refused in words, whatever is left of it."""
    with pytest.raises(DataError, match="model"):
        any_engine.load(_random_model("int8").to_bytes()[:keep])


def test_a_missing_model_is_a_data_error_that_names_it(any_engine: Engine, tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(DataError, match=r"nowhere\.tflite"):
        any_engine.load(tmp_path / "nowhere.tflite")


@pytest.mark.parametrize(
    ("operator", "custom", "version", "name"),
    [(32, "MyCustomThing", 1, "MyCustomThing"), (32, "FlexErf", 1, "Flex"), (9, None, 99, "FULLY_CONNECTED")],
)
def test_an_operator_that_the_engine_lacks_is_named(
    any_engine: Engine, operator: int, custom: str | None, version: int, name: str
) -> None:
    """Exit code 3, with the operator's name: the environment lacks it, the file may be fine."""
    tiny = TinyModel(np.ones((2, 48), int), operator=operator, custom=custom, version=version)
    with pytest.raises(EnvironmentFault, match=name):
        any_engine.load(tiny.to_bytes())


def test_a_model_that_is_no_image_classifier_is_a_data_error(any_engine: Engine) -> None:
    """Two inputs cannot be fed with one picture."""
    with pytest.raises(DataError, match="2 inputs"):
        any_engine.load(TinyModel(np.ones((2, 48), int), inputs=2).to_bytes())


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.int8), np.zeros((5, 5, 3), np.uint8), np.zeros((4, 4), np.uint8)]
)
def test_pixels_of_another_size_or_type_are_refused(any_engine: Engine, wrong: np.ndarray) -> None:
    """Nothing is resized, cast or broadcast behind the caller's back."""
    model = any_engine.load(colour_classifier().to_bytes())
    with pytest.raises(UsageError, match="pixels do not fit"):
        model.run_pixels(wrong)


def test_a_raw_input_of_another_size_or_type_is_refused(any_engine: Engine) -> None:
    """The raw way is as strict as the pixel way."""
    model = any_engine.load(colour_classifier().to_bytes())
    for wrong in (np.zeros((1, 4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.int8)):
        with pytest.raises(UsageError, match="value does not fit"):
            model.run(wrong)


@pytest.mark.shared
@pytest.mark.parametrize("name", _SHARED_MODELS)
def test_real_models_agree_between_engines(any_engine: Engine, shared: Path, name: str) -> None:
    """Where XNNPACK is sure, every engine has the same class within a few steps of the probability."""
    content = (shared / "data" / "weights" / name).read_bytes()
    photographs = list_images(shared / "data" / "imagenet" / "val_1300" / "images")[:7]
    fast, tested = registry().load("xnnpack").load(content), any_engine.load(content)
    sure = 0
    for photograph in photographs:
        pixels = load_pixels(photograph, Preprocessing(224))
        expected, found = fast.run_pixels(pixels).astype(int), tested.run_pixels(pixels).astype(int)
        if expected.max() >= _SURE:
            sure += 1
            assert found.argmax() == expected.argmax()
            assert np.max(np.abs(found - expected)) <= _TOLERANCE_SURE
    assert sure >= 2
