"""What a drawing shows of a variant, in words and figures: a column, its rows, the parts of their blocks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_effnet.variants.cost import short_count, stage_number
from edge_effnet.variants.svg import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_effnet.variants.cost import Cost, Layer, StageCost
    from edge_effnet.variants.spec import Architecture, Block

__all__ = ["Column", "Part", "Row", "column"]


@dataclass(frozen=True)
class Part:
    """One operator of a block.

    Attributes:
        kind: A key of `edge_effnet.variants.svg.ICONS`.
        what: Its name, with the expansion where there is one.
        figures: Kernel, stride and channels, as far as they apply.
        slot: Its place in the row, 0 to 3.
        slots: How many places it takes.
        cells: Side of its kernel.
    """

    kind: str
    what: str
    figures: str
    slot: int
    slots: int = 1
    cells: int = 3


@dataclass(frozen=True)
class Row:
    """One stage.

    Attributes:
        title: The operator, or ``Stem`` or ``Head``.
        parts: Of its first block.
        repeats: Number of its blocks.
        skip: Which of them add their input to their output, in words; empty for none.
        output: The shape it gives, in words.
        parameters_share: Of all parameters of the variant.
        macs_share: Of all multiply-adds.
    """

    title: str
    parts: tuple[Part, ...]
    repeats: int
    skip: str
    output: str
    parameters_share: float
    macs_share: float

    @property
    def build(self) -> object:
        """What two stages have in common that differ in width and resolution only."""
        return (
            self.title,
            self.repeats,
            [(part.kind, part.what, part.slots, part.cells) for part in self.parts],
        )


@dataclass(frozen=True)
class Column:
    """One variant.

    Attributes:
        name: Its id.
        facts: Lines of facts about the whole.
        picture: Shape of the input, in words.
        rows: Its stages; None keeps a row free, so that the heads of all variants stand in one row.
    """

    name: str
    facts: tuple[tuple[str, ...], ...]
    picture: str
    rows: tuple[Row | None, ...]


def column(arch: Architecture, total: Cost, count: int) -> Column:
    """Describe a variant in ``count`` rows, of which the last is the head."""
    rows = list(_rows(arch, total))
    side = arch.resolution_px
    facts = (
        (f"{side} {TIMES} {side} px", arch.activation, f"{len(arch.blocks)} blocks"),
        (f"{short_count(total.parameters)} parameters", f"{short_count(total.macs)} multiply-adds"),
    )
    free = [None] * (count - len(rows))
    return Column(arch.variant_id, facts, _shape((side, side, 3)), (*rows[:-1], *free, rows[-1]))


def _rows(arch: Architecture, total: Cost) -> Iterator[Row]:
    layers = {name: list(own) for name, own in itertools.groupby(total.layers, key=lambda layer: layer.block)}
    stem = Part("conv", "conv", f"3{TIMES}3, stride 2 → {arch.stem_channels}", 1)
    yield _row("Stem", (stem,), total.stages[0], total, layers["stem"])
    stages = [list(blocks) for _, blocks in itertools.groupby(arch.blocks, key=stage_number)]
    for blocks, stage in zip(stages, total.stages[1:-1], strict=True):
        name = "MBConv" if blocks[0].operator == "mbconv" else "Fused MBConv"
        parts = tuple(_parts(blocks[0]))
        yield _row(name, parts, stage, total, layers[blocks[-1].name], _skip(blocks))
    yield _row("Head", tuple(_head_parts(arch)), total.stages[-1], total, layers["head"])


def _row(
    title: str, parts: tuple[Part, ...], stage: StageCost, total: Cost, layers: list[Layer], skip: str = ""
) -> Row:
    shares = (stage.parameters / total.parameters, stage.macs / total.macs)
    return Row(title, parts, stage.layers, skip, _shape(layers[-1].output_shape), *shares)


def _shape(sides: tuple[int, ...]) -> str:
    """Write ``(height, width, channels)``; a single number is that of the logits."""
    return f" {TIMES} ".join(str(side) for side in sides) if len(sides) > 1 else f"{sides[0]} logits"


def _parts(block: Block) -> Iterator[Part]:
    kernel = f"{block.kernel}{TIMES}{block.kernel}" + (", stride 2" if block.stride == 2 else "")
    expansion = f"expand {TIMES}{block.expansion}"
    if block.operator == "fused_mbconv":
        yield from _fused_parts(block, kernel, expansion)
    else:
        if block.expansion != 1:
            yield Part("expand", expansion, f"→ {block.expanded_channels}", 0)
        yield Part("depthwise", "depthwise", kernel, 1, cells=block.kernel)
    if block.se_channels:
        yield Part("se", "squeeze-excite", f"via {block.se_channels}", 2)
    if block.operator == "mbconv" or block.expansion != 1:
        yield Part("project", "project", f"→ {block.out_channels}", 3)


def _fused_parts(block: Block, kernel: str, expansion: str) -> Iterator[Part]:
    """Describe the full convolution: with the expansion, or with the projection where nothing is expanded."""
    if block.expansion == 1:
        yield Part("conv", "conv", f"{kernel} → {block.out_channels}", 0, slots=4, cells=block.kernel)
    else:
        what = f"conv, {expansion}"
        yield Part("conv", what, f"{kernel} → {block.expanded_channels}", 0, slots=2, cells=block.kernel)


def _head_parts(arch: Architecture) -> Iterator[Part]:
    yield Part("expand", f"conv 1{TIMES}1", f"→ {arch.head_channels}", 0)
    if arch.include_top:
        yield Part("pool", "average pool", f"→ 1{TIMES}1", 1)
        yield Part("dense", "dense", f"→ {arch.num_classes}", 2)


def _skip(blocks: list[Block]) -> str:
    """Say which blocks add their input to their output, by the numbers and letters of the layers' names."""
    having = [block.name.removeprefix("block") for block in blocks if block.residual]
    if not having:
        return ""
    return f"+ input in {having[0]}" if len(having) == 1 else f"+ input in {having[0]} to {having[-1]}"
