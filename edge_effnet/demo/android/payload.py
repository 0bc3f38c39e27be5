"""The model that goes into the app, judged before anything is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.activation_map import activation_map_of_model
from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError
from edge_effnet.inspect import read_model_bytes
from edge_effnet.inspect.declared import CONTRACT_NAME
from edge_effnet.model_contract import find_contract, labels_from_archive, preprocessing_of_model
from edge_effnet.runtimes.base import TensorSpec
from edge_effnet.runtimes.tensors import check_input, check_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.inspect import Model, Tensor

__all__ = ["CONTRACT_ASSET", "MODEL_ASSET", "Payload", "read_payload"]

MODEL_ASSET: Final = "assets/model.tflite"
CONTRACT_ASSET: Final = "assets/model.contract.json"
"""Where the app looks; the second by the same rule as beside any model."""

_MAX_BYTES: Final = 512 << 20
"""Larger than any variant; what is larger is no classifier for a phone."""


@dataclass(frozen=True)
class Payload:
    """A model that the app can run.

    Attributes:
        path: The user's file.
        content: Its bytes, as they go into the APK.
        contract: The contract beside it: the only one where there is none inside, else for its golden vectors, with which the
            app checks itself on the phone.
        contract_origin: ``inside``, ``beside``, or None without any.
        dtype: Of its input.
        resolution_px: Side of its input.
        classes: Number of its outputs.
        has_labels: Whether they have names.
        notes: What had to be assumed.
    """

    path: Path
    content: bytes
    contract: bytes | None
    contract_origin: str | None
    dtype: str
    resolution_px: int
    classes: int
    has_labels: bool
    notes: tuple[str, ...]

    @property
    def assets(self) -> dict[str, bytes]:
        """Entry of the APK -> its bytes."""
        beside = {} if self.contract is None else {CONTRACT_ASSET: self.contract}
        return {MODEL_ASSET: self.content, **beside}

    def to_record(self) -> dict[str, Any]:
        """Return what the record says about the model."""
        return {
            "path": str(self.path),
            "sha256": sha256_of_bytes(self.content),
            "size_bytes": len(self.content),
            "dtype": self.dtype,
            "resolution_px": self.resolution_px,
            "classes": self.classes,
            "labels": self.has_labels,
            "contract": self.contract_origin,
        }


def read_payload(path: Path) -> Payload:
    """Read a model and refuse one that the app could not run.

    Args:
        path: A .tflite file.

    Raises:
        DataError: It is missing, damaged, too large, no image classifier with a static square input, needs operators that
            phones lack, or contradicts its contract.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                "the model is too large for an app", got=f"{path.stat().st_size:,} bytes", allowed=_MAX_BYTES
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"the model cannot be read: {error.strerror}", got=path) from error
    graph = read_model_bytes(content, source=str(path))
    pixels, classes = _checked(graph, path)
    contract = find_contract(path, content, graph.metadata)
    preprocessing, notes = preprocessing_of_model(path, pixels.shape, pixels.dtype, contract)
    if contract is not None and contract.explain is not None:
        activation_map_of_model(graph, contract.explain)
    labels = (contract and contract.labels) or labels_from_archive(content, classes)
    if labels is not None and len(labels) != classes:
        raise DataError("the labels do not fit the model", got=f"{len(labels)} labels, {classes} outputs")
    if labels is None:
        notes += (f"{path} carries no labels: classes are shown by number",)
    inside = CONTRACT_NAME in graph.metadata
    beside, more = _beside(path, sha256_of_bytes(content), inside=inside)
    return Payload(
        path,
        content,
        beside,
        None if contract is None else "inside" if inside else "beside",
        pixels.dtype,
        preprocessing.resolution_px,
        classes,
        labels is not None,
        notes + more,
    )


def _checked(graph: Model, path: Path) -> tuple[TensorSpec, int]:
    """Return the input of an image classifier and the number of its classes."""
    if len(graph.main.input_tensors) != 1:
        raise DataError(
            f"the model has {len(graph.main.input_tensors)} inputs; an image classifier has one", got=path
        )
    for tensor in (*graph.main.input_tensors, *graph.main.output_tensors):
        if tensor.is_dynamic:
            raise DataError(
                "the model has an open dimension",
                got=f"{tensor.name} {list(tensor.shape_signature or tensor.shape)}",
                hint="export it with a static batch of 1; `convert` does",
            )
    foreign = sorted({operator.name for operator in graph.main.operators if operator.kind != "builtin"})
    if foreign:
        raise DataError(
            "the model has operators that TensorFlow Lite on a phone lacks",
            got=f"{path}: {', '.join(foreign)}",
            hint="an Edge TPU's file runs on an Edge TPU alone: give the model that it was compiled from",
        )
    (pixels,) = (_spec(tensor) for tensor in graph.main.input_tensors)
    check_input(pixels)
    scores = check_outputs([_spec(tensor) for tensor in graph.main.output_tensors])
    return pixels, scores.shape[-1]


def _spec(tensor: Tensor) -> TensorSpec:
    return TensorSpec(tensor.name, tensor.type.lower(), tensor.shape, tensor.scale, tensor.zero_point)


def _beside(path: Path, sha256: str, *, inside: bool) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the contract beside a model, and why it is left out if it is.

    The same rule as `find_contract`; one that a model does not need must name the model's hash.
    """
    own, shared = path.with_suffix(".contract.json"), path.with_name("contract.json")
    if own.is_file():
        content = own.read_bytes()
        if not inside or sha256.encode() in content:
            return content, ()
        return None, (f"{own.name} is of another file and is left out",)
    if shared.is_file() and sha256.encode() in (content := shared.read_bytes()):
        return content, ()
    return None, ()
