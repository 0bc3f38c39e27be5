"""The folder of a training run: its checkpoint, its best epoch, its history and its curves, each written whole.

``run.json`` says what the run is (its fingerprint); ``state.npz`` is the last good checkpoint, ``best.npz`` that of the
best epoch; ``history.jsonl``, ``curves.svg`` and ``tensorboard/`` are for people and follow from the checkpoint.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_effnet.artifacts import atomic_output, write_bytes, write_json
from edge_effnet.errors import DataError, UsageError
from edge_effnet.train.records import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[Any]]

__all__ = ["RunFolder"]

SCHEMA_VERSION: Final = 1

_PROGRESS = "progress"
_STATE = "state/"
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)
_ABSENT = "nothing"


@dataclass(frozen=True)
class RunFolder:
    """Where a run is kept.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def state(self) -> Path:
        """The last good checkpoint."""
        return self.path / "state.npz"

    @property
    def best(self) -> Path:
        """The checkpoint of the best epoch."""
        return self.path / "best.npz"

    @property
    def description(self) -> Path:
        """What the run is."""
        return self.path / "run.json"

    @property
    def history(self) -> Path:
        """One JSON object per epoch."""
        return self.path / "history.jsonl"

    @property
    def curves(self) -> Path:
        """Plot of the history."""
        return self.path / "curves.svg"

    @property
    def events(self) -> Path:
        """TensorBoard scalars."""
        return self.path / "tensorboard"

    @property
    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        return self.description.exists() or self.state.exists()

    def begin(self, fingerprint: Mapping[str, Any], *, force: bool) -> None:
        """Make the folder ready for a new run.

        Raises:
            UsageError: A run was begun here and ``force`` is false, or the path is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError("the run folder is a file", got=self.path, hint="give another folder")
        if self.holds_run and not force:
            raise UsageError(
                "the run folder holds a run already", got=self.path,
                hint="--resume goes on with it, --force begins anew",
            )  # fmt: skip
        for path in (self.state, self.best, self.history, self.curves):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.events, ignore_errors=True)
        self.path.mkdir(parents=True, exist_ok=True)
        record = {"schema_version": SCHEMA_VERSION, "fingerprint": fingerprint}
        write_json(self.description, record, force=True)

    def check(self, fingerprint: Mapping[str, Any]) -> None:
        """Hold the run that was begun here against the one that is to go on.

        Raises:
            DataError: They differ; the error names in what.
        """
        try:
            begun = json.loads(self.description.read_text(encoding="utf-8"))["fingerprint"]
            items = dict(begun).keys()
        except (*_DAMAGE, AttributeError) as error:
            raise DataError(
                f"the run's description cannot be read: {error}",
                got=self.description,
                hint="--force begins anew",
            ) from error
        asked = json.loads(json.dumps(fingerprint))
        names = [name for name in sorted(items | asked.keys()) if begun.get(name) != asked.get(name)]
        if names:
            raise DataError(
                f"the run in this folder is another one: {', '.join(names)} differ"
                + ("s" if len(names) == 1 else ""),
                got="; ".join(f"{name} {_short(asked.get(name, _ABSENT))}" for name in names),
                allowed="; ".join(f"{name} {_short(begun.get(name, _ABSENT))}" for name in names),
                hint=f"the same data and options as before, or --force to begin anew in {self.path}",
            )

    def save(self, progress: Progress, state: Arrays) -> None:
        """Write a checkpoint over the one before it."""
        arrays: dict[str, Any] = {_PROGRESS: np.array(json.dumps(progress.to_record()))}
        arrays |= {f"{_STATE}{name}": value for name, value in state.items()}
        with atomic_output(self.state, force=True) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)

    def keep_best(self) -> None:
        """Keep the last checkpoint as the best one."""
        with atomic_output(self.best, force=True) as temporary:
            shutil.copyfile(self.state, temporary)

    def load(self) -> tuple[Progress, dict[str, npt.NDArray[Any]]]:
        """Read the last checkpoint.

        Raises:
            DataError: It is missing or damaged.
        """
        return _read(self.state)

    def load_best(self) -> dict[str, npt.NDArray[Any]]:
        """Read the state of the best epoch; of the last one where none was marked.

        Raises:
            DataError: It is missing or damaged.
        """
        return _read(self.best if self.best.exists() else self.state)[1]

    def write_history(self, progress: Progress) -> None:
        """Write one line of JSON per epoch."""
        text = "".join(json.dumps(record) + "\n" for record in progress.history)
        write_bytes(self.history, text.encode(), force=True)


def _read(path: Path) -> tuple[Progress, dict[str, npt.NDArray[Any]]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            progress = Progress.from_record(json.loads(str(archive[_PROGRESS])))
            names = [name for name in archive.files if name.startswith(_STATE)]
            return progress, {name.removeprefix(_STATE): archive[name] for name in names}
    except _DAMAGE as error:
        raise DataError(
            f"the checkpoint cannot be read: {error}", got=path, hint="--force begins anew"
        ) from error


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
