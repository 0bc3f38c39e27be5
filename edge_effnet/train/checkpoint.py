"""A training run on disk: one archive of arrays, written whole after every epoch."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.artifacts import atomic_output
from edge_effnet.errors import DataError
from edge_effnet.train.network import State

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.train.plan import Plan

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path, plan: Plan, state: State) -> None:
    """Write the state of a run over the one before it.

    Args:
        path: The file.
        plan: The run; a checkpoint is only good for the plan that it was made with.
        state: What to keep.
    """
    arrays: dict[str, Any] = {"plan": np.array(_text(plan)), "epochs": np.array(state.epochs)}
    arrays |= {f"weights/{index:04d}": value for index, value in enumerate(state.weights)}
    arrays |= {f"slots/{index:04d}": value for index, value in enumerate(state.slots)}
    with atomic_output(path, force=True) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def load_checkpoint(path: Path, plan: Plan) -> State:
    """Read what `save_checkpoint` wrote.

    Raises:
        DataError: The file is damaged, or was made with another plan.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        text, epochs = str(arrays.pop("plan")), int(arrays.pop("epochs"))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"the checkpoint cannot be read: {error}", got=path, hint="remove it and begin anew"
        ) from error
    if text != _text(plan):
        raise DataError(
            "the checkpoint is of another plan", got=path, hint="give another --checkpoint folder"
        )
    return State(epochs, _listed(arrays, "weights/"), _listed(arrays, "slots/"))


def _text(plan: Plan) -> str:
    return json.dumps(plan.to_record(), sort_keys=True)


def _listed(arrays: dict[str, Any], prefix: str) -> list[Any]:
    return [arrays[name] for name in sorted(arrays) if name.startswith(prefix)]
