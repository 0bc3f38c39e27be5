"""What a .tflite says about itself: preprocessing, labels, where weights and calibration came from."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError
from edge_effnet.inspect.declared import CONTRACT_NAME
from edge_effnet.preprocessing import RECORD_SCHEMA, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Explain", "ModelContract", "find_contract", "labels_from_archive", "preprocessing_of_model"]

_SIDECAR = "contract.json"
_EXPLAIN_METHOD = "cam"
_MAX_LABELS_BYTES = 4 << 20  # 1,000 ImageNet names are 30 kB; a bomb in the archive is not unpacked


@dataclass(frozen=True)
class Explain:
    """Where a model has what class activation maps are made of; see `edge_effnet.activation_map`.

    Attributes:
        features_output: Which of its outputs is the last feature map.
        weights: Name of the constant with the classifier's weights.
    """

    features_output: int
    weights: str


@dataclass(frozen=True)
class ModelContract:
    """The part of a contract that whoever runs the model needs.

    Attributes:
        origin: Where it was found.
        preprocessing: How a picture becomes the input; None if the contract does not say.
        labels: Class names in the order of the outputs.
        weights_kind: ``random``, or anything else.
        calibration_id: Id of the calibration set.
        calibration_files: sha256 of each picture that was calibrated or trained on; empty if not listed.
        explain: What class activation maps are made of; None if the model was exported without.
    """

    origin: str
    preprocessing: Preprocessing | None = None
    labels: tuple[str, ...] | None = None
    weights_kind: str | None = None
    calibration_id: str | None = None
    calibration_files: frozenset[str] = frozenset()
    explain: Explain | None = None

    @property
    def has_random_weights(self) -> bool:
        """Whether an accuracy of this model would mean nothing."""
        return self.weights_kind == "random"

    @property
    def is_calibrated_on_synthetic(self) -> bool:
        """Whether the ranges were found on rendered pictures."""
        return (self.calibration_id or "").startswith("synthetic")


def find_contract(path: Path, content: bytes, metadata: Mapping[str, bytes]) -> ModelContract | None:
    """Return the contract inside a model, else the one beside it, else None.

    Beside it means ``MODEL.contract.json``, or a ``contract.json`` that has this model's sha256: a folder may hold
    several models, and another model's preprocessing would give a wrong accuracy without a word.

    Raises:
        DataError: A contract is there and cannot be understood.
    """
    if CONTRACT_NAME in metadata:
        return _parsed(metadata[CONTRACT_NAME], f"the metadata of {path}")
    own, shared = path.with_suffix(f".{_SIDECAR}"), path.with_name(_SIDECAR)
    if own.is_file():
        return _parsed(own.read_bytes(), str(own))
    if shared.is_file() and sha256_of_bytes(content).encode() in (text := shared.read_bytes()):
        return _parsed(text, str(shared))
    return None


def _parsed(text: bytes, origin: str) -> ModelContract:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the contract is not JSON: {error}", got=origin) from error
    if not isinstance(record, dict):
        raise DataError("the contract is not a JSON object", got=origin)
    weights, calibration = _part(record, "weights", origin), _part(record, "calibration", origin)
    preprocessing = _part(record, "preprocessing", origin)
    labels = record.get("labels")
    return ModelContract(
        origin,
        Preprocessing.from_record({"schema": RECORD_SCHEMA, **preprocessing}) if preprocessing else None,
        None if not labels else _strings(labels, "labels", origin),
        _weights_kind(weights),
        calibration.get("id"),
        frozenset(_files(record, "calibration", origin)) | frozenset(_files(record, "training", origin)),
        _explain(_part(record, "explain", origin), origin),
    )


def _explain(part: Mapping[str, Any], origin: str) -> Explain | None:
    """Read what `convert --with-features` wrote; a method of another version is not guessed at."""
    if not part or part.get("method") != _EXPLAIN_METHOD:
        return None
    output, weights = part.get("features_output"), part.get("weights")
    if type(output) is not int or output < 1 or not isinstance(weights, str):
        raise DataError("the contract's 'explain' is unusable", got=f"{dict(part)} in {origin}")
    return Explain(output, weights)


def _files(record: Mapping[str, Any], key: str, origin: str) -> tuple[str, ...]:
    """Return the hashes of the pictures that a part of the contract lists."""
    return _strings(_part(record, key, origin).get("files_sha256") or [], f"{key}.files_sha256", origin)


def _weights_kind(weights: Mapping[str, Any]) -> str | None:
    """Return ``random`` if kind or source say so (a source may add its seed), else the kind."""
    is_random = str(weights.get("source", "")).partition(",")[0] == "random"
    return "random" if is_random else weights.get("kind")


def _part(record: Mapping[str, Any], key: str, origin: str) -> Mapping[str, Any]:
    part = record.get(key) or {}
    if not isinstance(part, dict):
        raise DataError(f"the contract's {key!r} is not an object", got=origin)
    return part


def _strings(value: Any, key: str, origin: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f"the contract's {key!r} is not a list of strings", got=origin)
    return tuple(value)


def labels_from_archive(content: bytes, outputs: int) -> tuple[str, ...] | None:
    """Return the class names that TFLite's own metadata keep in a zip archive at the end of the file.

    References:
        TensorFlow Lite metadata, "associated files": https://ai.google.dev/edge/litert/models/metadata

    Args:
        content: The whole .tflite file.
        outputs: Number of the model's outputs; a file with another number of lines is not its list of classes.

    Returns:
        None where there is no such archive or no such file in it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".txt") and entry.file_size <= _MAX_LABELS_BYTES:
                    with archive.open(entry) as stream:  # to the size that is claimed, however much is packed
                        lines = stream.read(entry.file_size + 1).decode().splitlines()
                    names = tuple(line.strip() for line in lines if line.strip())
                    if len(names) == outputs:
                        return names
    except (zipfile.BadZipFile, UnicodeDecodeError, OSError, ValueError, NotImplementedError, RuntimeError):
        return None  # what follows the flatbuffer is not an archive of ours: names are a convenience
    return None


def preprocessing_of_model(
    path: Path, shape: tuple[int, ...], dtype: str, contract: ModelContract | None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return how pictures become this model's input, and what had to be assumed.

    Args:
        path: The model, for messages.
        shape: Of its input, ``(1, height, width, 3)``.
        dtype: Of its input.
        contract: What it says about itself, if anything.

    Raises:
        DataError: The input is not square, or the contract says another size.
    """
    _, height_px, width_px, _ = shape
    if height_px != width_px:
        raise DataError("the model's input is not square", got=f"{path}: {height_px} x {width_px} px")
    if contract is not None and contract.preprocessing is not None:
        if contract.preprocessing.resolution_px != height_px:
            raise DataError(
                "the contract and the model's input disagree",
                got=f"{contract.preprocessing.resolution_px} px in {contract.origin}, {height_px} px in the model",
            )
        return contract.preprocessing, ()
    assumed = Preprocessing(height_px)
    pixels = "pixels 0..255 as floats" if dtype == "float32" else f"raw pixels as {dtype}"
    note = f"{path} carries no preprocessing contract: assumed {assumed.id} and {pixels}"
    return assumed, (note,)
