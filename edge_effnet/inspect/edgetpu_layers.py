"""What the Edge TPU makes of one layer: padded parameter bytes, and where they are kept. Pure arithmetic, no file needed.

References:
    Villarrubia et al., EdgeTPU-QuantRL-Evaluation, CONV_MACs: on- and off-chip bytes that the compiler reported for 68
    stacks of convolutions. `parameter_memory` gives every sum within 0.46 %, 0.06 % on average; `allocated` its split.
    google-coral/libedgetpu, driver/config/beagle/beagle_chip_structures.h: 4 x 4 tiles, 64 cells each, 196,608 bytes of
    narrow (activation) memory per tile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ACTIVATION_MEMORY_BYTES",
    "CACHE_BUDGET_BYTES",
    "CACHE_BUDGET_RANGE_BYTES",
    "CELLS",
    "DEPTHWISE_ERROR",
    "LARGE_MEAN_PLACES",
    "NARROW_BYTES_PER_TILE",
    "TILES",
    "EdgeLayer",
    "allocated",
    "depthwise_memory",
    "parameter_memory",
]

TILES: Final = 16
"""Tiles of the chip, 4 x 4."""

CELLS: Final = 64
"""Cells of a tile; each computes one output channel, four inputs at a time."""

NARROW_BYTES_PER_TILE: Final = 196_608
"""Memory of a tile for activations; the largest use in 104 compiled files is 196,596."""

ACTIVATION_MEMORY_BYTES: Final = TILES * NARROW_BYTES_PER_TILE
"""3 MiB: what the activations that are alive at one moment have."""

CACHE_BUDGET_BYTES: Final = round(7.41 * 2**20)
"""Memory for parameters: 8 MiB less the program and what it needs. The sum of "used" and "remaining" in the compiler's log
of EfficientNet-EdgeTPU S and M, the nearest to this package's models."""

CACHE_BUDGET_RANGE_BYTES: Final = (round(6.16 * 2**20), round(7.88 * 2**20))
"""Least and most of that sum in public logs of compiler 16; large activations and programs leave less."""

_OVERHEAD_BYTES: Final = 8
"""Bias and scale of each padded output channel."""

_INPUTS_PER_CELL: Final = 4
"""Inputs are multiplied four at a time, so their number is padded to that."""

_DEPTHWISE_BYTES: Final[Mapping[int, float]] = MappingProxyType({9: 37.0, 25: 115.2})
"""Taps of a depthwise kernel -> bytes per padded channel. The layout is not published. 3x3: the slope between the compiled
MobileNet v1 0.25 and 0.75, exact there. 5x5: the mean of what is left of the compiler's totals of EfficientNet-EdgeTPU S
and M (6,728 and 8,571 KiB) after their convolutions."""

_DEPTHWISE_BYTES_PER_TAP: Final = 4.6
"""For other kernels: the larger of the two above, per tap. No compiled model confirms it."""

LARGE_MEAN_PLACES: Final = 112 * 112
"""Places from which on a MEAN is a risk: the squeeze-and-excite of a 224 px stem. 256 x 256 x 32 is known to abort the
compiler (google-coral/edgetpu issue 183), 7 x 7 to 10 x 10 is at the end of every classifier; what lies between is not known."""

DEPTHWISE_ERROR: Final = 0.07
"""Error to expect of `depthwise_memory`, as a share: 3x3, fitted on two MobileNets v1, misses the depthwise bytes of the
third by 3 %; the two 5x5 figures are 1 % apart; the rest is for what they cannot show."""

LOOKUP_BYTES: Final = 30_720
"""Constants beside weights in a model that ends in pooling and SOFTMAX: the intercept of the same MobileNets v1, 0.25 and
0.75 (0.5 has 33,792)."""


def parameter_memory(kernel: tuple[int, int], input_channels: int, output_channels: int) -> int:
    """Return the bytes that a convolution's or a dense layer's weights and biases take on the chip.

    Output channels are padded to 64, input channels to 4, and every padded output channel has 8 bytes more.

    Args:
        kernel: Height and width; ``(1, 1)`` for a dense layer.
        input_channels: Inputs of each output channel, per tap.
        output_channels: Outputs.
    """
    outputs = _padded(output_channels, CELLS)
    return outputs * math.prod(kernel) * _padded(input_channels, _INPUTS_PER_CELL) + outputs * _OVERHEAD_BYTES


def depthwise_memory(kernel: tuple[int, int], channels: int) -> int:
    """Return about how many bytes a depthwise layer takes on the chip; see `DEPTHWISE_ERROR`."""
    taps = math.prod(kernel)
    return round(_padded(channels, CELLS) * _DEPTHWISE_BYTES.get(taps, _DEPTHWISE_BYTES_PER_TAP * taps))


def _padded(count: int, step: int) -> int:
    return -(-count // step) * step


@dataclass(frozen=True)
class EdgeLayer:
    """One layer as the Edge TPU sees it; made from a file by `edge_effnet.inspect.edgetpu`, or from a table of layers.

    Attributes:
        index: Its place in the graph.
        op: TFLite's name, such as ``CONV_2D``.
        name: Name of its output.
        input_shape: ``(height, width, channels)`` of its first activation, for one image.
        output_shape: Likewise, of its result.
        kernel: Height and width of its kernel or window; ``(1, 1)`` where it has none.
        strides: Vertical and horizontal step.
        fan_in: Input channels that each output channel sums over, per tap; 1 for a depthwise layer.
        weighted: Whether it has weights.
        macs: Multiply-accumulates.
        input_bytes: Activations that it reads, all inputs.
        output_bytes: Activations that it writes.
        live_bytes: Activations that are alive while it runs, its own included.
        tile_bytes: What they take in the fullest tile, with borders; 0 where only a table of layers is known.
        mapped: Whether it is predicted to run on the Edge TPU.
        status: Why, in the words of the compiler's log.
        cached_bytes: Parameters of it that stay on the chip.
        streamed_bytes: Parameters of it that travel at each inference.
    """

    index: int
    op: str
    name: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    fan_in: int = 0
    weighted: bool = False
    macs: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    live_bytes: int = 0
    tile_bytes: int = 0
    mapped: bool = True
    status: str = "Mapped to Edge TPU"
    cached_bytes: int = 0
    streamed_bytes: int = 0

    @property
    def parameter_bytes(self) -> int:
        """Bytes that its parameters take on the chip, with padding."""
        if self.op == "SOFTMAX":
            return LOOKUP_BYTES
        if not self.weighted:
            return 0
        channels = self.output_shape[-1] if self.output_shape else 1
        if self.op == "DEPTHWISE_CONV_2D":
            return depthwise_memory(self.kernel, channels)
        return parameter_memory(self.kernel, self.fan_in, channels)

    @property
    def is_approximate(self) -> bool:
        """Whether `parameter_bytes` is known to be off by some percent."""
        return self.op in {"DEPTHWISE_CONV_2D", "SOFTMAX"}


def allocated(layers: Iterable[EdgeLayer], budget_bytes: int = CACHE_BUDGET_BYTES) -> Sequence[EdgeLayer]:
    """Decide for every mapped layer whether its parameters are cached or streamed.

    Whole layers, in order, for as long as the next one fits: that gives the compiler's split of all the stacks of
    equal convolutions. Which layers it takes in other networks is not known.
    """
    left, found = budget_bytes, []
    for layer in layers:
        size = layer.parameter_bytes if layer.mapped else 0
        cached = size if size <= left else 0
        left -= cached
        found.append(replace(layer, cached_bytes=cached, streamed_bytes=size - cached))
    return found
