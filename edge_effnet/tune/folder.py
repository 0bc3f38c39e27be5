"""The run folder: one sub-folder per rung with its model and record, so that an interrupted climb goes on.

::

    b0.tune/
      run.json            what the climb is about: model, weights, pictures, version
      float.npz           logits of the float network on the labelled pictures
      ptq/model.tflite    a rung's model, with its contract beside it
      ptq/rung.json       what was found about it, and the key of what it was made from
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes, sha256_of_file, write_json
from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.tune.rungs import RUNG_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RunFolder", "key_of"]

_RUN: Final = "run.json"
_RUNG: Final = "rung.json"
_BEGUN: Final = "begun.json"
_MODEL: Final = "model.tflite"
_FLOAT: Final = "float.npz"


def key_of(*parts: Mapping[str, Any]) -> str:
    """Return the fingerprint of records; the order of their keys does not matter."""
    return sha256_of_bytes(json.dumps(parts, sort_keys=True).encode())


@dataclass(frozen=True)
class RunFolder:
    """A folder of rungs.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def float_logits(self) -> Path:
        """Where the float network's logits are kept."""
        return self.path / _FLOAT

    def model(self, rung: str) -> Path:
        """Where a rung's model is."""
        return self.path / rung / _MODEL

    def check(self, *, resume: bool, force: bool) -> None:
        """Refuse a folder that is there, before any work, unless it is to be continued or replaced.

        Raises:
            UsageError: It is no folder, holds something that no climb left, or holds a climb.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError("the run folder is a file", got=self.path, hint="choose another -o")
        if not self.path.is_dir() or not any(self.path.iterdir()):
            return
        if not (self.path / _RUN).is_file():
            raise UsageError(
                "the run folder holds something else", got=self.path, hint="choose another -o, or empty it"
            )
        if not resume and not force:
            hint = "--resume goes on with it, --force starts anew"
            raise UsageError("a climb was begun here", got=self.path, hint=hint)

    def open(self, inputs: Mapping[str, Any], *, force: bool) -> None:
        """Begin, or go on with a climb of the same inputs.

        Args:
            inputs: Everything that all rungs depend on, by name.
            force: Forget what is there.

        Raises:
            DataError: The climb that is there was about something else.
            EnvironmentFault: The folder cannot be made.
        """
        if force:
            self._clear()
        known = self._read(self.path / _RUN)
        if known is not None:
            _require_same(known, inputs, self.path)
            return
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise EnvironmentFault(
                f"the run folder cannot be made: {error.strerror}", got=self.path
            ) from error
        write_json(self.path / _RUN, dict(inputs), force=True)

    def room(self, rung: str, key: str) -> Path:
        """Make the sub-folder of a rung, and return where its model goes.

        What an interrupted attempt at the same has left stays, for a training to go on from; anything else is removed.
        """
        place = self.path / rung
        begun = self._read(place / _BEGUN)
        if begun is None or begun.get("key") != key:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            write_json(place / _BEGUN, {"key": key})
        return self.model(rung)

    def load(self, rung: str, key: str) -> dict[str, Any] | None:
        """Return what is known of a rung, None where it was not made yet, or from something else, or was changed."""
        record, model = self._read(self.path / rung / _RUNG), self.model(rung)
        if record is None or record.get("key") != key or not model.is_file():
            return None
        return record if sha256_of_file(model) == record["sha256"] else None

    def save(self, rung: str, key: str, record: Mapping[str, Any]) -> None:
        """Keep what was found about a rung; it counts as made from now on."""
        write_json(self.path / rung / _RUNG, {**record, "key": key}, force=True)

    def made(self, sha256: str) -> bool:
        """Say whether a file of this hash is the model of a rung in this folder."""
        return any(
            self.model(rung).is_file() and sha256_of_file(self.model(rung)) == sha256 for rung in RUNG_NAMES
        )

    def _clear(self) -> None:
        """Remove what a climb leaves, and nothing else."""
        for rung in RUNG_NAMES:
            shutil.rmtree(self.path / rung, ignore_errors=True)
        for name in (_FLOAT, _RUN):
            (self.path / name).unlink(missing_ok=True)

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(
                f"the record is not JSON: {error}", got=path, hint="--force starts anew"
            ) from error
        return record if isinstance(record, dict) else None


def _require_same(known: Mapping[str, Any], inputs: Mapping[str, Any], path: Path) -> None:
    changed = [name for name in inputs if known.get(name) != inputs[name]]
    if changed:
        raise DataError(
            "the climb that was begun here is about something else",
            got=f"{path}: {', '.join(f'{name} was {known.get(name)}, is {inputs[name]}' for name in changed)}",
            hint="give the same inputs as then, choose another -o, or start anew with --force",
        )
