"""Weights in HDF5: the layouts of Keras 1, 2 and 3, alone or inside a ``.keras`` archive.

Only numbers are read. The configuration in an archive, which may name code, is never deserialised.

References:
    Keras, saving/legacy/hdf5_format.py: groups by layer name, listed in the attributes ``layer_names`` and
    ``weight_names``.
    Keras, saving/saving_lib.py: groups ``layers/<class>_<k>/vars/<i>``, counted per class in the order of the model's
    layers; newer versions add the layer's name as the attribute ``name`` of ``vars``.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from edge_effnet.artifacts import atomic_output
from edge_effnet.errors import DataError
from edge_effnet.models.formats_guard import MAX_VALUES, check_claims
from edge_effnet.models.normalisation import keras_normalisation, normalisation_layer
from edge_effnet.models.weights import CLASSIFIER, Found, snake_case
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from edge_effnet.models.built import BuiltModel
    from edge_effnet.models.weights import Floats, Slot, Target

__all__ = ["is_archive", "is_hdf5", "read_archive", "read_hdf5", "save_hdf5"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ARCHIVED = "model.weights.h5"
_NORMALISATION = re.compile(r"^normalization(_\d+)?$")
_INDEXED = re.compile(r"^(?:layers|_layer_checkpoint_dependencies)/([^/]+)/vars/(\d+)$")
_CLASSES = "edge_effnet_classes"
"""Data set beside the layers with the class names: a JSON array (or null) in UTF-8, which Keras does not look at."""

_NOT_WEIGHTS = re.compile(r"(^|/)(optimizer|seed_generator)(/|$)")
"""State of training, which no model at inference has a home for."""


def is_hdf5(path: Path) -> bool:
    """Tell whether ``path`` is an HDF5 file."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_SIGNATURE)) == _SIGNATURE


def is_archive(path: Path) -> bool:
    """Tell whether ``path`` is a ``.keras`` archive."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return _ARCHIVED in archive.namelist()


def read_hdf5(path: Path, target: Target) -> Found:
    """Read an ``.h5`` or ``.weights.h5`` file."""
    with h5py.File(path, "r") as file:
        return _read(file, path, target)


def read_archive(path: Path, target: Target) -> Found:
    """Read the weights, and nothing else, of a ``.keras`` archive."""
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(_ARCHIVED).file_size > 5 * MAX_VALUES:
            raise DataError("the archive claims to hold more than any known model", got=path)
        content = io.BytesIO(archive.read(_ARCHIVED))
    with h5py.File(content, "r") as file:
        return _read(file, path, target)


def _read(file: Any, path: Path, target: Target) -> Found:
    root = file.get("model_weights", file)
    datasets = _datasets(root)
    check_claims(path, (dataset.shape for dataset in datasets.values()))
    if _names(root, "layer_names") is not None:
        return _named(root, target)
    if any(_INDEXED.match(name) for name in datasets):
        return _indexed(datasets, target)
    raise DataError(
        "the HDF5 file holds no Keras weights", got=f"{path}: {', '.join(sorted(file)[:5]) or 'nothing'}",
        allowed="what Keras' save_weights or save writes",
    )  # fmt: skip


def _datasets(root: Any) -> dict[str, Any]:
    """List the datasets by path; links, which may lead to other files, are not followed."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not _NOT_WEIGHTS.search(name):
            found[name] = item

    root.visititems(visit)
    return found


def _values(dataset: Any) -> Floats:
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise DataError(
            "a tensor in the weights file is a link to something else", got=getattr(dataset, "name", dataset)
        )
    if dataset.dtype.kind not in "fiu":
        raise DataError(f"tensor {dataset.name} does not hold numbers", got=dataset.dtype)
    return np.asarray(dataset[()], np.float32)


def _names(group: Any, attribute: str) -> list[str] | None:
    """Read a list of names; long ones are cut into attributes that end in 0, 1, 2 …, as HDF5 limits their size."""
    if attribute in group.attrs:
        pieces = [group.attrs[attribute]]
    else:
        pieces = []
        while f"{attribute}{len(pieces)}" in group.attrs:
            pieces.append(group.attrs[f"{attribute}{len(pieces)}"])
        if not pieces:
            return None
    return [name.decode() if isinstance(name, bytes) else str(name) for piece in pieces for name in piece]


def _named(root: Any, target: Target) -> Found:
    """Read groups by layer name, or by their order where names are those of an old Keras."""
    layers = [(name, _names(root[name], "weight_names") or []) for name in _names(root, "layer_names") or []]
    layers = [(name, weights) for name, weights in layers if weights]
    homes = target.homes
    in_order = not target.block_names and _are_strangers([name for name, _ in layers], target)
    tensors: dict[str, dict[str, Floats]] = {}
    statistics: dict[str, Floats] = {}
    for index, (name, weights) in enumerate(layers):
        values = {weight: _values(root[name][weight]) for weight in weights}
        if target.adopts_normalisation and _NORMALISATION.match(name) and name not in homes:
            statistics = {_leaf(weight): value for weight, value in values.items()}
            continue
        slot = target.slots[index] if in_order else homes.get(name)
        tensors[slot.layer if slot else name] = _renamed(slot, values)
    normalisation, notes = keras_normalisation(statistics, target)
    if in_order:
        notes = (*notes, "layers were told by their order, not by name")
    # What this package wrote takes R, G, B, also where the original of a baseline takes B, G, R.
    is_own = _CLASSES in root
    labels = _labels(root[_CLASSES]) if is_own else None
    return Found(tensors, "Keras HDF5, by layer name", normalisation, notes, is_own, labels)


def _labels(dataset: Any) -> tuple[str, ...] | None:
    """Read the class names that `save_hdf5` wrote; None where it was given none."""
    names = json.loads(_bytes(dataset).decode())
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError("the class names in the weights file are no list of names", got=_CLASSES)
    return tuple(names)


def _bytes(dataset: Any) -> bytes:
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.external
        or dataset.is_virtual
        or dataset.dtype != np.uint8
    ):
        raise DataError(
            "the class names in the weights file are no bytes", got=getattr(dataset, "name", dataset)
        )
    return bytes(dataset[()])


def save_hdf5(
    built: BuiltModel, path: Path, *, labels: tuple[str, ...] | None = None, force: bool = False
) -> None:
    """Write a model's weights by layer name, as Keras 2 does; the same weights give the same bytes.

    Args:
        built: The model.
        path: Where to.
        labels: Class names in the order of the outputs; `edge_effnet.models.build` gives them back.
        force: Whether to overwrite.
    """
    layers = {layer.name: {v.name: v.numpy() for v in layer.weights} for layer in built.keras.layers}
    if built.id in VARIANTS:
        layers |= normalisation_layer(VARIANTS[built.id].normalisation, built.normalisation)
    with atomic_output(path, force=force) as temporary, h5py.File(temporary, "w") as file:
        for layer, variables in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in variables]
            for name, value in variables.items():
                group.create_dataset(name, data=value)
        file.attrs["layer_names"] = [name.encode() for name in layers]
        file.create_dataset(_CLASSES, data=np.frombuffer(json.dumps(labels).encode(), np.uint8))


def _are_strangers(names: list[str], target: Target) -> bool:
    known = target.homes.keys() - {CLASSIFIER}
    return len(names) == len(target.slots) and not set(names) >= known


def _leaf(weight: str) -> str:
    return weight.rsplit("/", 1)[-1].split(":", maxsplit=1)[0]


def _renamed(slot: Slot | None, values: Mapping[str, Floats]) -> dict[str, Floats]:
    """Give a layer's tensors the names that tf_keras has for them."""
    leaves = [_leaf(weight) for weight in values]
    if slot is not None and not set(leaves) <= slot.shapes.keys() and len(leaves) == len(slot.shapes):
        leaves = list(
            slot.shapes
        )  # other names in the same order: Keras 1's W and b, Keras 3's depthwise "kernel"
    return dict(zip(leaves, values.values(), strict=True))


def _by_class(target: Target) -> dict[str, Slot]:
    """Name every slot as Keras 3's files do: class and order, ``conv2d``, ``conv2d_1``, and so on."""
    counts: dict[str, int] = {}
    named = {}
    for slot in target.slots:
        kind = snake_case(slot.kind)
        count = counts.get(kind, 0)
        named[f"{kind}_{count}" if count else kind] = slot
        counts[kind] = count + 1
    return named


def _told_by_name(datasets: Mapping[str, Any], target: Target) -> Callable[[str], Slot | None]:
    """Return what tells a group's slot: the name that it carries where all carry one that is known, or its class."""
    carried = {
        match[1]: dataset.parent.attrs.get("name")
        for name, dataset in datasets.items()
        if (match := _INDEXED.match(name)) and not _NORMALISATION.match(match[1])
    }
    homes = target.homes
    if carried and all(name in homes for name in carried.values()):
        return lambda key: homes.get(str(carried.get(key)))
    return _by_class(target).get


def _indexed(datasets: Mapping[str, Any], target: Target) -> Found:
    """Read groups by class and order."""
    slot_of = _told_by_name(datasets, target)
    tensors: dict[str, dict[str, Floats]] = {}
    statistics: dict[str, Floats] = {}
    for name, dataset in datasets.items():
        match = _INDEXED.match(name)
        key, index = (match[1], int(match[2])) if match else (name, 0)
        if match and target.adopts_normalisation and _NORMALISATION.match(key):
            statistics[("mean", "variance", "count")[index]] = _values(dataset)
            continue
        slot = slot_of(key) if match else None
        variables = list(slot.shapes) if slot else []
        variable = variables[index] if index < len(variables) else str(index)
        tensors.setdefault(slot.layer if slot else key, {})[variable] = _values(dataset)
    normalisation, notes = keras_normalisation(statistics, target)
    return Found(tensors, "Keras HDF5, by class and order", normalisation, notes)
