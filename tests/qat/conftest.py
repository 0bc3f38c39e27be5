"""A network so small that a training run takes a second, with pictures on disk."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
pytest.importorskip("tensorflow_model_optimization", reason="the extra edge-effnet[convert] is not installed")

sys.path.insert(0, str(Path(__file__).parent.parent / "quantize"))  # tiny_graphs

import numpy as np
from PIL import Image
from tiny_graphs import Feed, pictures, small_mbconv

from edge_effnet.images import Preprocessing
from edge_effnet.progress import Silent
from edge_effnet.qat.pictures import open_training_pictures
from edge_effnet.quantize.ptq import Settings, quantize_by_reconstruction

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.graph import Graph
    from edge_effnet.qat.pictures import TrainingPictures
    from edge_effnet.qat.settings import QatSettings
    from edge_effnet.quantize.scheme import QuantizedGraph

SIDE_PX = 16


@pytest.fixture(scope="session")
def graph() -> Graph:
    """Two inverted bottlenecks at 16 px."""
    return small_mbconv()


@pytest.fixture(scope="session")
def start(graph: Graph) -> QuantizedGraph:
    """A worn copy of the network, all of its biases a little off, calibrated: there is something to learn."""
    draws = np.random.default_rng(9)
    nodes = [
        node
        if node.bias is None
        else replace(node, bias=node.bias + draws.normal(0.0, 0.1, node.bias.shape).astype(np.float32))
        for node in graph.nodes
    ]
    return quantize_by_reconstruction(
        replace(graph, nodes=tuple(nodes)), Feed(pictures(24)), Settings(), Silent()
    )


@pytest.fixture(scope="session")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures without labels."""
    folder = tmp_path_factory.mktemp("flat")
    for number, pixels in enumerate(pictures(40, side_px=20, seed=5)):
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures in two classes."""
    folder = tmp_path_factory.mktemp("labelled")
    for number, pixels in enumerate(pictures(40, side_px=20, seed=6)):
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "ab"[number % 2] / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def opened(flat: Path) -> Callable[[QatSettings], TrainingPictures]:
    """Open the unlabelled pictures for a run."""
    return lambda settings: open_training_pictures(flat, Preprocessing(SIDE_PX), settings, (), Silent())
