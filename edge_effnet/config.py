"""The configuration of a run: YAML in and out, every key known, every mistake told with its line.

Precedence: the command line (`--set` and the options of `edge-effnet run`), then the environment (`EDGE_EFFNET_…`, where an option
names one), then the file, then the defaults that are written here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from edge_effnet.errors import DataError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["STAGES", "Model", "RunConfig", "config_schema", "dump_config", "load_yaml", "read_config"]

STAGES: Final = ("convert", "inspect", "verify", "eval", "bench", "profile", "report")
"""What a run can do, in order."""

QAT: Final = "qat"
"""The recipe that trains; all others are those of `edge-effnet convert`."""

_LIMIT_BYTES: Final = 1 << 20
_NAMED_WEIGHTS: Final = ("imagenet", "random")
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Name = Annotated[str, Field(pattern=_NAME)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Model(_Part):
    """One network: a variant or baseline with its weights."""

    id: str = Field(description="Variant or baseline, see `edge-effnet list`.")
    weights: str = Field(default="imagenet", description="imagenet, random, or a file.")
    name: Name = Field(
        default="", validate_default=False, description="Its name in this run; the id if not given."
    )
    resolution: int | None = Field(default=None, ge=32, le=2048, description="Side of the input in pixels.")
    num_classes: Count | None = Field(default=None, description="Outputs of the classifier.")
    activation: str | None = Field(default=None, description="Instead of the model's own.")


class Calibration(_Part):
    """The pictures that ranges are measured on."""

    data: str = Field(default="synthetic-v1", description="Folder, .npy file or set id.")
    samples: Count = Field(default=300, description="How many of them at most.")


class Qat(_Part):
    """What the recipe `qat` trains on."""

    data: str = Field(description="Folder of pictures.")
    steps: Count | None = Field(
        default=None, description="Training steps; None leaves it to `edge-effnet qat`."
    )


class Data(_Part):
    """The labelled pictures that accuracy is measured on."""

    path: str = Field(description="Folder.")
    labels: str | None = Field(default=None, description="Table file,label; None takes PATH/labels.csv.")
    limit: Count | None = Field(default=None, description="How many of them, evenly spread; None takes all.")


class Verify(_Part):
    """The pictures on which float and int8 are compared."""

    data: str | None = Field(
        default=None, description="Folder, .npy file or set id; None: the labelled pictures."
    )
    limit: Count = 32


class Bench(_Part):
    """How long a measurement takes; None leaves it to `edge-effnet bench`."""

    min_seconds: float | None = Field(default=None, gt=0)
    min_runs: Count | None = None
    cpus: str | None = Field(default=None, description="Cores to stay on, such as 0-3.")


class RunConfig(_Part):
    """A chain: models x precisions and recipes x targets, through the stages."""

    models: list[Model] = Field(min_length=1)
    precisions: list[str] = Field(default=["w8a8"], min_length=1, description="As in `convert --precision`.")
    recipes: list[str] = Field(default=["ptq"], min_length=1, description="How w8a8 is quantised; also qat.")
    io: str = Field(default="int8", description="Input and output of w8a8 models.")
    calibration: Calibration = Calibration()
    qat: Qat | None = None
    data: Data | None = None
    verify: Verify = Verify()
    engines: list[str] = Field(default=["xnnpack"], min_length=1)
    targets: list[str] = Field(default=["local"], min_length=1)
    threads: list[Count] = Field(default=[1], min_length=1)
    bench: Bench = Bench()
    fail_if: list[str] = Field(default=[], description="Gates of `edge-effnet report`.")
    stages: list[Literal[STAGES]] | None = Field(  # type: ignore[valid-type]  # the table is the one list of names
        default=None, min_length=1, description="None: all of them; eval only where there is data."
    )
    seed: int = Field(default=0, ge=0)
    timeout_s: float = Field(default=7200, gt=0, description="Longest time that one job may take.")
    output: str | None = Field(default=None, description="The run folder; None: runs/NAME beside the file.")

    @field_validator("models", mode="before")
    @classmethod
    def _bare_ids(cls, value: Any) -> Any:
        """Let ``- b0`` stand for ``- id: b0``."""
        if not isinstance(value, list):
            return value
        return [{"id": entry} if isinstance(entry, str) else entry for entry in value]


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
    source = _Source(path, _read(path))
    content = source.content()
    for override in overrides:
        source.overridden.append(_override(content, override))
    try:
        config = RunConfig.model_validate(content)
    except ValidationError as error:
        raise source.refusal(error) from None
    _check_names(config, source)
    return _resolved(config, source)


def dump_config(config: RunConfig) -> str:
    """Return a configuration as YAML that `read_config` reads back to the same."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_yaml(path: Path) -> Any:
    """Return the content of a YAML file, which may hold no alias and no key twice.

    Raises:
        UsageError: It is no such file.
        DataError: It cannot be read.
    """
    return _Source(path, _read(path)).raw


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    schema = RunConfig.model_json_schema(mode="validation")
    models = schema["properties"]["models"]
    models["items"] = {"anyOf": [{"type": "string"}, models["items"]]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "edge-effnet run CONFIG",
    }


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise DataError(f"the configuration cannot be read: {error.strerror}", got=path) from error
    if len(data) > _LIMIT_BYTES:
        raise UsageError("the configuration is too large", got=path, allowed="1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the configuration is not UTF-8: {error}", got=path) from error


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, which a hostile file multiplies, and without a key twice, of which one would be lost."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is one word", problem_mark=key.start_mark)
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} is there twice", problem_mark=key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep=deep)


class _Source:
    """The text of a configuration, and the line of everything in it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.overridden: list[tuple[str, ...]] = []
        try:
            loader = _PlainLoader(text)
            self._node = loader.get_single_node()
            self.raw = None if self._node is None else loader.construct_document(self._node)
        except yaml.MarkedYAMLError as error:
            line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
            raise UsageError(
                f"the configuration is not YAML: {error.problem or error.context}", got=f"{path}{line}"
            ) from error
        except (yaml.YAMLError, ValueError) as error:
            raise UsageError(f"the configuration is not YAML: {error}", got=path) from error
        except RecursionError as error:
            raise UsageError("the configuration is nested too deeply", got=path) from error

    def content(self) -> dict[str, Any]:
        """Return what the file says."""
        if not isinstance(self.raw, dict) or not all(isinstance(key, str) for key in self.raw):
            raise UsageError(
                "the configuration is no table of keys",
                got=self.path,
                allowed=", ".join(RunConfig.model_fields),
            )
        return dict(self.raw)

    def place(self, location: Sequence[str | int]) -> str:
        """Name a place as ``FILE, line N (models.0.id)``, or as ``--set KEY`` where that has given it."""
        for key in self.overridden:
            if key == tuple(location)[: len(key)]:
                return f"--set {'.'.join(key)}"
        node, line, inside = self._node, None, True
        for step in location:
            found = _child(node, step) if inside else None
            if found is None:
                inside = False
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        words = ".".join(map(str, location))
        return f"{self.path}" + (f", line {line}" if line else "") + (f" ({words})" if words else "")

    def refusal(self, error: ValidationError) -> UsageError:
        """Return the first mistake as an error that names its line; an unknown key with those that are known."""
        first = error.errors()[0]
        *above, last = first["loc"] or ("",)
        if first["type"] == "extra_forbidden":
            return UnknownNameError(f"key at {self.place(first['loc'])}", str(last), _known_keys(above))
        more = error.error_count() - 1
        message = f"{first['msg'][0].lower()}{first['msg'][1:]}" + (f" (and {more} more)" if more else "")
        got = "" if first["type"] == "missing" else f": {str(first['input'])[:80]}"
        return UsageError(f"the configuration is wrong: {message}", got=f"{self.place(first['loc'])}{got}")


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """Return the node that names a child, and the child."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _known_keys(location: Iterable[str | int]) -> list[str]:
    """Return the keys of the part at ``location``."""
    part: type[BaseModel] = RunConfig
    for step in location:
        if isinstance(step, str):
            part = next(kind for kind in _kinds(part.model_fields[step].annotation))
    return list(part.model_fields)


def _kinds(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)


def _override(content: dict[str, Any], override: str) -> tuple[str, ...]:
    """Put one ``KEY=VALUE`` into the content, and return the key's steps."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UsageError("--set needs KEY=VALUE", got=override, hint="such as --set bench.min_seconds=1")
    try:
        value = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader, without aliases
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"the value of --set is not YAML: {error}", got=override) from error
    *above, last = key.split(".")
    place: Any = content
    for step in above:
        inner = place.get(step) or {}
        if not isinstance(inner, dict):
            raise UsageError(
                "--set reaches into something that has no keys", got=override, hint=f"set {step} whole"
            )
        place[step] = dict(inner)
        place = place[step]
    place[last] = value
    return (*above, last)


def _check_names(config: RunConfig, source: _Source) -> None:
    """Refuse names that are in no table, before any work."""
    from edge_effnet.convert.request import IO_TYPES, PRECISIONS
    from edge_effnet.models import MODEL_IDS
    from edge_effnet.quantize.recipes import RECIPES
    from edge_effnet.runtimes import engine_names
    from edge_effnet.runtimes.targets import target_schemes

    named: list[tuple[str, tuple[str | int, ...], str, Iterable[str]]] = [
        ("io", ("io",), config.io, IO_TYPES),
        *(("model", ("models", at, "id"), model.id, MODEL_IDS) for at, model in enumerate(config.models)),
        *(("precision", ("precisions", at), name, PRECISIONS) for at, name in enumerate(config.precisions)),
        *(("recipe", ("recipes", at), name, (*RECIPES, QAT)) for at, name in enumerate(config.recipes)),
        *(("engine", ("engines", at), name, engine_names()) for at, name in enumerate(config.engines)),
    ]
    named += [  # what follows the scheme is judged by the job that reaches for it, without harm to the others
        ("target", ("targets", at), name.partition(":")[0], target_schemes())
        for at, name in enumerate(config.targets)
    ]
    for kind, location, value, allowed in named:
        if value not in allowed:
            raise UnknownNameError(f"{kind} at {source.place(location)}", value, allowed)
    _check_whole(config, source)


def _check_whole(config: RunConfig, source: _Source) -> None:
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


def _resolved(config: RunConfig, source: _Source) -> RunConfig:
    """Fill in what follows from the rest: absolute paths, names, stages, the run folder."""
    from edge_effnet.calibrate import list_set_ids

    folder = source.path.resolve().parent

    def absolute(text: str, names: Sequence[str] = ()) -> str:
        return text if text in names else str((folder / Path(text).expanduser()).resolve())

    def reachable(target: str) -> str:
        scheme, _, rest = target.partition(":")
        # Not resolved: an environment's interpreter is a link, and its name is what makes it that environment's.
        return f"python:{(folder / Path(rest).expanduser()).absolute()}" if scheme == "python" else target

    sets = list_set_ids()
    data, qat, pictures = config.data, config.qat, config.verify.data
    stages = config.stages or [stage for stage in STAGES if stage != "eval" or data is not None]
    return config.model_copy(
        update={
            "models": [
                model.model_copy(
                    update={
                        "name": model.name or model.id,
                        "weights": absolute(model.weights, _NAMED_WEIGHTS),
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
            "targets": [reachable(target) for target in config.targets],
            "stages": sorted(stages, key=STAGES.index),
            "output": absolute(config.output or f"runs/{source.path.stem}"),
        }
    )
