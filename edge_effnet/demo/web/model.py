"""The model as a browser can run it: LiteRT.js has no int8 at its borders, so these become uint8, code by code.

References:
    @litertjs/core 2.5.3: tensors of float32, int32 and uint8; any other type is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet import __version__
from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.demo.web.shift import with_uint8_borders
from edge_effnet.errors import DataError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.declared import CONTRACT_NAME
from edge_effnet.model_contract import find_contract, labels_from_archive, preprocessing_of_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.inspect import Model, Tensor

__all__ = ["SCHEMA_VERSION", "ServedModel", "served_model"]

SCHEMA_VERSION: Final = 1
_INPUTS: Final = ("INT8", "UINT8", "FLOAT32")
_MAX_BYTES: Final = 512 << 20
_MAX_CLASSES: Final = 100_000
"""ImageNet-21k has 21,841; more is a damaged file, and would fill the browser's memory."""


@dataclass(frozen=True)
class ServedModel:
    """What the page gets.

    Attributes:
        path: The user's file.
        sha256: Of it.
        size_bytes: Of it.
        content: What the browser runs.
        model_type: Type of the file's input.
        served_type: Type of the input that is served.
        sidecar: The contract beside the file; it may hold more than the one inside, such as golden vectors.
        notes: What was changed or had to be assumed.
    """

    path: Path
    sha256: str
    size_bytes: int
    content: bytes
    model_type: str
    served_type: str
    sidecar: bytes | None
    notes: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Return ``/model.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.path.name,
            "sha256": self.sha256,
            "served_sha256": sha256_of_bytes(self.content),
            "size_bytes": self.size_bytes,
            "served_size_bytes": len(self.content),
            "io": {"model": self.model_type, "served": self.served_type},
            "notes": list(self.notes),
            "version": __version__,
            "sidecar": self.sidecar is not None,
        }


def served_model(path: Path) -> ServedModel:
    """Read a model and make of it what a browser can run.

    Args:
        path: A .tflite file.

    Raises:
        DataError: It is missing, damaged, no image classifier, of a type that browsers lack, or contradicts its contract.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > _MAX_BYTES:
            raise DataError(
                "the model is too large for a page", got=f"{size_bytes:,} bytes", allowed=f"{_MAX_BYTES:,}"
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the model cannot be read: {error.strerror}", got=path) from error
    model = read_model_bytes(content, source=str(path))
    pixels, scores = _checked(model, path)
    contract = find_contract(path, content, model.metadata)
    kind = pixels.type.lower()
    _, notes = preprocessing_of_model(path, pixels.shape, kind, contract)
    labels = (
        contract.labels if contract and contract.labels else labels_from_archive(content, scores.shape[-1])
    )
    if labels is None:
        notes += (f"{path} carries no labels: classes are shown by number",)
    elif len(labels) != scores.shape[-1]:
        raise DataError(
            "the labels do not fit the model", got=f"{len(labels)} labels, {scores.shape[-1]} outputs"
        )
    served = with_uint8_borders(content, source=str(path)) if _has_int8(model) else content
    if served is not content:
        notes += ("browsers have no int8 tensors: input and outputs are served as uint8, every code + 128",)
    sha256 = sha256_of_bytes(content)
    sidecar, more = _sidecar(path, sha256, has_own=CONTRACT_NAME in model.metadata)
    served_kind = "uint8" if kind == "int8" else kind
    notes = tuple(note.replace(str(path), path.name) for note in (*notes, *more))  # who reads them is anybody
    return ServedModel(path, sha256, size_bytes, served, kind, served_kind, sidecar, notes)


def _has_int8(model: Model) -> bool:
    return any(tensor.type == "INT8" for tensor in (*model.main.input_tensors, *model.main.output_tensors))


def _sidecar(path: Path, sha256: str, *, has_own: bool) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the contract beside a model, which may say more than the one inside, and why it is left out if it is.

    A model without a contract of its own takes the one of its name, as `find_contract` does; else it must be of this file.
    """
    for beside in (path.with_suffix(".contract.json"), path.with_name("contract.json")):
        if not beside.is_file():
            continue
        content = beside.read_bytes()
        if sha256.encode() in content or (not has_own and beside.stem == f"{path.stem}.contract"):
            return content, ()
        if beside.name != "contract.json":
            return None, (f"{beside.name} is of another model and is not used",)
    return None, ()


def _checked(model: Model, path: Path) -> tuple[Tensor, Tensor]:
    """Return input and first output of an image classifier."""
    inputs, outputs = model.main.input_tensors, model.main.output_tensors
    if len(inputs) != 1 or not outputs:
        raise DataError(
            "the model is no image classifier",
            got=f"{path}: {len(inputs)} inputs, {len(outputs)} outputs",
            allowed="one picture in, class scores out",
        )
    for tensor in (*inputs, *outputs):
        if tensor.is_dynamic:
            raise DataError(
                "the model has an open dimension, which LiteRT.js does not run",
                got=f"{tensor.name} {list(tensor.shape_signature or tensor.shape)}",
                hint="export it with a static batch of 1; `convert` does",
            )
        if tensor.type not in _INPUTS:
            raise DataError(
                "a type at the model's border is none that a browser takes",
                got=f"{tensor.name} {tensor.type.lower()}",
                allowed=", ".join(kind.lower() for kind in _INPUTS),
            )
    foreign = sorted({operator.name for operator in model.main.operators if operator.kind != "builtin"})
    if foreign:
        raise DataError(
            "the model has operators that no browser has",
            got=", ".join(foreign)[:200],
            allowed="TensorFlow Lite's own",
            hint="one that was compiled for the Edge TPU runs there only: give the file it was compiled from",
        )
    pixels, scores = inputs[0], outputs[0]
    if len(pixels.shape) != 4 or pixels.shape[0] != 1 or pixels.shape[3] != 3 or min(pixels.shape) < 1:
        raise DataError(
            "the model's input is not one RGB image",
            got=f"{pixels.name} {list(pixels.shape)}",
            allowed="[1, height, width, 3]",
        )
    _check_outputs(outputs)
    return pixels, scores


def _check_outputs(outputs: Sequence[Tensor]) -> None:
    """Refuse what is not a row of class scores, with or without a feature map behind it."""
    scores = outputs[0]
    if not scores.shape or scores.elements != scores.shape[-1] or scores.shape[-1] < 2:
        raise DataError(
            "the model's output is not one row of class scores",
            got=f"{scores.name} {list(scores.shape)}",
            allowed="[1, classes]",
        )
    if scores.shape[-1] > _MAX_CLASSES:
        raise DataError(
            "the model claims too many classes", got=scores.shape[-1], allowed=f"{_MAX_CLASSES:,}"
        )
    if len(outputs) > 2 or any(len(more.shape) != 4 for more in outputs[1:]):
        raise DataError(
            "the model gives more than class scores and a feature map",
            got=", ".join(str(list(tensor.shape)) for tensor in outputs),
            allowed="[1, classes], and with `convert --with-features` [1, height, width, channels]",
        )
