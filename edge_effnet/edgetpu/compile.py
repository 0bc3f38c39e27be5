"""Compiles models for the Edge TPU, and compares what was predicted with what the compiler says and leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import check_output, sha256_of_file, write_bytes
from edge_effnet.edgetpu.agreement import agreement
from edge_effnet.edgetpu.compiler import compiled, output_name
from edge_effnet.errors import ConversionError, DataError, EnvironmentFault, UsageError
from edge_effnet.inspect import read_model
from edge_effnet.inspect.container import container_from_model
from edge_effnet.inspect.edgetpu import predict_file
from edge_effnet.inspect.edgetpu_layers import CACHE_BUDGET_BYTES
from edge_effnet.inspect.edgetpu_ops import LATEST_RUNTIME
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.edgetpu.compiler import Compiled, CompilerOptions
    from edge_effnet.edgetpu.log import ModelLog
    from edge_effnet.inspect.container import Container
    from edge_effnet.inspect.edgetpu import Prediction
    from edge_effnet.process import Runner

__all__ = ["SCHEMA_VERSION", "CompiledModel", "compile_models", "predictions", "record_of"]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class CompiledModel:
    """One model that was compiled.

    Attributes:
        source: The file that it was made from.
        path: The compiled file.
        sha256: Of that.
        prediction: What was predicted.
        log: What the compiler's log says of it; None where it says nothing.
        container: What the compiled file holds.
    """

    source: Path
    path: Path
    sha256: str
    prediction: Prediction
    log: ModelLog | None
    container: Container

    def as_json(self) -> dict[str, Any]:
        """Return its part of the record."""
        return {
            "source": str(self.source),
            "path": str(self.path),
            "sha256": self.sha256,
            "container": self.container.as_json(),
            "agreement": agreement(self.prediction, self.log, self.container),
            "prediction": self.prediction.as_json(),
        }


def predictions(models: Sequence[Path], runtime: int | None = None) -> list[Prediction]:
    """Predict what becomes of models that are compiled together: the first has the cache first.

    Raises:
        DataError: One is missing, damaged or compiled already.
    """
    left, found = CACHE_BUDGET_BYTES, []
    for model in models:
        prediction, _ = predict_file(model, runtime=runtime or LATEST_RUNTIME, budget_bytes=left)
        left = max(left - prediction.memory["cached_bytes"], 0)
        found.append(prediction)
    return found


def compile_models(
    models: Sequence[Path],
    folder: Path,
    compiler: str,
    options: CompilerOptions,
    *,
    force: bool = False,
    run: Runner = run_program,
) -> tuple[list[CompiledModel], dict[str, Any]]:
    """Compile models, together if they are several, into a folder.

    Beside each compiled file lies the compiler's log, ``NAME_edgetpu.log``. Nothing is written when anything fails.

    Returns:
        The compiled models, and the ``log`` of the record.

    Raises:
        UsageError: Two models would get one name, or an output exists.
        DataError: A model, the log or the compiled file cannot be read.
        ConversionError: The compiler fails.
        EnvironmentFault: The compiler cannot be started, or the folder cannot be made.
    """
    names = [output_name(model) for model in models]
    if len(set(names)) != len(names):
        raise UsageError(
            "two models would be compiled into one file", got=", ".join(names), hint="rename one"
        )
    _make(folder)
    for name in names:
        check_output(folder / name, force=force)
    expected = predictions(models, options.min_runtime)
    with compiled(models, compiler, options, run=run) as made:
        logs = _by_name(made, names)
        containers = [_container(file) for file in made.files]
        for file, name in zip(made.files, names, strict=True):
            write_bytes(folder / name, file.read_bytes(), force=force)
            write_bytes((folder / name).with_suffix(".log"), made.text.encode(), force=True)
    rows = [
        CompiledModel(
            source, folder / name, sha256_of_file(folder / name), prediction, logs.get(name), container
        )
        for source, name, prediction, container in zip(models, names, expected, containers, strict=True)
    ]
    return rows, made.log.as_json()


def _by_name(made: Compiled, names: Sequence[str]) -> dict[str, ModelLog]:
    """Return what the log says, by the name of the file that it speaks of."""
    logs = {(model.output or "").rpartition("/")[2]: model for model in made.log.models}
    if made.log.models and not set(names) <= set(logs):
        raise DataError(
            "the compiler's log speaks of other models", got=", ".join(logs), allowed=", ".join(names)
        )
    return logs


def _container(file: Path) -> Container:
    container = container_from_model(read_model(file), file.name)
    if container is None:
        raise ConversionError(
            "the compiler mapped not one operator to the Edge TPU",
            got=file.name,
            hint="edge-effnet edgetpu check says why",
        )
    return container


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError("the output folder is a file", got=folder, hint="give -o DIR") from error
    except OSError as error:
        raise EnvironmentFault(f"the output folder cannot be made: {error.strerror}", got=folder) from error


def record_of(rows: Sequence[CompiledModel], log: dict[str, Any]) -> dict[str, Any]:
    """Return the document of `edgetpu compile --json`: the first model at the top, all of them in ``models``."""
    models = [row.as_json() for row in rows]
    first = models[0]
    return {"schema_version": SCHEMA_VERSION, **first, "log": log, "models": models}
