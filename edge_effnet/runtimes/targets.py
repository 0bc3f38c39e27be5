"""Targets by name: where a model runs. ``scheme`` or ``scheme:rest``, each scheme a row of `TARGETS`."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, cast, runtime_checkable

from edge_effnet.errors import EdgeEffnetError, UnknownNameError, UsageError
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.connection import WORKER, Connection
from edge_effnet.runtimes.registry import Registry
from edge_effnet.runtimes.tflite_env import tflite_python

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_effnet.runtimes.base import Probe
    from edge_effnet.runtimes.connection import RemoteModel
    from edge_effnet.runtimes.tool_run import ToolJob, ToolMeasurement

__all__ = [
    "TARGETS",
    "BenchRequest",
    "CountingTarget",
    "LocalTarget",
    "Target",
    "Timing",
    "ToolTarget",
    "WorkerTarget",
    "target",
    "target_schemes",
]

Timing: TypeAlias = Literal["measured", "modelled", "none"]

TARGETS: dict[str, str] = {
    "local": "edge_effnet.runtimes.targets:local",
    "python": "edge_effnet.runtimes.targets:python",
    "ssh": "edge_effnet.runtimes.ssh:ssh",
    "adb": "edge_effnet.runtimes.adb_target:adb",
    "arm64": "edge_effnet.runtimes.arm64.target:arm64",
}
"""Scheme -> ``module:attr`` of a function that makes a `Target` from the whole name."""

GROUP: Final = "edge_effnet.targets"
"""Entry-point group in which another package names its targets."""


class Target(Protocol):
    """A place where models run."""

    @property
    def name(self) -> str:
        """The name that the command line and records use."""

    @property
    def timing(self) -> Timing:
        """What its times are: an emulator has none."""

    def probe(self) -> Probe:
        """Say whether it can be reached; never raises."""


class WorkerTarget(Target, Protocol):
    """A place where the worker can be started."""

    def connect(self, engine: str = "xnnpack") -> Connection:
        """Start a worker there, one that can run the engine if that needs an environment of its own.

        Raises:
            EnvironmentFault: It cannot be started.
        """


class CountingTarget(WorkerTarget, Protocol):
    """A place that has no times, where instructions are counted instead."""

    def count_instructions(self, model: RemoteModel, *, threads: int = 1) -> tuple[int, int]:
        """Count the instructions of one inference of a model that a worker of this target has loaded.

        Returns:
            The fewest of several runs, and how many more the dearest had: 0 for an exact count.

        Raises:
            UsageError: More than one thread.
            EnvironmentFault: Counting is missing here.
        """


@dataclass(frozen=True)
class BenchRequest:
    """What a target that measures by itself is asked for.

    Attributes:
        threads: Threads inside one inference.
        min_seconds: Measured time, at least.
        min_runs: Measured inferences, at least.
        cpus: Cores to stay on; empty for the target's own choice.
        timeout_s: How long one program there may take beyond that.
    """

    threads: int
    min_seconds: float
    min_runs: int
    cpus: tuple[int, ...]
    timeout_s: float


@runtime_checkable
class ToolTarget(Target, Protocol):
    """A place that brings its own program to measure with, and no Python for the worker."""

    def measure(self, jobs: Sequence[ToolJob], request: BenchRequest) -> list[ToolMeasurement]:
        """Measure all jobs in turns.

        Returns:
            One measurement per job, in order; one that could not be measured says why.

        Raises:
            UsageError: Several devices and none named.
            EnvironmentFault: The device or the program is missing, or the device goes away: there is nothing.
        """


@dataclass(frozen=True)
class LocalTarget:
    """This machine, in a process of its own.

    Attributes:
        name: ``local``, or ``python:PATH``.
        interpreter: What runs the worker; None for this process's own.
    """

    name: str = "local"
    interpreter: str | None = None
    timing: Timing = "measured"

    def probe(self) -> Probe:
        """Start a worker and ask who it is."""
        try:
            with closing(self.connect()) as connection:
                return Available(f"Python {connection.hello['python']}")
        except EdgeEffnetError as error:
            return Missing(
                error.message, error.hint or "give the path of a Python with numpy and ai-edge-litert"
            )

    def connect(self, engine: str = "xnnpack") -> Connection:
        """Start a worker; see `WorkerTarget.connect`."""
        own = tflite_python() if engine == "tflite-runtime" else None
        interpreter = self.interpreter or own or sys.executable
        return Connection([interpreter, str(WORKER)], where=self.name, hint=f"does {interpreter} have numpy?")


def local(name: str) -> LocalTarget:
    """Return this machine as a target.

    Raises:
        UsageError: Something follows the word ``local``.
    """
    if name != "local":
        raise UsageError("local takes no address", got=name, allowed="local")
    return LocalTarget()


def python(name: str) -> LocalTarget:
    """Return another Python environment of this machine, ``python:PATH``.

    Raises:
        UsageError: There is no such program.
    """
    path = Path(name.partition(":")[2]).expanduser()
    path = path / "bin" / "python" if path.is_dir() else path
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise UsageError(
            "no Python interpreter at this path",
            got=name,
            allowed="python:PATH of an interpreter or environment",
        )
    # Not resolved: an environment's interpreter is a link, and its name is what makes it that environment's.
    return LocalTarget(name, str(path.absolute()))


def _registry() -> Registry:
    return Registry.with_entry_points(TARGETS, GROUP)


def target_schemes() -> tuple[str, ...]:
    """Return every scheme, in the order of registration."""
    return _registry().names()


def target(name: str) -> Target:
    """Return the target of that name, without reaching for it.

    Raises:
        UnknownNameError: There is no such scheme.
        UsageError: The rest of the name is not understood.
        EnvironmentFault: The package that provides it is broken.
    """
    scheme = name.partition(":")[0]
    targets = _registry()
    if scheme not in targets.places:
        raise UnknownNameError("target", name, targets.places)
    return cast("Target", targets.load_object(scheme)(name))
