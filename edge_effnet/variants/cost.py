"""What a variant costs, from the table alone: parameters, multiply-adds and activation bytes.

A layer here is a convolution or dense layer with the batch norm and the activation that follow it, or an
operator without parameters (pool, multiply, add). Names are those of Keras applications. Counting rules:

* Parameters: kernels, biases and four values per batch-norm channel, of which two (the statistics) are not
  trainable.
* Multiply-adds: kernels of convolution, depthwise and dense layers; nothing else.
* Activation bytes: the layer's output tensor in int8, one byte per value, for one image.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from edge_effnet.variants.table import get_variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edge_effnet.variants.spec import Architecture, Block, Family

__all__ = ["Cost", "Layer", "LayerKind", "StageCost", "cost", "operator_label", "short_count", "stage_number"]

LayerKind = Literal["normalise", "conv", "depthwise", "dense", "pool", "multiply", "add"]
Shape: TypeAlias = tuple[int, ...]

# The Normalization layer that Keras applications puts into B0..B7 stores a mean and a variance per channel
# and a count; in V2-B0..B3 the same layer is given constants and stores nothing.
_STORED_NORMALISATION: dict[Family, int] = {"b": 7}


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: Of the Keras layer, such as ``block2a_expand_conv``.
        block: ``input``, ``stem``, ``block2a`` … or ``head``.
        kind: What it does.
        input_shape: ``(height, width, channels)`` or ``(channels,)`` for one image.
        output_shape: Likewise.
        parameters: All values that it stores.
        trainable_parameters: Those that training changes by gradient.
        macs: Multiply-adds for one image.
    """

    name: str
    block: str
    kind: LayerKind
    input_shape: Shape
    output_shape: Shape
    parameters: int = 0
    trainable_parameters: int = 0
    macs: int = 0

    @property
    def activation_bytes(self) -> int:
        """Bytes of the output tensor in int8."""
        return math.prod(self.output_shape)


@dataclass(frozen=True)
class StageCost:
    """One row of an architecture table with what it costs; stage 1 is the stem, the last one the head.

    Attributes:
        number: From 1, as in the papers' tables.
        operator: Such as ``MBConv6 k3``.
        squeeze_excite: Whether its blocks have squeeze-and-excite.
        resolution_px: Side of its input, as in the papers' tables.
        channels: Channels it gives.
        layers: Number of its blocks.
        parameters: Sum over its layers, and likewise below.
        trainable_parameters: Those that training changes by gradient.
        macs: Multiply-adds for one image.
        activation_bytes: Bytes that its layers write in int8.
    """

    number: int
    operator: str
    squeeze_excite: bool
    resolution_px: int
    channels: int
    layers: int
    parameters: int
    trainable_parameters: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True)
class Cost:
    """All layers and stages of an architecture, and their sums."""

    layers: tuple[Layer, ...]
    stages: tuple[StageCost, ...]
    parameters: int
    trainable_parameters: int
    macs: int
    activation_bytes: int


def cost(arch: Architecture) -> Cost:
    """Count every layer of ``arch``."""
    layers = tuple(_layers(arch))
    return Cost(layers, tuple(_stages(arch, layers)), *_sums(layers))


def stage_number(block: Block) -> int:
    """Return the number of a block's stage in Keras applications' count: 2 for ``block2a``."""
    return int("".join(itertools.takewhile(str.isdigit, block.name.removeprefix("block"))))


def operator_label(block: Block) -> str:
    """Return the name of a block's operator in the papers' notation, such as ``MBConv6 k3``."""
    return f"{'Fused' if block.operator == 'fused_mbconv' else ''}MBConv{block.expansion} k{block.kernel}"


def _sums(layers: Iterable[Layer]) -> tuple[int, int, int, int]:
    rows = [(one.parameters, one.trainable_parameters, one.macs, one.activation_bytes) for one in layers]
    parameters, trainable, macs, activation_bytes = (sum(column) for column in zip(*rows, strict=True))
    return parameters, trainable, macs, activation_bytes


def _stages(arch: Architecture, layers: tuple[Layer, ...]) -> Iterator[StageCost]:
    by_block = {name: list(group) for name, group in itertools.groupby(layers, key=lambda one: one.block)}
    stem = by_block.get("input", []) + by_block["stem"]
    yield StageCost(1, "Conv k3", False, arch.resolution_px, arch.stem_channels, 1, *_sums(stem))
    for number, group in itertools.groupby(arch.blocks, key=stage_number):
        blocks = list(group)
        own = [layer for block in blocks for layer in by_block[block.name]]
        first, last = blocks[0], blocks[-1]
        yield StageCost(
            number + 1,
            operator_label(first),
            first.se_channels > 0,
            own[0].input_shape[0],
            last.out_channels,
            len(blocks),
            *_sums(own),
        )
    head = by_block["head"]
    operator = "Conv k1 + pool + FC" if arch.include_top else "Conv k1"
    number = stage_number(arch.blocks[-1]) + 2
    yield StageCost(number, operator, False, head[0].input_shape[0], arch.head_channels, 1, *_sums(head))


def _layers(arch: Architecture) -> Iterator[Layer]:
    family = get_variant(arch.variant_id).family
    side = arch.resolution_px
    image = (side, side, 3)
    if family in _STORED_NORMALISATION:
        yield Layer("normalization", "input", "normalise", image, image, _STORED_NORMALISATION[family])
    stem = _conv("stem_conv", "stem", image, arch.stem_channels, kernel=3, stride=2)
    yield stem
    shape = stem.output_shape
    for block in arch.blocks:
        layers = list(_block_layers(block, shape, depthwise="dwconv2" if family == "v2" else "dwconv"))
        yield from layers
        shape = layers[-1].output_shape
    yield from _head_layers(arch, shape)


def _head_layers(arch: Architecture, shape: Shape) -> Iterator[Layer]:
    top = _conv("top_conv", "head", shape, arch.head_channels)
    yield top
    if arch.include_top:
        yield Layer("avg_pool", "head", "pool", top.output_shape, (arch.head_channels,))
        macs = arch.head_channels * arch.num_classes
        own = macs + arch.num_classes
        yield Layer(
            "predictions", "head", "dense", (arch.head_channels,), (arch.num_classes,), own, own, macs
        )


def _block_layers(block: Block, shape: Shape, depthwise: str) -> Iterator[Layer]:
    layers = list(
        _fused_start(block, shape) if block.operator == "fused_mbconv" else _start(block, shape, depthwise)
    )
    yield from layers
    inner = layers[-1].output_shape if layers else shape
    if block.se_channels:
        yield from _squeeze_excite(block, inner)
    # A fused block without expansion has its kernel and stride in the projection.
    whole = not layers
    kernel, stride = (block.kernel, block.stride) if whole else (1, 1)
    project = _conv(
        f"{block.name}_project_conv", block.name, inner, block.out_channels, kernel=kernel, stride=stride
    )
    yield project
    if block.residual:
        yield Layer(f"{block.name}_add", block.name, "add", project.output_shape, project.output_shape)


def _fused_start(block: Block, shape: Shape) -> Iterator[Layer]:
    if block.expansion != 1:
        name = f"{block.name}_expand_conv"
        yield _conv(
            name, block.name, shape, block.expanded_channels, kernel=block.kernel, stride=block.stride
        )


def _start(block: Block, shape: Shape, depthwise: str) -> Iterator[Layer]:
    if block.expansion != 1:
        expand = _conv(f"{block.name}_expand_conv", block.name, shape, block.expanded_channels)
        yield expand
        shape = expand.output_shape
    yield _depthwise(f"{block.name}_{depthwise}", block, shape)


def _squeeze_excite(block: Block, shape: Shape) -> Iterator[Layer]:
    pooled = (1, 1, shape[2])
    yield Layer(f"{block.name}_se_squeeze", block.name, "pool", shape, pooled)
    reduce = _conv(f"{block.name}_se_reduce", block.name, pooled, block.se_channels, bias=True)
    yield reduce
    yield _conv(f"{block.name}_se_expand", block.name, reduce.output_shape, shape[2], bias=True)
    yield Layer(f"{block.name}_se_excite", block.name, "multiply", shape, shape)


def _conv(
    name: str,
    block: str,
    shape: Shape,
    channels: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    bias: bool = False,
) -> Layer:
    """Count a convolution with a bias, or with a batch norm instead."""
    height, width = (math.ceil(side / stride) for side in shape[:2])
    weights = kernel * kernel * shape[2] * channels
    total, trainable = (1, 1) if bias else (4, 2)
    return Layer(
        name,
        block,
        "conv",
        shape,
        (height, width, channels),
        weights + total * channels,
        weights + trainable * channels,
        weights * height * width,
    )


def _depthwise(name: str, block: Block, shape: Shape) -> Layer:
    """Count a depthwise convolution with its batch norm."""
    height, width = (math.ceil(side / block.stride) for side in shape[:2])
    channels = shape[2]
    weights = block.kernel**2 * channels
    output = (height, width, channels)
    macs = weights * height * width
    return Layer(
        name, block.name, "depthwise", shape, output, weights + 4 * channels, weights + 2 * channels, macs
    )


def short_count(number: float) -> str:
    """Return a count in three significant digits with k, M or G: ``385814752`` gives ``386 M``."""
    value, unit = float(number), ""
    for larger in ("k", "M", "G"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 0 if not unit or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}".rstrip()
