"""Every key of a configuration, with its type, default and meaning."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["NAMED_WEIGHTS", "QAT", "STAGES", "Model", "RunConfig", "config_schema", "dump_config"]

STAGES: Final = ("convert", "inspect", "verify", "eval", "bench", "profile", "report")
"""What a run can do, in order."""

QAT: Final = "qat"
"""The recipe that trains; all others are those of `edge-effnet convert`."""

NAMED_WEIGHTS: Final = ("imagenet", "random")
"""Weights that are no file."""

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
    sensitivity: bool = Field(
        default=False, description="What each block costs, as in `verify --sensitivity`."
    )


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


def dump_config(config: RunConfig) -> str:
    """Return a configuration as YAML that `read_config` reads back to the same."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


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
