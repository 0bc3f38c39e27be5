"""The words in which a variant is written down: stage rows before scaling, blocks after it. Data only.

References:
    Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019.
    Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Activation",
    "Architecture",
    "Block",
    "Family",
    "Normalisation",
    "Operator",
    "Published",
    "Stage",
    "Variant",
]

Operator = Literal["mbconv", "fused_mbconv"]
Activation = Literal["swish", "relu6", "relu", "hard_swish"]
Family = Literal["b", "lite", "edgetpu", "v2"]


@dataclass(frozen=True)
class Stage:
    """One row of an architecture table, before compound scaling.

    Attributes:
        operator: What each of its blocks is.
        kernel: Side of the depthwise (or fused) kernel.
        stride: Stride of the first block; the others have 1.
        expansion: Expanded channels over input channels.
        channels: Channels it gives, before scaling.
        repeats: Number of its blocks, before scaling.
        se_ratio: Squeezed channels over the block's input channels; 0 = no squeeze-and-excite.
        skip: Whether a block that keeps shape adds its input to its output.
        input_channels: Channels from which the first block counts its expansion, before scaling, where the
            reference code takes another number than what the stage before gives; 0 = what it gives.
        symmetric_padding: Whether a kernel with stride 2 is padded by ``kernel // 2`` on every side rather
            than as TensorFlow's ``same``. That equals stride 1 in the kernel and stride 2 in the projection,
            at a quarter of the work.
    """

    operator: Operator
    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int
    se_ratio: float = 0.0
    skip: bool = True
    input_channels: int = 0
    symmetric_padding: bool = False


@dataclass(frozen=True)
class Normalisation:
    """The network sees ``(pixel - mean) / std``, per RGB channel, pixels in 0..255."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Published:
    """Figures of others, each with its source; percent, parameters and multiply-adds as printed there."""

    source: str
    top1: float | None = None
    top5: float | None = None
    macs: float | None = None


@dataclass(frozen=True)
class Variant:
    """One row of the variant table: what the paper or its reference code fixes for this model.

    Attributes:
        crop_fraction: Side of the central crop over the short side of the image, in the published evaluation.
        scale_stem_and_head: Whether width and depth also scale the stem, the head and the repeats of the
            first and last stage.
        channel_floor: Least share of the exact channel number that rounding may leave.
    """

    id: str
    family: Family
    stages: tuple[Stage, ...]
    stem_channels: int
    head_channels: int
    width: float
    depth: float
    resolution_px: int
    dropout: float
    activation: Activation
    normalisation: Normalisation
    published: Published
    source: str
    crop_fraction: float = 0.875
    scale_stem_and_head: bool = True
    channel_floor: float = 0.9
    bn_epsilon: float = 1e-3


@dataclass(frozen=True)
class Block:
    """One MBConv or fused MBConv after scaling; ``name`` is Keras applications' prefix, such as ``block2a``.

    A fused MBConv without expansion (``expansion == 1``) is one ``kernel`` x ``kernel`` convolution with
    activation, called ``project_conv`` in Keras applications; no ``se_channels`` means no squeeze-and-excite.
    """

    name: str
    operator: Operator
    kernel: int
    stride: int
    in_channels: int
    expansion: int
    expanded_channels: int
    out_channels: int
    se_channels: int
    residual: bool
    symmetric_padding: bool = False


@dataclass(frozen=True)
class Architecture:
    """A variant after scaling: every number that a build, a cost table or a drawing needs."""

    variant_id: str
    resolution_px: int
    stem_channels: int
    blocks: tuple[Block, ...]
    head_channels: int
    num_classes: int
    include_top: bool
    dropout: float
    activation: Activation
    bn_epsilon: float
