"""The two sides of a verification: a float network, and the int8 file that claims to be the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.contract import tool_versions
from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.runtimes import Available, engine
from edge_effnet.verify.rebuild_float import rebuild_float
from edge_effnet.verify.terms import read_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from edge_effnet.images import Preprocessing
    from edge_effnet.inspect import Model
    from edge_effnet.models.graph import Graph
    from edge_effnet.runtimes import LocalModel
    from edge_effnet.runtimes import Model as RuntimeModel

    Floats = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]

__all__ = ["KERAS_PREFIX", "FloatModel", "IntegerModel", "batched", "open_float", "open_integer"]

KERAS_PREFIX: Final = "keras:"
_NAMED_WEIGHTS: Final = frozenset({"imagenet", "random"})
_FLOAT_ENGINES: Final = ("xnnpack", "builtin")


@dataclass(frozen=True)
class FloatModel:
    """What the int8 file is compared with.

    Attributes:
        name: The argument that named it.
        engine: What runs it.
        library: Name and version behind the engine.
        resolution_px: Side of its input.
        classes: Number of its outputs.
        logits: ``(n, height, width, 3) uint8`` pixels -> ``(n, classes)``.
        twin: Returns it as a .tflite whose tensors can be read by name.
        graph: Returns it as a graph that takes pixels less its ``normalisation.mean``; raises `NotRebuildable`.
        random_weights: Whether its weights mean nothing.
        ends_in_softmax: Whether it gives probabilities instead of logits.
        notes: What is worth knowing.
        sha256: Of the file; None for a float network by name.
    """

    name: str
    engine: str
    library: str
    resolution_px: int
    classes: int
    logits: Callable[[Pixels], Floats]
    twin: Callable[[], bytes]
    graph: Callable[[], Graph]
    random_weights: bool = False
    ends_in_softmax: bool = False
    notes: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class IntegerModel:
    """An int8 .tflite file and what its contract says.

    Attributes:
        path: Where it lies.
        content: Its bytes.
        model: Its records.
        preprocessing: How a picture becomes its input.
        factors: Tensor -> ``(channels,)``, what makes its channels comparable with the float network's.
        calibration_files: sha256 of every picture that it was calibrated on, where listed.
        random_weights: Whether its weights mean nothing.
        notes: What had to be assumed.
    """

    path: Path
    content: bytes
    model: Model
    preprocessing: Preprocessing
    factors: Mapping[str, Floats] = field(default_factory=dict)
    calibration_files: frozenset[str] = frozenset()
    random_weights: bool = False
    notes: tuple[str, ...] = ()

    @property
    def ends_in_softmax(self) -> bool:
        """Whether it gives probabilities instead of logits."""
        return _has_softmax(self.model)


def batched(model: RuntimeModel) -> Callable[[Pixels], Floats]:
    """Return a loaded model as a function of several pictures."""
    return lambda pixels: np.stack([model.logits(picture) for picture in pixels])


def open_integer(path: Path) -> IntegerModel:
    """Read an int8 .tflite file with its contract.

    Raises:
        DataError: The file is missing, damaged or takes no square picture, or its contract cannot be understood.
    """
    content = _content(path)
    model = read_model_bytes(content, source=str(path))
    terms = read_terms(path, model)
    preprocessing, notes = terms.preprocessing(_side_px(path, model))
    return IntegerModel(
        path,
        content,
        model,
        preprocessing,
        terms.factors(model),
        terms.calibration_files,
        terms.random_weights,
        notes,
    )


def open_float(argument: str) -> FloatModel:
    """Open a float network: a .tflite file, or ``keras:ID[:WEIGHTS]``.

    Raises:
        DataError: A file is missing, damaged or does not fit.
        UnknownNameError: There is no such Keras model.
        EnvironmentFault: TensorFlow, or every engine for a float file, is missing.
    """
    if argument.startswith(KERAS_PREFIX):
        return _keras(argument)
    path = Path(argument)
    content = _content(path)
    model = read_model_bytes(content, source=argument)
    loaded, library, notes = _loaded(content)
    return FloatModel(
        argument,
        loaded.engine,
        library,
        _side_px(path, model),
        loaded.output.shape[-1],
        batched(loaded),
        lambda: content,
        lambda: rebuild_float(model),
        read_terms(path, model).random_weights,
        _has_softmax(model),
        notes,
        sha256_of_bytes(content),
    )


def _keras(argument: str) -> FloatModel:
    from edge_effnet.convert.tflite import tflite_from_graph
    from edge_effnet.models import build
    from edge_effnet.models.fold import fold_std
    from edge_effnet.models.freeze import freeze

    model_id, _, weights = argument.removeprefix(KERAS_PREFIX).partition(":")
    if not model_id:
        raise UsageError("a Keras model needs an id", got=argument, allowed="keras:ID or keras:ID:WEIGHTS")
    source = weights or "imagenet"
    built = build(model_id, weights=source if source in _NAMED_WEIGHTS else Path(source))

    def graph() -> Graph:
        return fold_std(freeze(built.keras, built.normalisation, name=built.id))

    return FloatModel(
        argument,
        "tensorflow",
        f"tensorflow {tool_versions(['tensorflow'])['tensorflow']}",
        built.resolution_px,
        int(built.keras.outputs[0].shape[-1]),
        built.predict_logits,
        lambda: tflite_from_graph(graph(), "float32"),
        graph,
        built.weights.kind == "random",
        notes=built.notes,
    )


def _loaded(content: bytes) -> tuple[LocalModel, str, tuple[str, ...]]:
    """Load a float file on the fastest engine that can run it."""
    notes: list[str] = []
    for name in _FLOAT_ENGINES:
        try:
            found = engine(name)
            model: Any = found.load(content)
        except EnvironmentFault as error:
            notes.append(f"the float model does not run on {name}: {error.message}")
            continue
        state = found.probe()
        return model, state.version if isinstance(state, Available) else name, tuple(notes)
    raise EnvironmentFault("no engine runs the float model", got="; ".join(notes))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "give a .tflite file, or keras:ID[:WEIGHTS] for the float model"
        raise DataError(f"the model cannot be read: {error.strerror}", got=path, hint=hint) from error


def _side_px(path: Path, model: Model) -> int:
    shape = model.main.input_tensors[0].shape if model.main.inputs else ()
    if len(shape) != 4 or shape[1] != shape[2]:
        raise DataError("the model does not take one square picture", got=f"{path}: {shape}")
    return shape[1]


def _has_softmax(model: Model) -> bool:
    return any(operator.builtin == "SOFTMAX" for operator in model.main.operators)
