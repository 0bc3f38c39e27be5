"""Networks that were quantised once, for tests of the writer."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")

sys.path.insert(0, str(Path(__file__).parent.parent / "quantize"))  # tiny_graphs

from flat import RESOLUTION_PX
from tiny_graphs import Feed, every_kind, pictures, small_mbconv

from edge_effnet.convert import ConvertRequest, convert, prepared
from edge_effnet.models.fold import fold_normalisation
from edge_effnet.models.freeze import freeze
from edge_effnet.progress import Silent
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction
from edge_effnet.quantize.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from edge_effnet.convert import ConvertResult
    from edge_effnet.models import BuiltModel
    from edge_effnet.models.graph import Graph
    from edge_effnet.quantize.scheme import QuantizedGraph


@pytest.fixture(scope="session", params=["mbconv", "every_kind"])
def tiny(request: pytest.FixtureRequest) -> tuple[Graph, QuantizedGraph]:
    """Each of the small networks in turn, as it is and quantised."""
    graph = {"mbconv": small_mbconv, "every_kind": every_kind}[request.param]()
    return graph, quantize_by_reconstruction(graph, Feed(pictures(24)), Settings(), Silent())


@pytest.fixture(scope="session")
def quantized_model(built_model: Callable[[str, int], BuiltModel]) -> Callable[[str], QuantizedGraph]:
    """Give variants by id, with random weights, quantised on a few pictures by the plainest recipe."""

    @functools.cache
    def give(model_id: str) -> QuantizedGraph:
        side = RESOLUTION_PX[model_id]
        built = built_model(model_id, side)
        folded = fold_normalisation(freeze(built.keras, built.normalisation, name=model_id))
        settings = RECIPES["minmax-direct"].settings
        assert settings is not None
        return quantize_by_reconstruction(folded, Feed(pictures(4, side)), settings, Silent())

    return give


@pytest.fixture(scope="session")
def conversion(
    built_model: Callable[[str, int], BuiltModel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., ConvertResult]:
    """Convert Lite0 at 64 px from a model that is built once; options are those of `ConvertRequest`."""

    @functools.cache
    def give(**options: Any) -> ConvertResult:
        folder = tmp_path_factory.mktemp("conversion")
        patch = pytest.MonkeyPatch()
        patch.setattr(prepared, "build", lambda *_, **__: built_model("lite0", 64))
        try:
            request = ConvertRequest(
                "lite0", weights="random", calibration_samples=8, output=folder / "m.tflite", **options
            )
            return convert(request, Silent())
        finally:
            patch.undo()

    return give


@pytest.fixture(scope="session")
def seen() -> np.ndarray:
    """Sixteen pictures of 64 px that nothing was calibrated on."""
    return pictures(16, 64, seed=11)
