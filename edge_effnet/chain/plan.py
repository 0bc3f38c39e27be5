"""From a configuration to jobs: models x precisions and recipes, each through the stages, each on every target."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.chain.jobs import Gathered, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_effnet.config import Model, RunConfig

__all__ = ["plan_jobs"]

_FLOAT: Final = "float32"
_INTEGER: Final = "w8a8"
_TRAINED: Final = "qat"
_PROFILED: Final = ("xnnpack", "builtin", "reference")
"""Engines that tell what each operator took."""

_UNPROFILED: Final = ("adb",)
"""Schemes of targets whose profile comes with their benchmark."""


@dataclass(frozen=True)
class _Variant:
    """One file that a run makes.

    Attributes:
        model: The network.
        precision: As in ``convert --precision``.
        recipe: How a w8a8 file is quantised; None for the others.
    """

    model: Model
    precision: str
    recipe: str | None = None

    @property
    def name(self) -> str:
        return "_".join(word for word in (self.model.name, self.precision, self.recipe) if word)

    @property
    def path(self) -> str:
        return f"models/{self.name}/{self.name}.tflite"

    @property
    def files(self) -> tuple[str, ...]:
        """The file and its contract."""
        return (self.path, str(Path(self.path).with_suffix(".contract.json")))

    @property
    def maker(self) -> str:
        """Id of the job that makes it."""
        return f"{'qat' if self.recipe == _TRAINED else 'convert'}.{self.name}"

    @property
    def float_twin(self) -> _Variant:
        """The float file of the same network, which it is compared with."""
        return _Variant(self.model, _FLOAT)


def plan_jobs(config: RunConfig) -> list[Job]:
    """Return the jobs of a resolved configuration, each behind those that it needs."""
    asked = [
        variant
        for model in config.models
        for precision in config.precisions
        for variant in (
            [_Variant(model, precision, recipe) for recipe in config.recipes]
            if precision == _INTEGER
            else [_Variant(model, precision)]
        )
    ]
    twins = (
        dict.fromkeys(variant.float_twin for variant in asked)
        if {"verify", "eval"} & {*_stages(config)}
        else {}
    )
    made = dict.fromkeys((*twins, *asked))
    jobs = [_make(config, variant) for variant in made]
    for stage in _stages(config):
        if stage in _STAGES:
            jobs += _STAGES[stage](config, asked)
    if "report" in _stages(config):
        jobs.append(_report(config, jobs))
    return jobs


def _stages(config: RunConfig) -> list[str]:
    return [str(stage) for stage in config.stages or ()]


def _options(**values: object) -> list[str]:
    """Return ``--name value`` for each value that is not None; each item of a list becomes an option of its own."""
    pairs = [
        (name, item)
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return [
        word
        for name, item in pairs
        if item is not None
        for word in (f"--{name.replace('_', '-')}", str(item))
    ]


def _paths(*words: str | None) -> tuple[str, ...]:
    """Return those words that are absolute paths: set ids and named weights are not."""
    return tuple(dict.fromkeys(word for word in words if word is not None and Path(word).is_absolute()))


def _make(config: RunConfig, variant: _Variant) -> Job:
    """Return the job that makes a variant's file: a conversion or a training."""
    model, integer, calibration = variant.model, variant.precision == _INTEGER, config.calibration
    words = [
        *_options(model=model.id, weights=model.weights, seed=config.seed, resolution=model.resolution),
        *_options(num_classes=model.num_classes, activation=model.activation),
    ]
    inputs: list[str | None] = [model.weights]
    if integer:
        words += _options(io=config.io, calibration=calibration.data, calibration_samples=calibration.samples)
        inputs.append(calibration.data)
    if variant.recipe == _TRAINED and config.qat is not None:
        words += _options(data=config.qat.data, steps=config.qat.steps)
        inputs.append(config.qat.data)
    else:
        words += _options(precision=variant.precision, recipe=variant.recipe)
    return Job(
        variant.maker,
        variant.maker.partition(".")[0],
        (*words, "-o", variant.path, "--force"),
        _paths(*inputs),
        variant.files,
    )


def _inspect(config: RunConfig, asked: list[_Variant]) -> Iterator[Job]:
    """An audit; only a full-integer file is held to be one."""
    del config
    for variant in asked:
        gate = [] if variant.precision == _INTEGER else ["--no-gate"]
        words = (variant.path, *gate)
        yield Job(f"inspect.{variant.name}", "inspect", words, variant.files, needs=(variant.maker,))


def _verify(config: RunConfig, asked: list[_Variant]) -> Iterator[Job]:
    """A comparison of each int8 file with its float twin."""
    pictures = config.verify.data or (config.data.path if config.data else "synthetic-v1")
    options = _options(data=pictures, limit=config.verify.limit, seed=config.seed)
    options += ["--sensitivity"] * config.verify.sensitivity
    for variant in asked:
        if variant.precision == _INTEGER:
            yield _compare("verify", (variant.float_twin, variant), options, _paths(pictures))


def _eval(config: RunConfig, asked: list[_Variant]) -> Iterator[Job]:
    """Accuracy, beside the float twin's on the same pictures."""
    if config.data is None:
        return
    options = _options(data=config.data.path, labels=config.data.labels, limit=config.data.limit)
    for variant in asked:
        pair = dict.fromkeys((variant.float_twin, variant))  # one, where float is what was asked for
        yield _compare("eval", tuple(pair), options, _paths(config.data.path, config.data.labels))


def _compare(verb: str, variants: tuple[_Variant, ...], options: list[str], pictures: tuple[str, ...]) -> Job:
    return Job(
        f"{verb}.{variants[-1].name}",
        verb,
        (*(variant.path for variant in variants), *options),
        (*(file for variant in variants for file in variant.files), *pictures),
        needs=tuple(variant.maker for variant in variants),
    )


def _bench(config: RunConfig, asked: list[_Variant]) -> Iterator[Job]:
    """Latency of all variants of a model in turns, on each target with each number of threads."""
    plan = _options(
        min_seconds=config.bench.min_seconds, min_runs=config.bench.min_runs, cpus=config.bench.cpus
    )
    for model, target, threads in itertools.product(config.models, config.targets, config.threads):
        yield Job(
            f"bench.{model.name}.{_slug(target)}.t{threads}",
            "bench",
            (*_options(engine=config.engines, target=target, threads=threads), *plan),
            gathers=tuple(
                Gathered(variant.maker, (variant.path,), variant.files)
                for variant in asked
                if variant.model == model
            ),
            is_timed=True,
        )


def _profile(config: RunConfig, asked: list[_Variant]) -> Iterator[Job]:
    """Time per operator on each target that can tell, with the first engine that can and the first number of threads."""
    plan = _options(min_seconds=config.bench.min_seconds, cpus=config.bench.cpus, threads=config.threads[0])
    engine = next((name for name in config.engines if name in _PROFILED), _PROFILED[0])
    for variant, target in itertools.product(asked, config.targets):
        if target.partition(":")[0] not in _UNPROFILED:
            yield Job(
                f"profile.{variant.name}.{_slug(target)}",
                "profile",
                (variant.path, *_options(engine=engine, target=target), *plan),
                variant.files,
                needs=(variant.maker,),
                is_timed=True,
            )


_STAGES: Final[dict[str, Callable[[RunConfig, list[_Variant]], Iterator[Job]]]] = {
    "inspect": _inspect,
    "verify": _verify,
    "eval": _eval,
    "bench": _bench,
    "profile": _profile,
}
"""Stage -> the jobs that it has for all variants; a report comes behind them."""


def _report(config: RunConfig, jobs: list[Job]) -> Job:
    """Return the report on every record that is there when all else has ended."""
    words = ("-o", "report", *_options(fail_if=list(config.fail_if)), "--force")
    files = ("report/report.html", "report/report.json", "report/report.csv", "report/MODEL_CARD.md")
    return Job(
        "report",
        "report",
        words,
        outputs=files,
        gathers=tuple(Gathered(job.id, (job.record,), (job.record,)) for job in jobs),
    )


def _slug(target: str) -> str:
    """Return a target's name as a file name; two targets never share one."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", target)
    return plain if plain == target else f"{plain}-{sha256_of_bytes(target.encode())[:8]}"
