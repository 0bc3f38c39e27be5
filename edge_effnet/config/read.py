"""From a file to a configuration that a run can follow: every name checked, everything open filled in."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edge_effnet.config.schema import NAMED_WEIGHTS, QAT, STAGES, RunConfig
from edge_effnet.config.source import Source, override, read_text
from edge_effnet.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["read_config"]


def read_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a configuration, check every name in it, and fill in what it leaves open.

    Paths in the file are relative to its folder, those in ``overrides`` too.

    Args:
        path: The YAML file.
        overrides: ``KEY=VALUE`` with a dotted key, such as ``bench.min_seconds=1``; the value is YAML.

    Returns:
        The resolved configuration: absolute paths, a name for each model, explicit stages.

    Raises:
        UsageError: It is no configuration: not YAML, a wrong type, an unknown key or name, something missing.
        DataError: The file cannot be read.
    """
    source = Source(path, read_text(path))
    content = source.content()
    source.overridden += [override(content, text) for text in overrides]
    try:
        config = RunConfig.model_validate(content)
    except ValidationError as error:
        raise source.refusal(error) from None
    _check_names(config, source)
    return _resolved(config, source)


def _check_names(config: RunConfig, source: Source) -> None:
    """Refuse names that are in no table, before any work."""
    from edge_effnet.convert.request import IO_TYPES, PRECISIONS
    from edge_effnet.models import MODEL_IDS
    from edge_effnet.quantize.recipes import RECIPES
    from edge_effnet.runtimes.targets import target_schemes

    named: list[tuple[str, tuple[str | int, ...], str, Iterable[str]]] = [
        ("io", ("io",), config.io, IO_TYPES),
        *(("model", ("models", at, "id"), model.id, MODEL_IDS) for at, model in enumerate(config.models)),
        *(("precision", ("precisions", at), name, PRECISIONS) for at, name in enumerate(config.precisions)),
        *(("recipe", ("recipes", at), name, (*RECIPES, QAT)) for at, name in enumerate(config.recipes)),
    ]
    named += [  # what follows the scheme is judged by the job that reaches for it, without harm to the others
        ("target", ("targets", at), name.partition(":")[0], target_schemes())
        for at, name in enumerate(config.targets)
    ]
    for kind, location, value, allowed in named:
        if value not in allowed:
            raise UnknownNameError(f"{kind} at {source.place(location)}", value, allowed)
    _check_words(config, source)
    _check_whole(config, source)


def _check_words(config: RunConfig, source: Source) -> None:
    """Refuse engines and gates that the verbs could not read."""
    from edge_effnet.bench.plan import cpus_from_text
    from edge_effnet.report import parse_gate
    from edge_effnet.runtimes.engines import worker_engine

    readers: Mapping[str, Callable[[str], object]] = {"engines": worker_engine, "fail_if": parse_gate}
    for key, read in readers.items():
        for at, word in enumerate(getattr(config, key)):
            with _placed(source.place((key, at))):
                read(word)
    with _placed(source.place(("bench", "cpus"))):
        cpus_from_text(config.bench.cpus)


@contextlib.contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say in an error where the word stands."""
    try:
        yield
    except UsageError as error:
        message = f"{error.message} at {place}"
        raise UsageError(message, got=error.got, allowed=error.allowed, hint=error.hint) from error


def _check_whole(config: RunConfig, source: Source) -> None:
    """Refuse what does not fit together."""
    names = [model.name or model.id for model in config.models]
    lists: Mapping[str, Sequence[Any]] = {
        "models": names,
        **{
            key: getattr(config, key)
            for key in ("precisions", "recipes", "engines", "targets", "threads", "stages")
        },
    }
    for key, values in lists.items():
        twice = next((value for value in values or () if values.count(value) > 1), None)
        if twice is not None:
            hint = "give each model a name: of its own" if key == "models" else "leave one out"
            raise UsageError(f"{twice} is there twice", got=source.place((key,)), hint=hint)
    if QAT in config.recipes and config.qat is None:
        hint = "add qat: {data: FOLDER}"
        raise UsageError("the recipe qat has nothing to train on", got=source.place(("recipes",)), hint=hint)
    if "eval" in (config.stages or ()) and config.data is None:
        hint = "add data: {path: FOLDER}, or leave eval out"
        raise UsageError("eval has no labelled pictures", got=source.place(("stages",)), hint=hint)


def _resolved(config: RunConfig, source: Source) -> RunConfig:
    """Fill in what follows from the rest: absolute paths, names, stages, the run folder."""
    from edge_effnet.calibrate import list_set_ids

    folder = source.path.resolve().parent

    def absolute(text: str, names: Sequence[str] = ()) -> str:
        return text if text in names else str((folder / Path(text).expanduser()).resolve())

    def located(word: str) -> str:
        """Make the path in ``python:PATH`` and ``delegate:PATH`` absolute; a bare library is looked up by the system."""
        kind, _, rest = word.partition(":")
        # Not resolved: an environment's interpreter is a link, and its name is what makes it that environment's.
        is_path = kind == "python" or (kind == "delegate" and "/" in rest.partition("?")[0])
        return f"{kind}:{(folder / Path(rest).expanduser()).absolute()}" if is_path else word

    sets = list_set_ids()
    data, qat, pictures = config.data, config.qat, config.verify.data
    stages = config.stages or [stage for stage in STAGES if stage != "eval" or data is not None]
    return config.model_copy(
        update={
            "models": [
                model.model_copy(
                    update={
                        "name": model.name or model.id,
                        "weights": absolute(model.weights, NAMED_WEIGHTS),
                    }
                )
                for model in config.models
            ],
            "calibration": config.calibration.model_copy(
                update={"data": absolute(config.calibration.data, sets)}
            ),
            "qat": qat and qat.model_copy(update={"data": absolute(qat.data)}),
            "data": data
            and data.model_copy(
                update={"path": absolute(data.path), "labels": data.labels and absolute(data.labels)}
            ),
            "verify": config.verify.model_copy(update={"data": pictures and absolute(pictures, sets)}),
            "targets": [located(target) for target in config.targets],
            "engines": [located(engine) for engine in config.engines],
            "stages": sorted(stages, key=STAGES.index),
            "output": absolute(config.output or f"runs/{source.path.stem}"),
        }
    )
