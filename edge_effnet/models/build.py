"""From a model id to a Keras model with weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.models.baselines import BASELINES, build_baseline, to_rgb
from edge_effnet.models.blocks import FLAVOURS, Composer
from edge_effnet.models.built import BuiltModel, WeightsRecord
from edge_effnet.models.initialise import initialise
from edge_effnet.models.keras import import_keras
from edge_effnet.models.weights import CLASSIFIER, Target, fit, put, slots_of
from edge_effnet.variants.scale import architecture
from edge_effnet.variants.table import VARIANTS, get_variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_effnet.models.weights import Found
    from edge_effnet.progress import Reporter
    from edge_effnet.variants.spec import Activation, Architecture, Normalisation

__all__ = ["MODEL_IDS", "build", "build_keras"]

MODEL_IDS: tuple[str, ...] = (*VARIANTS, *BASELINES)

_CLASSES = 1000
# Stochastic depth of the last block while training, falling linearly to 0 at the first; Keras applications has the same
# for both families. At inference it does nothing.
_DROP_CONNECT = 0.2
_BASELINE_CROP = 0.875  # 224 of 256, the usual evaluation of these networks


def build_keras(arch: Architecture, *, batch_size: int | None = None) -> Any:
    """Write an architecture as a tf_keras functional model.

    Args:
        arch: What to build.
        batch_size: Fixed batch; None leaves it open.

    Returns:
        A model from normalised pixels ``(batch, resolution_px, resolution_px, 3)`` to logits ``(batch, classes)``, or
        to the last feature map without a top. Its kernels are zero until it is given weights, as `build` does.
    """
    keras = import_keras()
    composer = Composer(arch, FLAVOURS[get_variant(arch.variant_id).family])
    inputs = keras.Input((arch.resolution_px, arch.resolution_px, 3), batch_size=batch_size, name="input")
    tensor = composer.stem(inputs, arch.stem_channels)
    for index, block in enumerate(arch.blocks):
        tensor = composer.block(tensor, block, _DROP_CONNECT * index / len(arch.blocks))
    tensor = composer.head(tensor, arch.head_channels)
    if arch.include_top:
        tensor = composer.classifier(tensor, arch.num_classes, arch.dropout)
    return keras.Model(inputs, tensor, name=arch.variant_id)


@dataclass(frozen=True)
class _Plan:
    """A model id and its options, resolved but for the number of classes, which the weights may decide.

    Attributes:
        make: Number of classes -> Keras model and what it was built from.
        adopts_normalisation: As in `Target`.
        notes: What the options mean for weights that were trained without them.
    """

    model_id: str
    make: Callable[[int], tuple[Any, Architecture | None]]
    normalisation: Normalisation
    crop_fraction: float
    adopts_normalisation: bool = False
    notes: tuple[str, ...] = ()

    def target(self, model: Any, arch: Architecture | None) -> Target:
        return Target(
            self.model_id,
            slots_of(model),
            self.normalisation,
            block_names=tuple(block.name for block in arch.blocks) if arch else (),
            bn_epsilon=arch.bn_epsilon if arch else 0.0,
            adopts_normalisation=self.adopts_normalisation,
        )


@dataclass(frozen=True)
class _Loaded:
    """A model with its weights in place."""

    keras: Any
    arch: Architecture | None
    record: WeightsRecord
    normalisation: Normalisation | None = None
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None


def build(
    model_id: str,
    *,
    weights: str | Path = "random",
    num_classes: int | None = None,
    resolution_px: int | None = None,
    activation: Activation | None = None,
    squeeze_excite: bool | None = None,
    include_top: bool = True,
    batch_size: int | None = None,
    allow_new_head: bool = False,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> BuiltModel:
    """Build a model and give it weights.

    Args:
        model_id: One of `MODEL_IDS`.
        weights: ``random``, ``imagenet`` (downloaded once), or the path of a weights file.
        num_classes: Outputs of the classifier; None takes what the file has, or 1,000.
        resolution_px: Side of the square input; None takes the model's own.
        activation: In place of the variant's.
        squeeze_excite: False drops squeeze-and-excite.
        include_top: Whether there is a classifier; without one the model gives its last feature map.
        batch_size: Fixed batch; None leaves it open.
        allow_new_head: Whether the classifier may start anew where the file has another number of classes.
        seed: Of random weights and of a new classifier.
        reporter: Is told how a download proceeds.

    Returns:
        The model, and where its weights are from.

    Raises:
        UsageError: An option is out of range, or does not go with the model.
        DataError: The weights file is missing, damaged or of another model.
        EnvironmentFault: TensorFlow is missing, or a download failed.
    """
    if batch_size is not None and batch_size < 1:
        raise UsageError("the batch size is too small", got=batch_size, allowed="1 or more")
    plan = _plan(model_id, resolution_px, activation, squeeze_excite, include_top, batch_size)
    if weights == "random":
        loaded = _random(plan, num_classes, seed)
    else:
        loaded = _from_file(
            plan, weights, num_classes, allow_new_head=allow_new_head, seed=seed, reporter=reporter
        )
    return BuiltModel(
        id=model_id,
        keras=loaded.keras,
        architecture=loaded.arch,
        normalisation=loaded.normalisation or plan.normalisation,
        crop_fraction=plan.crop_fraction,
        resolution_px=int(loaded.keras.inputs[0].shape[1]),
        labels=loaded.labels,
        weights=loaded.record,
        notes=loaded.notes,
    )


def _plan(
    model_id: str,
    resolution_px: int | None,
    activation: Activation | None,
    squeeze_excite: bool | None,
    include_top: bool,
    batch_size: int | None,
) -> _Plan:
    if model_id in BASELINES:
        if activation is not None or squeeze_excite is not None:
            raise UsageError(
                f"{model_id} has no choice of activation or squeeze-and-excite", hint="leave both out"
            )
        return _baseline_plan(model_id, resolution_px, include_top, batch_size)
    if model_id not in VARIANTS:
        raise UnknownNameError("model", model_id, MODEL_IDS)
    variant = VARIANTS[model_id]

    def make(classes: int) -> tuple[Any, Architecture]:
        arch = architecture(
            variant,
            resolution_px=resolution_px,
            num_classes=classes,
            include_top=include_top,
            squeeze_excite=squeeze_excite is not False,
            activation=activation,
        )
        return build_keras(arch, batch_size=batch_size), arch

    notes: tuple[str, ...] = ()
    if activation not in {None, variant.activation}:
        notes = (
            f"activation {activation} in place of {variant.activation}, with which published weights were trained",
        )
    return _Plan(
        model_id,
        make,
        variant.normalisation,
        variant.crop_fraction,
        # B0 to B7 and V2-B0 to B3: the families with ImageNet's own mean and std, different for R, G and B.
        adopts_normalisation=len(set(variant.normalisation.mean)) > 1,
        notes=notes,
    )


def _baseline_plan(
    model_id: str, resolution_px: int | None, include_top: bool, batch_size: int | None
) -> _Plan:
    baseline = BASELINES[model_id]
    side_px = baseline.resolution_px if resolution_px is None else resolution_px
    if side_px < baseline.least_px:
        raise UsageError(
            "the resolution is too small", got=side_px, allowed=f"{baseline.least_px} px or more"
        )

    def make(classes: int) -> tuple[Any, None]:
        if classes < 1:
            raise UsageError("the number of classes is too small", got=classes, allowed="1 or more")
        model = build_baseline(
            model_id,
            num_classes=classes,
            resolution_px=side_px,
            include_top=include_top,
            batch_size=batch_size,
        )
        return model, None

    return _Plan(model_id, make, baseline.normalisation, _BASELINE_CROP)


def _random(plan: _Plan, num_classes: int | None, seed: int) -> _Loaded:
    model, arch = plan.make(_CLASSES if num_classes is None else num_classes)
    initialise(model, seed, plan.normalisation)
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(value.tobytes())
    return _Loaded(model, arch, WeightsRecord(f"random, seed {seed}", digest.hexdigest(), "random"))


def _from_file(
    plan: _Plan, weights: str | Path, num_classes: int | None, *,
    allow_new_head: bool, seed: int, reporter: Reporter | None,
) -> _Loaded:  # fmt: skip
    from edge_effnet.models.formats import read_weights

    path, record = _located(plan.model_id, weights, reporter)
    model, arch = plan.make(_CLASSES if num_classes is None else num_classes)
    target = plan.target(model, arch)
    found = to_rgb(plan.model_id, target, read_weights(path, target))
    found = replace(found, layout=f"{path.name}, {found.layout}")
    classes = _classes(found)
    if num_classes is None and CLASSIFIER in target.homes and classes not in {0, _CLASSES}:
        model, arch = plan.make(classes)
        target = plan.target(model, arch)
    tensors, notes = fit(target, found, allow_new_head=allow_new_head, seed=seed)
    put(model, tensors)
    head = target.homes.get(CLASSIFIER)
    labels = found.labels if head is not None and classes == head.shapes["bias"][0] else None
    return _Loaded(model, arch, record, found.normalisation, (*notes, *plan.notes), labels)


def _located(model_id: str, weights: str | Path, reporter: Reporter | None) -> tuple[Path, WeightsRecord]:
    from edge_effnet.models.formats import check_there, sha256_of_weights

    if weights == "imagenet":
        from edge_effnet.models.download import imagenet_weights

        path, release = imagenet_weights(model_id, reporter)
        return path, WeightsRecord(release.url, sha256_of_weights(path), "imagenet")
    path = Path(weights).expanduser()
    check_there(path)
    return path, WeightsRecord(path.name, sha256_of_weights(path), "file")


def _classes(found: Found) -> int:
    """Return how many classes a file's classifier has; 0 where it has none, or not a plain one."""
    bias = found.tensors.get(CLASSIFIER, {}).get("bias")
    return int(bias.size) if bias is not None and bias.ndim == 1 else 0
