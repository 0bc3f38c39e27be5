"""What a .tflite file's contract says that a verification needs; a damaged contract is never taken for none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.convert.contract import CONTRACT_NAME, factors_from_record
from edge_effnet.errors import DataError
from edge_effnet.images import RECORD_SCHEMA, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edge_effnet.inspect import Model

__all__ = ["Terms", "read_terms"]


@dataclass(frozen=True)
class Terms:
    """A contract; every property raises `DataError` where its part cannot be understood.

    Attributes:
        path: The model's file, for errors and notes.
        record: The contract, empty where there is none.
    """

    path: Path
    record: Mapping[str, Any]

    @property
    def random_weights(self) -> bool:
        """Whether the weights mean nothing."""
        return bool(self._part("weights").get("kind") == "random")

    @property
    def calibration_files(self) -> frozenset[str]:
        """The sha256 of every picture that was calibrated on, where listed."""
        files = self._part("calibration").get("files_sha256") or []
        if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
            raise DataError("the contract's calibration files are not a list of hashes", got=self.path)
        return frozenset(files)

    def preprocessing(self, side_px: int) -> tuple[Preprocessing, tuple[str, ...]]:
        """Return how pictures become an input of this side, and what had to be assumed."""
        record = self._part("preprocessing")
        if not record:
            assumed = Preprocessing(side_px)
            return assumed, (f"{self.path} carries no preprocessing contract: assumed {assumed.id}",)
        found = Preprocessing.from_record({"schema": RECORD_SCHEMA, **record})
        if found.resolution_px != side_px:
            got = f"{found.resolution_px} px in the contract, {side_px} px in {self.path}"
            raise DataError("the contract and the model's input disagree", got=got)
        return found, ()

    def factors(self, model: Model) -> dict[str, npt.NDArray[np.float32]]:
        """Return the channel factors: tensor -> what makes its channels comparable with the float network's."""
        channels = {tensor.name: tensor.shape[-1] for tensor in model.main.tensors if tensor.shape}
        factors = factors_from_record(self._part("channel_factors"))
        wrong = [name for name, values in factors.items() if values.shape != (channels.get(name),)]
        if wrong:
            got = f"{self.path}: {wrong[0]}"
            raise DataError("the contract's channel factors do not fit the model", got=got)
        return factors

    def _part(self, key: str) -> dict[str, Any]:
        part = self.record.get(key) or {}
        if not isinstance(part, dict):
            raise DataError(f"the contract's {key!r} is not an object", got=self.path)
        return part


def read_terms(path: Path, model: Model) -> Terms:
    """Return the contract inside a file, else the one beside it that bears its name, else an empty one.

    Raises:
        DataError: There is one, and it is not a JSON object.
    """
    beside = path.with_suffix(".contract.json")
    text = model.metadata.get(CONTRACT_NAME) or (beside.read_bytes() if beside.is_file() else b"{}")
    try:
        record = json.loads(text)
    except ValueError as error:
        raise DataError(f"the contract is not JSON: {error}", got=path) from error
    if not isinstance(record, dict):
        raise DataError("the contract is not a JSON object", got=path)
    return Terms(path, record)
