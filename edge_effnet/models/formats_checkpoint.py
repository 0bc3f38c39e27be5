"""Weights in TensorFlow checkpoints of the reference code: ``efficientnet-lite0/blocks_1/conv2d/kernel``.

Inside a block, convolutions and batch norms are counted in the order in which they run; squeeze-and-excite has a scope
of its own. Exponential moving averages, which the published accuracy is of, are preferred to the raw values.

References:
    tensorflow/tpu, models/official/efficientnet/efficientnet_model.py: scopes and the order of the layers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_effnet.errors import DataError
from edge_effnet.models.formats_guard import check_claims
from edge_effnet.models.keras import import_tensorflow
from edge_effnet.models.weights import CLASSIFIER, Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from edge_effnet.models.weights import Floats, Slot, Target

__all__ = ["files_of", "is_checkpoint", "read_checkpoint"]

_AVERAGE = "/ExponentialMovingAverage"
_PART = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
_VARIABLE = re.compile(
    r"(?:^|/)(?P<scope>stem|head|blocks_\d+)/(?P<se>se/)?"
    r"(?P<base>depthwise_conv2d|conv2d|tpu_batch_normalization|batch_normalization|dense)(?:_(?P<count>\d+))?/"
    r"(?P<leaf>kernel|depthwise_kernel|bias|gamma|beta|moving_mean|moving_variance)$"
)
_BACKGROUND_CLASSES = 1


def is_checkpoint(path: Path) -> bool:
    """Tell whether ``path`` is a checkpoint's folder, its prefix, or one of its files."""
    if path.is_dir():
        return any(path.glob("*.index"))
    return (path.is_file() and bool(_PART.search(path.name))) or path.with_name(
        f"{path.name}.index"
    ).is_file()


def _prefix(path: Path) -> Path:
    """Return the path that TensorFlow calls a checkpoint's: without ``.index``.

    Raises:
        DataError: A folder holds several, and does not say which is the latest.
    """
    if not path.is_dir():
        return path.with_name(_PART.sub("", path.name))
    indices = sorted(path.glob("*.index"))
    if len(indices) > 1:
        latest = import_tensorflow().train.latest_checkpoint(str(path))
        indices = [
            index
            for index in indices
            if latest and index.stem == latest.replace("\\", "/").rsplit("/", 1)[-1]
        ]
    if not indices:
        raise DataError("the folder holds several checkpoints", got=path, hint="give one, without .index")
    return indices[0].with_suffix("")


def files_of(path: Path) -> list[Path]:
    """List the files of a checkpoint by name, the index among them."""
    prefix = _prefix(path)
    return sorted(
        each for each in prefix.parent.iterdir() if _PART.sub("", each.name) == prefix.name and each != prefix
    )


def read_checkpoint(path: Path, target: Target) -> Found:
    """Read a checkpoint of tensorflow/tpu's EfficientNets (Lite, EdgeTPU, and B0 to B7)."""
    tensorflow = import_tensorflow()
    try:
        reader = tensorflow.train.load_checkpoint(str(_prefix(path)))
        shapes = reader.get_variable_to_shape_map()
        wanted = _wanted(shapes)
        check_claims(path, (tuple(shapes[source]) for source in wanted.values()))
        values = {name: np.asarray(reader.get_tensor(source), np.float32) for name, source in wanted.items()}
    except tensorflow.errors.OpError as error:
        raise DataError(
            "the checkpoint cannot be read", got=f"{path}: {error.message}", hint="download it again"
        ) from error
    if not values:
        raise DataError(
            "the checkpoint holds no EfficientNet", got=f"{path}: {', '.join(sorted(shapes)[:5])}"
        )
    tensors = _homed(values, target)
    averaged = sum(source.endswith(_AVERAGE) for source in wanted.values())
    ignored = len(shapes) - sum(f"{name}{_AVERAGE}" in shapes for name in wanted) - len(wanted)
    notes = [
        f"{averaged} of {len(wanted)} tensors are exponential moving averages; {ignored} of training are not used"
    ]
    notes += _drop_background(tensors, target)
    return Found(tensors, "TensorFlow checkpoint", notes=tuple(notes))


def _wanted(names: Iterable[str]) -> dict[str, str]:
    """Map each variable of inference to the name that its value has in the checkpoint."""
    present = set(names)
    plain = {name.removesuffix(_AVERAGE) for name in present}
    return {
        name: f"{name}{_AVERAGE}" if f"{name}{_AVERAGE}" in present else name
        for name in sorted(plain)
        if _VARIABLE.search(name)
    }


def _homed(values: Mapping[str, Floats], target: Target) -> dict[str, dict[str, Floats]]:
    slots = _slots_by_place(target)
    tensors: dict[str, dict[str, Floats]] = {}
    for name, value in values.items():
        match = _VARIABLE.search(name)
        assert match is not None  # noqa: S101 - only such names are wanted
        kind = "batch_norm" if "batch" in match["base"] else match["base"]
        slot = slots.get((match["scope"], bool(match["se"]), kind, int(match["count"] or 0)))
        tensors.setdefault(slot.layer if slot else name.rpartition("/")[0], {})[match["leaf"]] = value
    return tensors


_KINDS: Mapping[str, str] = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "BatchNormalization": "batch_norm",
    "Dense": "dense",
}


def _slots_by_place(target: Target) -> dict[tuple[str, bool, str, int], Slot]:
    """Map ``(scope, whether in squeeze-and-excite, kind, count)`` to the model's layer there."""
    scopes = {f"{name}_": f"blocks_{index}" for index, name in enumerate(target.block_names)}
    scopes |= {"stem_": "stem", "top_": "head", CLASSIFIER: "head"}
    placed: dict[tuple[str, bool, str, int], Slot] = {}
    for slot in target.slots:
        prefix = next((prefix for prefix in scopes if slot.layer.startswith(prefix)), None)
        if prefix is None or slot.kind not in _KINDS:
            continue
        place: Any = (scopes[prefix], slot.layer[len(prefix) :].startswith("se_"), _KINDS[slot.kind])
        count = sum(other[:3] == place for other in placed)
        key = (*place, count)
        placed[key] = slot
    return placed


def _drop_background(tensors: dict[str, dict[str, Floats]], target: Target) -> list[str]:
    """Drop class 0, "background", of a classifier with one class more than the model: EdgeTPU's have 1,001."""
    head, slot = tensors.get(CLASSIFIER, {}), target.homes.get(CLASSIFIER)
    if slot is None or "bias" not in head:
        return []
    if head["bias"].size != slot.shapes["bias"][0] + _BACKGROUND_CLASSES:
        return []
    tensors[CLASSIFIER] = {name: value[..., _BACKGROUND_CLASSES:] for name, value in head.items()}
    return ["class 0 of the checkpoint, the background, is dropped"]
