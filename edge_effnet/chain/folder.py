"""The run folder: everything that one configuration has led to.

::

    RUN/
      config.yaml       the resolved configuration
      ledger.jsonl      what is done, and the hash of everything that it left
      run.json          what became of every job the last time
      models/NAME/      a model with its contract
      records/JOB.json  what a job printed with --json
      logs/JOB.log      what it said on stderr
      report/           the report
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import write_bytes
from edge_effnet.config import dump_config, load_yaml
from edge_effnet.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from edge_effnet.chain.jobs import Job
    from edge_effnet.config import RunConfig

__all__ = ["RunFolder"]

_CONFIG: Final = "config.yaml"
_LOCK: Final = ".lock"


class RunFolder:
    """A run folder that this process alone works in, see `opened`.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def check(cls, path: Path, config: RunConfig, *, force: bool) -> None:
        """Refuse, before any work, a folder that is about something else.

        Raises:
            UsageError: It is a file, holds what no run has left, or holds a run of another configuration.
        """
        if path.exists() and not path.is_dir():
            raise UsageError("the run folder is a file", got=path, hint="choose another -o")
        if not path.is_dir() or not any(path.iterdir()):
            return
        known = path / _CONFIG
        if not known.is_file():
            raise UsageError(
                "the run folder holds something else", got=path, hint="choose another -o, or empty it"
            )
        changed = _changes(known, config)
        if changed and not force:
            raise UsageError(
                "the run folder holds a run of another configuration",
                got=f"{path}: {', '.join(changed)} changed",
                hint="choose another -o; --force goes on here, and keeps every result that is still right",
            )

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path, config: RunConfig) -> Iterator[RunFolder]:
        """Make the folder, keep every other run out of it, and write the configuration into it.

        Raises:
            UsageError: Another run is at work in it.
            EnvironmentFault: It cannot be made or written.
        """
        try:
            for name in ("records", "logs", "models"):
                (path / name).mkdir(parents=True, exist_ok=True)
            stream = (path / _LOCK).open("w")
        except OSError as error:
            raise EnvironmentFault(
                f"the run folder cannot be made: {error.strerror}", got=path, hint="choose another -o"
            ) from error
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UsageError(
                    "another run is at work in this folder", got=path, hint="wait for it"
                ) from error
            folder = cls(path)
            folder._sweep()
            write_bytes(path / _CONFIG, dump_config(config).encode(), force=True)
            yield folder

    def prepare(self, job: Job) -> None:
        """Make the folders that a job writes into."""
        try:
            for name in (*job.outputs, job.record, job.log):
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFault(f"cannot make a folder: {error.strerror}", got=error.filename) from error

    def _sweep(self) -> None:
        """Remove what a killed job had half written; nobody else is at work here."""
        for half in self.path.rglob(".*.part"):
            if half.is_dir():
                shutil.rmtree(half, ignore_errors=True)
            else:
                half.unlink(missing_ok=True)


def _changes(known: Path, config: RunConfig) -> list[str]:
    """Return the keys in which the folder's configuration differs; where the folder lies does not count."""
    try:
        before: Any = load_yaml(known)
    except UsageError:
        return [f"{known.name} is damaged, so anything may have"]
    now = config.model_dump(mode="json")
    return [
        key
        for key in now
        if key != "output" and (not isinstance(before, dict) or before.get(key) != now[key])
    ]
