"""Rule 3 of the design: what the fake-quant graph computes is what the .tflite computes, in LSB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from verify.tiny_networks import damaged, pictures, tiny

from edge_effnet.inspect import read_model_bytes
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.quantize.exact import kernel_runner
from edge_effnet.quantize.execute import quantized_function
from edge_effnet.runtimes import LocalModel
from edge_effnet.verify import rebuild
from edge_effnet.verify.alone import OperatorSteps, codes_on
from edge_effnet.verify.stats import CodeSteps

if TYPE_CHECKING:
    from edge_effnet.verify import Rebuilt

IMAGES = 16
# Optimised kernels round a fixed-point multiplication once where the reference kernels round it twice.
_TOLERANCE_LSB = {"reference": 0, "builtin": 1}


def _fake_quant(found: Rebuilt, images: np.ndarray) -> dict[str, np.ndarray]:
    values = import_tensorflow().constant(found.input_values(images))
    run = quantized_function(found.quantized, runner=kernel_runner)
    return {name: np.asarray(tensor) for name, tensor in run(values).items()}


def _steps(content: bytes, engine: str, images: np.ndarray) -> dict[str, CodeSteps]:
    """Return, for every tensor, how far the engine is from the fake-quant graph of the file."""
    found = rebuild(read_model_bytes(content))
    wanted = _fake_quant(found, images)
    model = LocalModel(content, engine, keep_tensors=True)
    steps = {node.name: CodeSteps() for node in found.quantized.graph.nodes}
    for index, picture in enumerate(images):
        model.run_pixels(picture)
        for name, count in steps.items():
            grid, got = found.quantized.grids[name], model.tensor(name)
            count.add(codes_on(grid, got.reshape(-1)), codes_on(grid, wanted[name][index].reshape(-1)))
    return steps


@pytest.mark.parametrize("kind", ["swish", "mixed"])
def test_the_fake_quant_graph_is_the_reference_engine(kind: str) -> None:
    """On 16 random pictures, every tensor of the network holds the same codes, to the last one."""
    steps = _steps(tiny(kind).int8_file(), "reference", pictures(IMAGES))
    assert steps["predictions"].values == IMAGES * 7
    assert {name: count.apart for name, count in steps.items() if count.apart} == {}


@pytest.mark.parametrize("engine", ["reference", "builtin"])
@pytest.mark.parametrize("kind", ["swish", "mixed"])
def test_every_operator_alone_is_within_its_tolerance(kind: str, engine: str) -> None:
    """Given the same codes, reference kernels give the same ones, and no other kernel is more than one step away."""
    content = tiny(kind).int8_file()
    operators = OperatorSteps(rebuild(read_model_bytes(content)).quantized)
    model = LocalModel(content, engine, keep_tensors=True)
    for picture in pictures(IMAGES):
        model.run_pixels(picture)
        operators.add(model.tensor)
    assert sum(operators.counts.values()) == len(tiny(kind).quantized.graph.nodes)
    for name, steps in operators.steps.items():
        assert steps.largest <= _TOLERANCE_LSB[engine], name
    copies = ("logistic", "max_pool", "concat", "pad", "relu", "reshape")
    assert all(operators.steps[name].total == 0 for name in copies if name in operators.steps)


def test_the_graph_of_another_file_is_told_apart() -> None:
    """The comparison can fail: with one weight in 8 of one convolution halved, the codes no longer agree."""
    content = damaged(tiny(), "block1a_project_conv", _halve_every_eighth).int8_file()
    operators = OperatorSteps(rebuild(read_model_bytes(content)).quantized)
    model = LocalModel(tiny().int8_file(), "reference", keep_tensors=True)
    model.run_pixels(pictures(1)[0])
    operators.add(model.tensor)
    assert operators.steps["conv"].largest > 1


def _halve_every_eighth(codes: np.ndarray) -> np.ndarray:
    changed = codes.copy()
    changed.reshape(-1)[::8] //= 2
    return changed


def test_tensors_that_are_not_kept_are_dropped_and_change_nothing() -> None:
    """Memory is bounded by dropping tensors after their last use; the logits are the same bit for bit."""
    found = rebuild(read_model_bytes(tiny().int8_file()))
    values = import_tensorflow().constant(found.input_values(pictures(2)))
    every = quantized_function(found.quantized, runner=kernel_runner)(values)
    kept = quantized_function(found.quantized, ("predictions", "block1a_add"), runner=kernel_runner)(values)
    assert set(kept) == {"predictions", "block1a_add"}
    assert set(every) == {"input", *(node.name for node in found.quantized.graph.nodes)}
    assert np.array_equal(kept["predictions"], every["predictions"])
