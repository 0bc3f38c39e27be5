"""Models to evaluate: .tflite files on an engine, or float networks by name (``keras:b0:weights.h5``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.contract import tool_versions
from edge_effnet.errors import DataError, UsageError
from edge_effnet.evaluate.classes import ModelClasses
from edge_effnet.images import Preprocessing
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.declared import ends_in_softmax
from edge_effnet.model_contract import (
    ModelContract,
    find_contract,
    labels_from_archive,
    preprocessing_of_model,
)
from edge_effnet.runtimes import Available, engine

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from edge_effnet.images import Pixels
    from edge_effnet.models import BuiltModel
    from edge_effnet.runtimes.base import Floats, Probe

__all__ = [
    "KERAS_PREFIX",
    "Candidate",
    "candidate_from_argument",
    "candidate_from_built",
    "candidate_from_keras",
    "candidate_from_tflite",
]

KERAS_PREFIX = "keras:"
_NAMED_WEIGHTS = frozenset({"imagenet", "random"})


class BatchScorer(Protocol):
    """A network that scores many images at once."""

    def predict_logits(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """Return ``(images, classes)`` for ``(images, height, width, 3) uint8`` pixels."""


@dataclass(frozen=True)
class Candidate:
    """A model under test.

    Attributes:
        path: The argument that named it.
        engine: What runs it, such as ``xnnpack`` or ``tensorflow``.
        library: Name and version of the library behind the engine.
        classes: What its outputs stand for.
        preprocessing: How a picture becomes its input.
        gives_probabilities: Whether its output went through softmax already.
        contract: What it says about itself, if anything.
        notes: What was assumed about it.
        sha256: Of the file; None for a float network by name.
        open: Makes a function from the pixels of one image to its scores, for one thread; None if ``batch`` is set.
        batch: Scores many images at once.
    """

    path: str
    engine: str
    library: str
    classes: ModelClasses
    preprocessing: Preprocessing
    gives_probabilities: bool = False
    contract: ModelContract | None = None
    notes: tuple[str, ...] = ()
    sha256: str | None = None
    open: Callable[[], Callable[[Pixels], Floats]] | None = None
    batch: BatchScorer | None = None


def candidate_from_argument(argument: str, engine_name: str) -> Candidate:
    """Return the model that a command-line argument names: a path, or ``keras:ID[:WEIGHTS]``."""
    if not argument.startswith(KERAS_PREFIX):
        return candidate_from_tflite(Path(argument), engine_name)
    model_id, _, weights = argument.removeprefix(KERAS_PREFIX).partition(":")
    if not model_id:
        raise UsageError("a Keras model needs an id", got=argument, allowed="keras:ID or keras:ID:WEIGHTS")
    return candidate_from_keras(argument, model_id, weights or "imagenet")


def candidate_from_tflite(path: Path, engine_name: str) -> Candidate:
    """Read a .tflite file and load it once on an engine.

    Raises:
        DataError: The file is missing, malformed, no image classifier, or contradicts its contract.
        EnvironmentFault: The engine is missing or lacks an operator.
    """
    runtime = engine(engine_name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the model cannot be read: {error.strerror}", got=path) from error
    graph = read_model_bytes(content, source=str(path))
    model = runtime.load(content)  # a first load, so that an unusable model is refused before any work
    outputs = model.output.shape[-1]
    contract = find_contract(path, content, graph.metadata)
    names = contract.labels if contract and contract.labels else labels_from_archive(content, outputs)
    preprocessing, notes = preprocessing_of_model(path, model.input.shape, model.input.dtype, contract)
    return Candidate(
        str(path),
        engine_name,
        _library(runtime.probe()),
        ModelClasses(outputs, names),
        preprocessing,
        ends_in_softmax(graph),
        contract,
        notes,
        sha256_of_bytes(content),
        open=lambda: runtime.load(content).logits,
    )


def candidate_from_keras(argument: str, model_id: str, weights: str) -> Candidate:
    """Build a float network with its weights.

    Raises:
        UnknownNameError: There is no such model.
        DataError: The weights are missing or do not fit.
        EnvironmentFault: TensorFlow is not installed.
    """
    from edge_effnet.models import build

    return candidate_from_built(
        argument, build(model_id, weights=weights if weights in _NAMED_WEIGHTS else Path(weights))
    )


def candidate_from_built(argument: str, built: BuiltModel) -> Candidate:
    """Return a float network that is built already; ``argument`` names it."""
    outputs = int(built.keras.outputs[0].shape[-1])
    return Candidate(
        argument,
        "tensorflow",
        f"tensorflow {tool_versions(['tensorflow'])['tensorflow']}",
        ModelClasses(outputs, built.labels),
        Preprocessing(built.resolution_px, built.crop_fraction),
        contract=ModelContract(argument, weights_kind=built.weights.kind),
        notes=built.notes,
        batch=built,
    )


def _library(state: Probe) -> str:
    return state.version if isinstance(state, Available) else ""
