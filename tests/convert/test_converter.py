"""TensorFlow's own converter as a recipe: the baseline, on the same frozen graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat import census
from tiny_graphs import Feed, pictures, small_mbconv, sqnr_db

from edge_effnet.convert.converter import tflite_from_converter
from edge_effnet.errors import ConversionError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.audit import audit
from edge_effnet.progress import Silent
from edge_effnet.quantize.execute import float_function, input_values
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from edge_effnet.models.graph import Graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    """The small network; each conversion of it takes about a second."""
    return small_mbconv()


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_the_baseline_takes_the_same_pixels_and_gives_the_networks_logits(graph: Graph, io: str) -> None:
    """The input rule of the contract holds for its files too, and so does the integer audit."""
    content = tflite_from_converter(graph, Feed(pictures(12)), io, Silent())
    result = audit(read_model_bytes(content), io=io)  # type: ignore[arg-type]
    assert result.full_integer, [finding.reason for finding in result.findings]
    model, pixels = LocalModel(content), pictures(8, seed=5)
    assert model.input.dtype == model.output.dtype == io
    wanted = float_function(graph)(input_values(graph, pixels))[graph.output_name].numpy()
    assert sqnr_db(wanted, np.stack([model.logits(picture) for picture in pixels])) > 15.0


def test_the_baseline_has_no_dynamic_batch(graph: Graph) -> None:
    """From the frozen graph with a static batch there is no SHAPE and no PACK."""
    operators = census(tflite_from_converter(graph, Feed(pictures(4)), "int8", Silent()))
    assert not {"SHAPE", "PACK", "STRIDED_SLICE"} & set(operators)
    assert operators["CONV_2D"] + operators["DEPTHWISE_CONV_2D"] == sum(
        node.kind in {"conv", "depthwise"} for node in graph.nodes
    )


def test_a_grey_calibration_set_is_refused(graph: Graph) -> None:
    """Without black and white in it, the converter scales the input so that int8 = pixel - 128 is wrong: exit 5."""
    grey = Feed(np.full((4, 16, 16, 3), 128, np.uint8))
    with pytest.raises(ConversionError, match="input scale") as caught:
        tflite_from_converter(graph, grey, "int8", Silent())
    assert caught.value.exit_code == 5
    assert "--recipe ptq" in str(caught.value.hint)


def test_every_image_is_reported(graph: Graph) -> None:
    """The progress bar moves once per image."""

    class Counting(Silent):
        steps = 0

        def advance(self, steps: int = 1) -> None:
            self.steps += steps

    reporter = Counting()
    tflite_from_converter(graph, Feed(pictures(5)), "int8", reporter)
    assert reporter.steps >= 5
