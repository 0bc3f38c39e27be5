"""Weights in ``.npz`` archives: our own layout, and the one with batch norm folded into its convolutions.

Own layout: ``layer/variable`` for every variable, ``normalisation/mean`` and ``normalisation/std`` in pixels (0..255,
RGB). Kernels may be float16.

Folded layout: ``NN.kernel`` and ``NN.bias`` of every convolution, counted in the order of the graph from ``00``, its
name in TensorFlow as ``NN.name``, and ``predictions.kernel``, ``predictions.bias``. The first kernel takes
``pixel - mean``: the standard deviation of the normalisation is folded into it.
"""

from __future__ import annotations

import math
import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.artifacts import atomic_output
from edge_effnet.errors import DataError
from edge_effnet.models.formats_guard import check_claims
from edge_effnet.models.normalisation import adopted
from edge_effnet.models.weights import CLASSIFIER, Found
from edge_effnet.variants.spec import Normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_effnet.models.built import BuiltModel
    from edge_effnet.models.weights import Floats, Slot, Target

__all__ = ["is_npz", "read_npz", "save_npz"]

_MEMBER = ".npy"
_FOLDED = re.compile(r"^(\d+)\.(kernel|bias|name)$")
_NORMALISATION = "normalisation"
_HALF_RANGE = (2.0**-14, 65504.0)  # normal numbers of float16


def is_npz(path: Path) -> bool:
    """Tell whether ``path`` is a zip archive of NumPy arrays."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(_MEMBER) for name in archive.namelist())


def read_npz(path: Path, target: Target) -> Found:
    """Read either layout; arrays of Python objects, which would run code, are refused."""
    arrays = _arrays(path)
    if any(_FOLDED.match(name) for name in arrays):
        return _folded(arrays, target)
    return _own(arrays, target)


def _arrays(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(_MEMBER)]
        check_claims(path, (_shape(archive, info) for info in members))
    with np.load(path, allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}


def _shape(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, ...]:
    """Read a member's header and hold it against its size, before memory is given to what it claims."""
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = readers[version](stream)
    if dtype.kind not in "fiuU":
        raise DataError(f"array {info.filename} does not hold numbers", got=dtype)
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise DataError(f"array {info.filename} claims more than the file holds", got=shape)
    return tuple(int(side) for side in shape)


def _own(arrays: Mapping[str, Any], target: Target) -> Found:
    tensors: dict[str, dict[str, Floats]] = {}
    for name, value in arrays.items():
        layer, _, variable = name.rpartition("/")
        if value.dtype.kind != "f":
            raise DataError(f"array {name} does not hold floating-point numbers", got=value.dtype)
        tensors.setdefault(layer, {})[variable] = value.astype(np.float32)
    statistics = tensors.pop(_NORMALISATION, {})
    normalisation, notes = adopted(_normalisation(statistics), target) if statistics else (None, ())
    return Found(tensors, "own npz", normalisation, notes, is_rgb=True)


def _normalisation(statistics: Mapping[str, Floats]) -> Normalisation:
    sides = {name: tuple(float(v) for v in value.reshape(-1)) for name, value in statistics.items()}
    if sides.keys() != {"mean", "std"} or any(len(side) != 3 for side in sides.values()):
        raise DataError("the file's normalisation is not a mean and a std of three numbers", got=sides)
    if not all(math.isfinite(v) for v in sides["mean"]) or not all(0 < v < math.inf for v in sides["std"]):
        raise DataError("the file's normalisation holds impossible numbers", got=sides)
    return Normalisation(sides["mean"], sides["std"])  # type: ignore[arg-type]  # lengths are checked above


def _folded(arrays: Mapping[str, Any], target: Target) -> Found:
    """Give each convolution its kernel, and its batch norm the bias; the batch norm is otherwise the identity."""
    convolutions = [slot for slot in target.slots if "Conv2D" in slot.kind]
    norms = [slot for slot in target.slots if slot.kind == "BatchNormalization"]
    steps = sorted({match[1] for name in arrays if (match := _FOLDED.match(name))}, key=int)
    if not target.block_names or not len(steps) == len(convolutions) == len(norms):
        raise DataError(
            f"the folded weights do not fit {target.model_id}", got=f"{len(steps)} convolutions",
            allowed=f"{len(convolutions)}, each with its batch norm",
        )  # fmt: skip
    tensors: dict[str, dict[str, Floats]] = {}
    for step, convolution, norm in zip(steps, convolutions, norms, strict=True):
        _check_place(str(arrays.get(f"{step}.name", "")), convolution, target)
        kernel = np.asarray(arrays[f"{step}.kernel"], np.float32)
        if not tensors:
            kernel = kernel * np.asarray(target.normalisation.std, np.float32).reshape(1, 1, 3, 1)
        (variable,) = convolution.shapes
        tensors[convolution.layer] = {variable: kernel}
        tensors[norm.layer] = _shift(np.asarray(arrays[f"{step}.bias"], np.float32), target.bn_epsilon)
    for name in sorted(
        arrays.keys() - {f"{step}.{part}" for step in steps for part in ("kernel", "bias", "name")}
    ):
        layer, _, variable = name.rpartition(".")
        tensors.setdefault(layer or CLASSIFIER, {})[variable] = np.asarray(arrays[name], np.float32)
    return Found(
        tensors,
        "npz with batch norm folded",
        notes=("batch norm is folded in the file: only its shift is left",),
    )


def _shift(bias: Floats, epsilon: float) -> dict[str, Floats]:
    """Return the batch norm that only adds ``bias``: its variance and epsilon sum to 1 in float32."""
    one = np.ones_like(bias)
    variance = one - np.float32(epsilon)
    return {"gamma": one, "beta": bias, "moving_mean": np.zeros_like(bias), "moving_variance": variance}


def _check_place(tensorflow_name: str, slot: Slot, target: Target) -> None:
    """Hold the block in a convolution's TensorFlow name, where it has one, against the block that it is to go to."""
    match = re.search(r"(?:^|/)blocks_(\d+)/", tensorflow_name)
    if match is None:
        return
    index = int(match[1])
    block = target.block_names[index] if index < len(target.block_names) else "none"
    if not slot.layer.startswith(f"{block}_"):
        raise DataError(
            f"the folded weights do not fit {target.model_id}: their blocks are others",
            got=tensorflow_name,
            allowed=slot.layer,
        )


def save_npz(built: BuiltModel, path: Path, *, half: bool = True, force: bool = False) -> None:
    """Write a model's weights in our own layout; the same weights give the same bytes.

    Args:
        built: The model.
        path: Where to.
        half: Whether kernels become float16 where float16 can hold them; biases and batch norm never do.
        force: Whether to overwrite.
    """
    arrays: dict[str, Any] = {}
    for layer in built.keras.layers:
        for variable in layer.weights:
            leaf = variable.name.rsplit("/", 1)[-1].split(":")[0]
            value = variable.numpy()
            arrays[f"{layer.name}/{leaf}"] = value.astype(np.float16) if half and _fits_half(value) else value
    arrays[f"{_NORMALISATION}/mean"] = np.asarray(built.normalisation.mean, np.float64)
    arrays[f"{_NORMALISATION}/std"] = np.asarray(built.normalisation.std, np.float64)
    with atomic_output(path, force=force) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def _fits_half(value: Floats) -> bool:
    """A kernel fits where its largest value is a normal number of float16: smaller ones lose what does not count."""
    largest = float(np.abs(value).max(initial=0.0))
    return value.ndim > 1 and _HALF_RANGE[0] <= largest <= _HALF_RANGE[1]
