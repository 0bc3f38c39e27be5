"""The model of a demo: everything that is known about it comes from its file (or the contract beside it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from edge_effnet.activation_map import activation_map_of_model
from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.demo.resize import Resizer
from edge_effnet.errors import DataError, UsageError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.declared import ends_in_softmax
from edge_effnet.model_contract import find_contract, labels_from_archive, preprocessing_of_model
from edge_effnet.runtimes.engines import worker_engine
from edge_effnet.runtimes.targets import ToolTarget, target
from edge_effnet.runtimes.tensors import input_from_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.activation_map import ActivationMap
    from edge_effnet.demo.source import Frame
    from edge_effnet.model_contract import ModelContract
    from edge_effnet.runtimes.base import Floats, Tensor
    from edge_effnet.runtimes.connection import RemoteModel
    from edge_effnet.runtimes.targets import WorkerTarget

__all__ = ["Answer", "Classifier", "load_classifier"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one frame.

    Attributes:
        probabilities: ``(classes,)`` float32 that sum to 1.
        features: The codes of its last feature map, ``(1, height, width, channels)``, for its activation maps; or None.
    """

    probabilities: Floats
    features: Tensor | None = None


@dataclass(frozen=True)
class Classifier:
    """A loaded model, its labels and its preprocessing.

    Attributes:
        path: The model's file.
        sha256: Of the file.
        engine: What runs it.
        target: Where it runs.
        threads: Threads inside one inference.
        labels: Name of each output.
        gives_probabilities: Whether the output went through softmax already.
        model: In its worker.
        maps: Makes class activation maps of what it gives; None if it was exported without its features.
        notes: What had to be assumed.
    """

    path: Path
    sha256: str
    engine: str
    target: str
    threads: int
    labels: tuple[str, ...]
    gives_probabilities: bool
    model: RemoteModel
    resizer: Resizer
    maps: ActivationMap | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def runtime(self) -> str:
        """Name and version of the library that runs it."""
        return str(self.model.facts["runtime"])

    def prepare(self, frame: Frame) -> Tensor:
        """Return the model's pixels for a frame as OpenCV has it."""
        return self.resizer.pixels(frame)

    def look(self, pixels: Tensor) -> Answer:
        """Run once."""
        codes = self.model.run_all(input_from_pixels(pixels, self.model.input))
        scores = self.model.output.reals(codes[0]).reshape(-1)
        features = None if self.maps is None else codes[self.maps.features]
        if self.gives_probabilities:
            return Answer(scores, features)
        powers = np.exp(scores - scores.max())
        return Answer(np.asarray(powers / powers.sum(), np.float32), features)

    def close(self) -> None:
        """End the worker."""
        self.model.connection.close()


def load_classifier(
    path: Path, *, engine: str, place: str, threads: int = 1, cpus: tuple[int, ...] = ()
) -> Classifier:
    """Load a model in a worker.

    Args:
        path: A .tflite file.
        engine: Such as ``xnnpack``; see `edge_effnet.runtimes.engines`.
        place: A target; see `edge_effnet.runtimes.targets`.
        threads: Threads inside one inference.
        cpus: Cores that the worker stays on; empty for wherever the system puts it.

    Raises:
        DataError: The file is missing, damaged, no image classifier, or contradicts its contract.
        UnknownNameError: There is no such engine or target.
        UsageError: The target has no worker.
        EnvironmentFault: The runtime or the target is missing.
    """
    runs_it, where = worker_engine(engine), target(place)
    if isinstance(where, ToolTarget):
        raise UsageError(
            "a phone over adb has no worker for single frames",
            got=place,
            allowed="local, python:PATH, ssh://..",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the model cannot be read: {error.strerror}", got=path) from error
    graph = read_model_bytes(content, source=str(path))
    contract = find_contract(path, content, graph.metadata)
    connection = cast("WorkerTarget", where).connect(runs_it.kernels)
    try:
        if cpus:
            connection.ask("pin", cpus=list(cpus))
        model = runs_it.load_on(connection, path, threads)
        outputs = model.output.shape[-1]
        preprocessing, notes = preprocessing_of_model(path, model.input.shape, model.input.dtype, contract)
        names, more = _labels(path, content, contract, outputs)
        facts = (path, sha256_of_bytes(content), engine, place, threads, names, ends_in_softmax(graph))
        said = None if contract is None else contract.explain
        maps = None if said is None else activation_map_of_model(graph, said)
        return Classifier(*facts, model, Resizer(preprocessing), maps, (*notes, *more))
    except BaseException:
        connection.close()
        raise


def _labels(
    path: Path, content: bytes, contract: ModelContract | None, outputs: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the name of each output, and what had to be assumed."""
    names = contract.labels if contract and contract.labels else labels_from_archive(content, outputs)
    if names is None:
        note = f"{path} carries no labels: classes are shown by number"
        return tuple(f"class {index}" for index in range(outputs)), (note,)
    if len(names) != outputs:
        raise DataError("the labels do not fit the model", got=f"{len(names)} labels, {outputs} outputs")
    return names, ()
