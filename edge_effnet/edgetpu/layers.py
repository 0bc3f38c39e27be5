"""Layers without a file: written down one after the other, or counted from the variant table. No TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from edge_effnet.inspect.edgetpu_layers import TILES, EdgeLayer
from edge_effnet.variants import architecture, get_variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_effnet.variants import Architecture, Block

__all__ = ["Chain", "variant_layers"]

_SIDE: Final = math.isqrt(TILES)
_CHANNEL_STEP: Final = 4
"""Channels are padded to the four that a cell multiplies at a time."""


@dataclass
class _Map:
    """One activation: its shape, how much of it a tile needs, and from which layer to which it is alive."""

    shape: tuple[int, int, int]
    born: int
    last: int
    rows: int
    columns: int

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape)

    @property
    def tile_bytes(self) -> int:
        return self.rows * self.columns * -(-self.shape[2] // _CHANNEL_STEP) * _CHANNEL_STEP


class Chain:
    """Writes layers down in order, each on the result of the one before.

    Attributes:
        where: Part of the network that is being written; the names of its layers begin with it.
    """

    def __init__(self, side_px: int, channels: int = 3) -> None:
        self.where = ""
        self._layers: list[EdgeLayer] = []
        self._maps: list[_Map] = []
        self._now = self._map((side_px, side_px, channels))

    @property
    def layers(self) -> Sequence[EdgeLayer]:
        """What was written so far, with the activations that are alive at each layer."""
        alive = [
            [one for one in self._maps if one.born <= place <= one.last] for place in range(len(self._layers))
        ]
        return [
            replace(
                layer,
                live_bytes=sum(one.size_bytes for one in maps),
                tile_bytes=sum(one.tile_bytes for one in maps),
            )
            for layer, maps in zip(self._layers, alive, strict=True)
        ]

    @property
    def channels(self) -> int:
        """Channels of what the last layer gave."""
        return self._shape[2]

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self._maps[self._now].shape

    def conv(
        self, channels: int, kernel: tuple[int, int] = (1, 1), stride: int = 1, *, padded: bool = True
    ) -> None:
        """Add a convolution with its bias and its clamp."""
        shape = (*self._sides(kernel, stride, padded), channels)
        taps = math.prod(kernel) * self.channels
        self._add("CONV_2D", shape, kernel, stride, fan_in=self.channels, macs=math.prod(shape) * taps)

    def depthwise(self, kernel: tuple[int, int], stride: int = 1, channels: int | None = None) -> None:
        """Add a depthwise convolution; ``channels`` where it gives more than it gets."""
        shape = (*self._sides(kernel, stride, padded=True), channels or self.channels)
        macs = math.prod(shape) * math.prod(kernel)
        self._add("DEPTHWISE_CONV_2D", shape, kernel, stride, fan_in=1, macs=macs)

    def dense(self, outputs: int) -> None:
        """Add a dense layer over everything there is."""
        inputs = math.prod(self._shape)
        self._add("FULLY_CONNECTED", (1, 1, outputs), fan_in=inputs, macs=inputs * outputs)

    def window(self, op: str, kernel: tuple[int, int], stride: int, *, padded: bool = True) -> None:
        """Add a pooling layer."""
        self._add(op, (*self._sides(kernel, stride, padded), self.channels), kernel, stride)

    def pool(self) -> None:
        """Add the mean over the whole map."""
        self._add("MEAN", (1, 1, self.channels))

    def pad(self, before_and_after: int) -> None:
        """Add zeros around the map."""
        height, width, channels = self._shape
        self._add("PAD", (height + 2 * before_and_after, width + 2 * before_and_after, channels))

    def softmax(self) -> None:
        """Add the last layer of the classifiers that have one."""
        self._add("SOFTMAX", self._shape)

    def each(self, op: str) -> None:
        """Add an operator on every value."""
        self._add(op, self._shape)

    def scale_and_shift(self) -> None:
        """Add a batch norm that no convolution can take in: the layer before it gives several what they need."""
        self.each("MUL")
        self.each("ADD")

    def fork(self, paths: Sequence[Callable[[], None]], join: str = "CONCATENATION") -> None:
        """Add paths that start from the same input, and what joins their results."""
        start, results = self._now, []
        for path in paths:
            self._now = start
            path()
            results.append(self._now)
        shapes = [self._maps[result].shape for result in results]
        channels = sum(shape[2] for shape in shapes) if join == "CONCATENATION" else self.channels
        self._add(join, (*self._shape[:2], channels), inputs=results)

    def bottleneck(self, expansion: int, channels: int, kernel: int, stride: int, *, residual: bool) -> None:
        """Add an inverted bottleneck."""

        def path() -> None:
            if expansion != 1:
                self.conv(expansion * self.channels)
            self.depthwise((kernel, kernel), stride)
            self.conv(channels)

        if residual:
            self.fork([lambda: None, path], join="ADD")
        else:
            path()

    def _sides(self, kernel: tuple[int, int], stride: int, padded: bool) -> tuple[int, int]:
        height, width = (
            -(-(side if padded else side - taps + 1) // stride)
            for side, taps in zip(self._shape[:2], kernel, strict=True)
        )
        return height, width

    def _map(self, shape: tuple[int, int, int]) -> int:
        """Note a new activation; return its number."""
        place = len(self._layers)
        self._maps.append(_Map(shape, place, place, -(-shape[0] // _SIDE), -(-shape[1] // _SIDE)))
        return len(self._maps) - 1

    def _add(
        self,
        op: str,
        shape: tuple[int, int, int],
        kernel: tuple[int, int] = (1, 1),
        stride: int = 1,
        *,
        inputs: Sequence[int] = (),
        fan_in: int = 0,
        macs: int = 0,
    ) -> None:
        read = [self._maps[one] for one in inputs or (self._now,)]
        for one in read:
            one.last = len(self._layers)
        if op.endswith("_2D"):  # a tile keeps the border that the kernel reads
            needed = [
                (-(-side // _SIDE) - 1) * stride + taps for side, taps in zip(shape, kernel, strict=False)
            ]
            read[0].rows, read[0].columns = max(read[0].rows, needed[0]), max(read[0].columns, needed[1])
        source = self._shape
        self._now = self._map(shape)
        self._layers.append(
            EdgeLayer(
                index=len(self._layers),
                op=op,
                name=f"{self.where or len(self._layers)}/{op.lower()}",
                input_shape=source,
                output_shape=shape,
                kernel=kernel,
                strides=(stride, stride),
                fan_in=fan_in,
                weighted=fan_in > 0,
                macs=macs,
                input_bytes=sum(one.size_bytes for one in read),
                output_bytes=math.prod(shape),
            )
        )


def variant_layers(
    name: str, resolution_px: int | None = None, *, as_released: bool = False
) -> Sequence[EdgeLayer]:
    """Return the layers of a variant as this package exports it in int8: batch norms folded, clamps fused.

    Args:
        name: Id of a variant.
        resolution_px: Side of the input; None is the variant's own.
        as_released: The EfficientNet-EdgeTPU models as their authors released them, for which latency was published:
            the stride of a fused block is in its projection, which is four times the work, and SOFTMAX is at the end.
    """
    arch = architecture(get_variant(name), resolution_px=resolution_px)
    chain = Chain(arch.resolution_px)
    chain.where = "stem"
    chain.conv(arch.stem_channels, (3, 3), 2)
    _activate(chain, arch)
    for block in arch.blocks:
        chain.where = block.name
        write = partial(_block, chain, arch, block, as_released)
        if block.residual:
            chain.fork([lambda: None, write], join="ADD")
        else:
            write()
    chain.where = "head"
    chain.conv(arch.head_channels)
    _activate(chain, arch)
    chain.pool()
    chain.dense(arch.num_classes)
    if as_released:
        chain.softmax()
    return chain.layers


def _block(chain: Chain, arch: Architecture, block: Block, as_released: bool) -> None:
    kernel = (block.kernel, block.kernel)
    late = as_released and block.symmetric_padding
    if block.operator == "mbconv":
        if block.expansion != 1:
            chain.conv(block.expanded_channels)
            _activate(chain, arch)
        chain.depthwise(kernel, block.stride)
        _activate(chain, arch)
    elif block.expansion != 1:
        _fused(chain, block, 1 if late else block.stride)
        _activate(chain, arch)
    if block.se_channels:
        _squeeze_excite(chain, arch, block.se_channels)
    if block.operator == "fused_mbconv" and block.expansion == 1:
        chain.conv(block.out_channels, kernel, block.stride)
        _activate(chain, arch)
    else:
        chain.conv(block.out_channels, stride=block.stride if late else 1)


def _fused(chain: Chain, block: Block, stride: int) -> None:
    """Add the full convolution of a fused block, with its zeros first where TFLite's own padding would differ."""
    kernel = (block.kernel, block.kernel)
    padded = stride == 1 or not block.symmetric_padding
    if not padded:
        chain.pad(block.kernel // 2)
    chain.conv(block.expanded_channels, kernel, stride, padded=padded)


def _squeeze_excite(chain: Chain, arch: Architecture, squeezed: int) -> None:
    def gate() -> None:
        channels = chain.channels
        chain.pool()
        chain.conv(squeezed)
        _activate(chain, arch)
        chain.conv(channels)
        chain.each("LOGISTIC")

    chain.fork([gate, lambda: None], join="MUL")


def _activate(chain: Chain, arch: Architecture) -> None:
    """Clamps are part of the layer before; swish is a sigmoid and a product."""
    if arch.activation == "swish":
        chain.fork([lambda: None, lambda: chain.each("LOGISTIC")], join="MUL")
    elif arch.activation == "hard_swish":
        chain.each("HARD_SWISH")
