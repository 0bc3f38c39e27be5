"""Where channels may be scaled: only if every reader can take the factor back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tiny_graphs import ABSORBED, NOT_ABSORBED, Sketch, behind_swish

from edge_effnet.models.freeze import freeze
from edge_effnet.quantize.factors import follower, is_absorbed, swish_behind

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models import BuiltModel


@pytest.mark.parametrize("kind", [*ABSORBED, *NOT_ABSORBED])
def test_factors_must_end_in_weights_on_every_way(kind: str) -> None:
    """Weights, products, means and pools pass a factor on; a sum, a clamp or the output would be wrong by it."""
    assert is_absorbed(behind_swish(kind), "first/swish") == (kind in ABSORBED)


@pytest.mark.parametrize("kind", [*ABSORBED, *NOT_ABSORBED])
def test_a_swish_is_found_behind_its_convolution(kind: str) -> None:
    """A tensor that only goes into its own sigmoid and the product of both."""
    graph = behind_swish(kind)
    assert swish_behind(graph, "conv") == "first/swish"
    assert follower(graph, "conv") == "swish"
    assert swish_behind(graph, "first/swish") is None


def test_a_gate_of_something_else_is_no_swish() -> None:
    """``x * sigmoid(y)``, or a sigmoid that is read elsewhere too, is not taken for one."""
    sketch = Sketch()
    left, right = sketch.conv("left", "input", 4), sketch.conv("right", "input", 4)
    gate = sketch.same("logistic", "gate", right)
    sketch.same("mul", "crossed", left, gate)
    sketch.same("mul", "also", right, left)
    assert swish_behind(sketch.graph("also"), "right") is None
    other = Sketch()
    conv = other.conv("conv", "input", 4)
    swish = other.swish("first", conv)
    graph = other.graph(other.same("add", "sum", swish, "first/sigmoid"))
    assert swish_behind(graph, "conv") is None


def test_what_follows_decides_the_measure() -> None:
    """Swish, hard swish, or nothing in particular."""
    sketch = Sketch()
    hard = sketch.same("hard_swish", "hard", sketch.conv("conv", "input", 4))
    graph = sketch.graph(sketch.conv("next", hard, 4))
    assert [follower(graph, name) for name in ("conv", "hard", "next")] == [
        "hard_swish",
        "identity",
        "identity",
    ]


@pytest.mark.parametrize(
    ("model_id", "kept"),
    [("b0", set()), ("v2-b1", {"block1a_project_conv", "block1b_project_conv"})],
)
def test_blocks_without_expansion_keep_what_their_residual_adds(
    model_id: str, kept: set[str], built_model: Callable[[str, int], BuiltModel]
) -> None:
    """B0 may scale every swish; V2's first stage adds a swish's output to another one's, so those stay."""
    built = built_model(model_id, 64)
    graph = freeze(built.keras, built.normalisation, name=model_id)
    swishes = {node.name: swish_behind(graph, node.name) for node in graph.nodes if node.kernel is not None}
    found = {name for name, swish in swishes.items() if swish is not None and not is_absorbed(graph, swish)}
    assert found == kept
    assert sum(swish is not None for swish in swishes.values()) > 40
