"""Compound scaling: from a variant's table row to every block, as pure functions.

References:
    Tan and Le, "EfficientNet", 2019, section 3.3: depth ``alpha**phi``, width ``beta**phi``, resolution
    ``gamma**phi`` with ``alpha * beta**2 * gamma**2`` about 2, so that the work grows about as ``2**phi``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.variants.spec import Activation, Architecture, Block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.variants.spec import Stage, Variant

__all__ = [
    "MIN_RESOLUTION_PX",
    "Coefficients",
    "architecture",
    "compound_coefficients",
    "round_channels",
    "round_repeats",
]

MIN_RESOLUTION_PX = 32
"""Five strides of 2 leave one pixel of it; Keras applications has the same limit."""

_MAX_COEFFICIENT = 100.0
"""Far above any published network (EfficientNet-L2 has 4.3 and 5.3); a slip of the finger must not hang."""
_MAX_PHI = 50.0


@dataclass(frozen=True)
class Coefficients:
    """What one φ of compound scaling amounts to."""

    width: float
    depth: float
    resolution_px: int


def compound_coefficients(
    phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15, base_resolution_px: int = 224
) -> Coefficients:
    """Return width, depth and resolution for ``phi``; 0 is the baseline, and any real number will do.

    The published B1 to B7 use coefficients rounded by hand, which are in the variant table.

    Raises:
        UsageError: ``phi`` is not a number or too far from 0 to be built.
    """
    if not abs(phi) <= _MAX_PHI:
        raise UsageError("phi is out of range", got=phi, allowed=f"-{_MAX_PHI:g} to {_MAX_PHI:g}")
    return Coefficients(beta**phi, alpha**phi, round(base_resolution_px * gamma**phi))


def round_channels(channels: int, width: float, divisor: int = 8, floor: float = 0.9) -> int:
    """Scale ``channels`` by ``width`` to the nearest multiple of ``divisor``, halves upwards, at least one.

    Args:
        channels: Before scaling.
        width: Coefficient, above 0.
        divisor: What the result is a multiple of.
        floor: A result below this share of the exact number is moved up by one divisor; 0 switches that off.
    """
    exact = channels * width
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < floor * exact else rounded


def round_repeats(repeats: int, depth: float) -> int:
    """Scale ``repeats`` by ``depth``, upwards."""
    return math.ceil(repeats * depth)


def architecture(
    variant: Variant,
    *,
    width: float | None = None,
    depth: float | None = None,
    resolution_px: int | None = None,
    num_classes: int = 1000,
    include_top: bool = True,
    squeeze_excite: bool = True,
    activation: Activation | None = None,
) -> Architecture:
    """Scale ``variant`` and list every block.

    Args:
        variant: The table row.
        width: Coefficient of the channels; the variant's own where None, and likewise below.
        depth: Coefficient of the repeats.
        resolution_px: Side of the square input, at least `MIN_RESOLUTION_PX`.
        num_classes: Outputs of the classifier.
        include_top: Whether there is a classifier.
        squeeze_excite: False drops squeeze-and-excite from every block that has it.
        activation: In place of the variant's.

    Raises:
        UsageError: A number is out of its range, or the activation is unknown.
    """
    width = variant.width if width is None else width
    depth = variant.depth if depth is None else depth
    resolution_px = variant.resolution_px if resolution_px is None else resolution_px
    activation = variant.activation if activation is None else activation
    _check(width, depth, resolution_px, num_classes, activation)
    outer = width if variant.scale_stem_and_head else 1.0
    stem_channels = round_channels(variant.stem_channels, outer, floor=variant.channel_floor)
    return Architecture(
        variant_id=variant.id,
        resolution_px=resolution_px,
        stem_channels=stem_channels,
        blocks=tuple(_blocks(variant, width, depth, stem_channels, squeeze_excite=squeeze_excite)),
        head_channels=round_channels(variant.head_channels, outer, floor=variant.channel_floor),
        num_classes=num_classes,
        include_top=include_top,
        dropout=variant.dropout,
        activation=activation,
        bn_epsilon=variant.bn_epsilon,
    )


def _check(width: float, depth: float, resolution_px: int, num_classes: int, activation: str) -> None:
    for name, value in (("width", width), ("depth", depth)):
        if not 0 < value <= _MAX_COEFFICIENT:
            raise UsageError(
                f"the {name} is out of range", got=value, allowed=f"above 0, at most {_MAX_COEFFICIENT:g}"
            )
    if resolution_px < MIN_RESOLUTION_PX:
        raise UsageError(
            "the resolution is too small", got=resolution_px, allowed=f"{MIN_RESOLUTION_PX} px or more"
        )
    if num_classes < 1:
        raise UsageError("the number of classes is too small", got=num_classes, allowed="1 or more")
    if activation not in get_args(Activation):
        raise UnknownNameError("activation", activation, get_args(Activation))


def _blocks(
    variant: Variant, width: float, depth: float, channels: int, *, squeeze_excite: bool
) -> Iterator[Block]:
    for index, stage in enumerate(variant.stages):
        is_outer = index in {0, len(variant.stages) - 1}
        fixed = is_outer and not variant.scale_stem_and_head
        out_channels = round_channels(stage.channels, width, floor=variant.channel_floor)
        for repeat in range(stage.repeats if fixed else round_repeats(stage.repeats, depth)):
            first = repeat == 0
            counted = (
                round_channels(stage.input_channels, width, floor=variant.channel_floor)
                if first and stage.input_channels
                else channels
            )
            yield _block(
                stage,
                name=f"block{index + 1}{_letters(repeat)}",
                stride=stage.stride if first else 1,
                in_channels=channels,
                expanded_channels=counted * stage.expansion,
                out_channels=out_channels,
                se_ratio=stage.se_ratio if squeeze_excite else 0.0,
            )
            channels = out_channels


def _block(
    stage: Stage,
    *,
    name: str,
    stride: int,
    in_channels: int,
    expanded_channels: int,
    out_channels: int,
    se_ratio: float,
) -> Block:
    return Block(
        name=name,
        operator=stage.operator,
        kernel=stage.kernel,
        stride=stride,
        in_channels=in_channels,
        expansion=stage.expansion,
        expanded_channels=expanded_channels,
        out_channels=out_channels,
        se_channels=max(1, int(in_channels * se_ratio)) if se_ratio else 0,
        residual=stage.skip and stride == 1 and in_channels == out_channels,
        symmetric_padding=stage.symmetric_padding,
    )


def _letters(index: int) -> str:
    """Return ``a`` to ``z``, then ``aa``, ``ab`` and so on, as the columns of a spreadsheet are called."""
    head = _letters(index // 26 - 1) if index >= 26 else ""
    return head + chr(ord("a") + index % 26)
