"""Every variant, one row each: stages, compound coefficients, normalisation, published figures, sources.

References:
    [1] Tan and Le, "EfficientNet", 2019, Tables 1 and 2, and its reference code, tensorflow/tpu,
        models/official/efficientnet/efficientnet_builder.py.
    [2] tensorflow/tpu, models/official/efficientnet/lite (efficientnet_lite_builder.py, README.md).
    [3] tensorflow/tpu, models/official/efficientnet/edgetpu (efficientnet_edgetpu_builder.py, README.md).
    [4] Tan and Le, "EfficientNetV2", 2021, and its reference code, google/automl, efficientnetv2
        (effnetv2_configs.py, README.md).
    [5] Keras Applications, the table of models at keras.io/api/applications.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from edge_effnet.errors import UnknownNameError
from edge_effnet.variants.spec import Normalisation, Published, Stage, Variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_effnet.variants.spec import Activation, Family

__all__ = ["VARIANTS", "baseline", "get_variant"]

# ImageNet's mean and standard deviation on the 0..255 scale [1]; V2-B0..B3 keep them [4, 5].
_IMAGENET = Normalisation((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255))
_INCEPTION = Normalisation((127.0,) * 3, (128.0,) * 3)  # [2, 3]
_CENTRED = Normalisation((128.0,) * 3, (128.0,) * 3)  # V2-S/M/L [4, 5]

# fmt: off
# Columns: operator, kernel, stride, expansion, channels, repeats, SE ratio.
_B_STAGES = (  # [1], Table 1
    Stage("mbconv", 3, 1, 1,  16, 1, 0.25),
    Stage("mbconv", 3, 2, 6,  24, 2, 0.25),
    Stage("mbconv", 5, 2, 6,  40, 2, 0.25),
    Stage("mbconv", 3, 2, 6,  80, 3, 0.25),
    Stage("mbconv", 5, 1, 6, 112, 3, 0.25),
    Stage("mbconv", 5, 2, 6, 192, 4, 0.25),
    Stage("mbconv", 3, 1, 6, 320, 1, 0.25),
)
_LITE_STAGES = (  # [2]: those of B0 without squeeze-and-excite
    Stage("mbconv", 3, 1, 1,  16, 1),
    Stage("mbconv", 3, 2, 6,  24, 2),
    Stage("mbconv", 5, 2, 6,  40, 2),
    Stage("mbconv", 3, 2, 6,  80, 3),
    Stage("mbconv", 5, 1, 6, 112, 3),
    Stage("mbconv", 5, 2, 6, 192, 4),
    Stage("mbconv", 3, 1, 6, 320, 1),
)
# [3]: the first stage expands as if the stem gave 24 channels (it gives 32) and adds no input to its output.
# The checkpoints were trained with the fused blocks' stride in the projection, which symmetric padding
# reproduces (tensorflow/tpu, issue 660).
_EDGETPU_STAGES = (
    Stage("fused_mbconv", 3, 1, 4,  24, 1, skip=False, input_channels=24, symmetric_padding=True),
    Stage("fused_mbconv", 3, 2, 8,  32, 2, symmetric_padding=True),
    Stage("fused_mbconv", 3, 2, 8,  48, 4, symmetric_padding=True),
    Stage("mbconv",       5, 2, 8,  96, 5),
    Stage("mbconv",       5, 1, 8, 144, 4),
    Stage("mbconv",       5, 2, 8, 192, 2),
)
_V2_BASE_STAGES = (  # [4], v2_base_block
    Stage("fused_mbconv", 3, 1, 1,  16, 1),
    Stage("fused_mbconv", 3, 2, 4,  32, 2),
    Stage("fused_mbconv", 3, 2, 4,  48, 2),
    Stage("mbconv",       3, 2, 4,  96, 3, 0.25),
    Stage("mbconv",       3, 1, 6, 112, 5, 0.25),
    Stage("mbconv",       3, 2, 6, 192, 8, 0.25),
)
_V2_S_STAGES = (  # [4], v2_s_block
    Stage("fused_mbconv", 3, 1, 1,  24,  2),
    Stage("fused_mbconv", 3, 2, 4,  48,  4),
    Stage("fused_mbconv", 3, 2, 4,  64,  4),
    Stage("mbconv",       3, 2, 4, 128,  6, 0.25),
    Stage("mbconv",       3, 1, 6, 160,  9, 0.25),
    Stage("mbconv",       3, 2, 6, 256, 15, 0.25),
)
_V2_M_STAGES = (  # [4], v2_m_block
    Stage("fused_mbconv", 3, 1, 1,  24,  3),
    Stage("fused_mbconv", 3, 2, 4,  48,  5),
    Stage("fused_mbconv", 3, 2, 4,  80,  5),
    Stage("mbconv",       3, 2, 4, 160,  7, 0.25),
    Stage("mbconv",       3, 1, 6, 176, 14, 0.25),
    Stage("mbconv",       3, 2, 6, 304, 18, 0.25),
    Stage("mbconv",       3, 1, 6, 512,  5, 0.25),
)
_V2_L_STAGES = (  # [4], v2_l_block
    Stage("fused_mbconv", 3, 1, 1,  32,  4),
    Stage("fused_mbconv", 3, 2, 4,  64,  7),
    Stage("fused_mbconv", 3, 2, 4,  96,  7),
    Stage("mbconv",       3, 2, 4, 192, 10, 0.25),
    Stage("mbconv",       3, 1, 6, 224, 19, 0.25),
    Stage("mbconv",       3, 2, 6, 384, 25, 0.25),
    Stage("mbconv",       3, 1, 6, 640,  7, 0.25),
)

# Columns: width, depth, resolution, dropout, then published top-1, top-5 (percent) and multiply-adds.
_B_ROWS = {  # coefficients and accuracy [1]; multiply-adds [1], Table 2
    "b0": (1.0, 1.0, 224, 0.2, 77.1, 93.3, 0.39e9),
    "b1": (1.0, 1.1, 240, 0.2, 79.1, 94.4, 0.70e9),
    "b2": (1.1, 1.2, 260, 0.3, 80.1, 94.9, 1.0e9),
    "b3": (1.2, 1.4, 300, 0.3, 81.6, 95.7, 1.8e9),
    "b4": (1.4, 1.8, 380, 0.4, 82.9, 96.4, 4.2e9),
    "b5": (1.6, 2.2, 456, 0.4, 83.6, 96.7, 9.9e9),
    "b6": (1.8, 2.6, 528, 0.5, 84.0, 96.8, 19e9),
    "b7": (2.0, 3.1, 600, 0.5, 84.3, 97.0, 37e9),
}
_LITE_ROWS = {  # [2], which gives no top-5
    "lite0": (1.0, 1.0, 224, 0.2, 75.1, None, 407e6),
    "lite1": (1.0, 1.1, 240, 0.2, 76.7, None, 631e6),
    "lite2": (1.1, 1.2, 260, 0.3, 77.6, None, 899e6),
    "lite3": (1.2, 1.4, 280, 0.3, 79.8, None, 1.44e9),
    "lite4": (1.4, 1.8, 300, 0.3, 81.5, None, 2.64e9),
}
_EDGETPU_ROWS = {  # [3], which gives neither top-5 nor multiply-adds
    "edgetpu-s": (1.0, 1.0, 224, 0.2, 77.23, None, None),
    "edgetpu-m": (1.0, 1.1, 240, 0.2, 78.69, None, None),
    "edgetpu-l": (1.2, 1.4, 300, 0.3, 80.62, None, None),
}
_V2_B_ROWS = {  # coefficients and multiply-adds [4]; accuracy [5]
    "v2-b0": (1.0, 1.0, 224, 0.2, 78.7, 94.3, 0.72e9),
    "v2-b1": (1.0, 1.1, 240, 0.2, 79.8, 95.0, 1.2e9),
    "v2-b2": (1.1, 1.2, 260, 0.3, 80.5, 95.1, 1.7e9),
    "v2-b3": (1.2, 1.4, 300, 0.3, 82.0, 95.8, 3.0e9),
}
_V2_S_ROWS = {"v2-s": (1.0, 1.0, 384, 0.2, 83.9, 96.7, 8.4e9)}  # [4, 5] as above
_V2_M_ROWS = {"v2-m": (1.0, 1.0, 480, 0.3, 85.3, 97.4, 24.7e9)}
_V2_L_ROWS = {"v2-l": (1.0, 1.0, 480, 0.4, 85.7, 97.5, 56.3e9)}
# fmt: on

_Row: TypeAlias = "tuple[float, float, int, float, float | None, float | None, float | None]"


@dataclass(frozen=True)
class _Group:
    """What the variants of some rows share."""

    rows: Mapping[str, _Row]
    family: Family
    stages: tuple[Stage, ...]
    normalisation: Normalisation
    source: str
    published: str
    activation: Activation = "swish"
    stem_channels: int = 32
    crop_padding_px: int = 32
    scale_stem_and_head: bool = True
    channel_floor: float = 0.9


_TPU = "tensorflow/tpu, models/official/efficientnet"
_AUTOML = "google/automl, efficientnetv2"
_B_PAPER = "Tan and Le, EfficientNet, 2019, Table 2"
_V2_PAPER = f"accuracy: keras.io/api/applications; multiply-adds: {_AUTOML}/README.md"


def _v2_group(rows: Mapping[str, _Row], stages: tuple[Stage, ...], stem_channels: int) -> _Group:
    """Return the group of V2-S, M or L, which are evaluated on the uncropped square."""
    return _Group(
        rows, "v2", stages, _CENTRED, f"{_AUTOML}/effnetv2_configs.py", _V2_PAPER,
        stem_channels=stem_channels, crop_padding_px=0, channel_floor=0.0,
    )  # fmt: skip


# Keras applications rounds the channels of V2 without the floor of 90 % that the older families have, which
# shows in V2-B3's first stage: 16 * 1.2 gives 16, not 24.
_GROUPS = (
    _Group(_B_ROWS, "b", _B_STAGES, _IMAGENET, f"{_TPU}/efficientnet_builder.py", _B_PAPER),
    _Group(
        _LITE_ROWS, "lite", _LITE_STAGES, _INCEPTION, f"{_TPU}/lite/efficientnet_lite_builder.py",
        f"{_TPU}/lite/README.md", activation="relu6", scale_stem_and_head=False,
    ),
    _Group(
        _EDGETPU_ROWS, "edgetpu", _EDGETPU_STAGES, _INCEPTION,
        f"{_TPU}/edgetpu/efficientnet_edgetpu_builder.py", f"{_TPU}/edgetpu/README.md", activation="relu",
    ),
    _Group(
        _V2_B_ROWS, "v2", _V2_BASE_STAGES, _IMAGENET, f"{_AUTOML}/effnetv2_configs.py", _V2_PAPER,
        channel_floor=0.0,
    ),
    _v2_group(_V2_S_ROWS, _V2_S_STAGES, 24),
    _v2_group(_V2_M_ROWS, _V2_M_STAGES, 24),
    _v2_group(_V2_L_ROWS, _V2_L_STAGES, 32),
)  # fmt: skip


def _variant(name: str, row: _Row, group: _Group) -> Variant:
    width, depth, resolution_px, dropout, top1, top5, macs = row
    return Variant(
        id=name,
        family=group.family,
        stages=group.stages,
        stem_channels=group.stem_channels,
        head_channels=1280,
        width=width,
        depth=depth,
        resolution_px=resolution_px,
        dropout=dropout,
        activation=group.activation,
        normalisation=group.normalisation,
        published=Published(group.published, top1, top5, macs),
        source=group.source,
        # CROP_PADDING in the reference preprocessing.py: 32 px of the resized image are cut off.
        crop_fraction=resolution_px / (resolution_px + group.crop_padding_px),
        scale_stem_and_head=group.scale_stem_and_head,
        channel_floor=group.channel_floor,
    )


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {name: _variant(name, row, group) for group in _GROUPS for name, row in group.rows.items()}
)
"""Variant id -> variant, smallest first within a family."""


def get_variant(name: str) -> Variant:
    """Return the variant called ``name``.

    Raises:
        UnknownNameError: There is none; the error names the closest.
    """
    if name not in VARIANTS:
        raise UnknownNameError("model", name, VARIANTS)
    return VARIANTS[name]


def baseline(variant: Variant) -> Variant:
    """Return the variant with the same stages and width and depth 1, from which compound scaling starts."""
    return next(other for other in VARIANTS.values() if other.stages == variant.stages)
