"""Where jobs run: this machine, or a Ray cluster. One row per executor."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from edge_effnet.chain.perform import COMMAND, Outcome, Programs, perform
from edge_effnet.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from edge_effnet.chain.jobs import Job

__all__ = ["EXECUTORS", "Executor", "LocalExecutor", "Site", "open_executor"]


@dataclass(frozen=True)
class Site:
    """What an executor works with.

    Attributes:
        folder: The run folder.
        jobs: How many jobs at once; None leaves it to the executor.
        timeout_s: Longest time that one job may take.
        address: Of a cluster; None starts one on this machine.
        command: What stands before a job's argv; None is this package.
    """

    folder: Path
    jobs: int | None = None
    timeout_s: float = 7200.0
    address: str | None = None
    command: Sequence[str] | None = None


class Executor(Protocol):
    """Runs jobs; `run` is called from as many threads as there are `slots`."""

    @property
    def slots(self) -> int:
        """How many jobs may be in hand at once."""

    def accepts(self, job: Job, running: Collection[Job]) -> bool:
        """Say whether a job may start beside those that run."""

    def run(self, job: Job, hashes: Mapping[str, str]) -> Outcome:
        """Run a job to its end; what it left lies in the run folder or in the outcome.

        Args:
            job: The job.
            hashes: Input -> fingerprint.
        """

    def stop(self) -> None:
        """End every job that runs; `run` returns soon after."""

    def close(self) -> None:
        """Give back what was opened."""


class LocalExecutor:
    """Jobs on this machine; one that measures time runs alone."""

    def __init__(self, site: Site) -> None:
        if site.address is not None:
            raise UsageError("--ray-address belongs to --executor ray", got=site.address)
        self._site = site
        self._programs = Programs()

    @property
    def slots(self) -> int:
        """How many jobs at once: one unless asked otherwise."""
        return self._site.jobs or 1

    def accepts(self, job: Job, running: Collection[Job]) -> bool:
        """A timed job waits for all others, and all others wait for it."""
        if job.is_timed:
            return not running
        return len(running) < self.slots and not any(other.is_timed for other in running)

    def run(self, job: Job, hashes: Mapping[str, str]) -> Outcome:
        """Run a job in the run folder."""
        del hashes
        folder, site = self._site.folder, self._site
        return perform(
            job.argv,
            folder,
            folder / job.log,
            timeout_s=site.timeout_s,
            command=site.command or COMMAND,
            programs=self._programs,
        )

    def stop(self) -> None:
        """End the programs that run."""
        self._programs.stop()

    def close(self) -> None:
        """Leave nothing running."""
        self._programs.stop()


EXECUTORS: Final = {
    "local": "edge_effnet.chain.executors:LocalExecutor",
    "ray": "edge_effnet.chain.cluster:RayExecutor",
}
"""Executor -> ``module:class``."""


def open_executor(name: str, site: Site) -> Executor:
    """Return an executor that is ready.

    Raises:
        UnknownNameError: There is none of that name.
        EnvironmentFault: What it needs is missing.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    module, attribute = EXECUTORS[name].split(":")
    return cast("Executor", getattr(importlib.import_module(module), attribute)(site))
