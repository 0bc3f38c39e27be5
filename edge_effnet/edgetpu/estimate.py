"""How long a model would take on an Edge TPU: cycles of the tiles, bytes over the link. An estimate, never a measurement.

The time of one inference is

    invoke + (input + output + instructions) / link + sum over layers of max(compute, activations, streaming + spill)

* compute: the map is cut into 4 x 4 tiles; a cell takes one output channel and four inputs per step.
* activations: bytes that a layer reads and writes in the tiles' memory.
* streaming: parameters that did not fit the cache travel while the layer computes.
* spill: activations beyond the tiles' memory travel to the host and back.
* instructions: the program is sent at every inference, about the same number of bytes per convolution.

References:
    Compiler 1.0 still wrote its own estimate into the file: two cycles per step of a convolution and 8.5 per step of a
    depthwise one, exactly so in stacks of equal convolutions. Those two are where the fit starts.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

from edge_effnet.errors import UnknownNameError, UsageError
from edge_effnet.inspect.edgetpu_layers import ACTIVATION_MEMORY_BYTES, CELLS, TILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_effnet.inspect.edgetpu_layers import EdgeLayer

__all__ = [
    "CLOCKS_MHZ",
    "LINKS",
    "Constants",
    "LayerTime",
    "Limit",
    "activation_bytes",
    "constants_for",
    "fitted",
    "layer_time",
    "layer_times",
    "steps",
    "total_ms",
]

CLOCKS_MHZ: Final = (500, 250)
"""Clock of `libedgetpu1-max` and of `libedgetpu1-std`."""

LINKS: Final[Mapping[str, str]] = {
    "usb3": "USB Accelerator at USB 3, on a desktop computer",
    "usb2": "USB Accelerator at USB 2, or the Dev Board Mini",
    "pcie": "Dev Board, or a module on PCIe",
}
"""Link -> what has it."""

Limit = Literal["compute", "activations", "parameter streaming", "activation spill", "I/O"]

_SIDE: Final = math.isqrt(TILES)
_INPUTS_PER_STEP: Final = 4
_DENSE: Final = frozenset({"CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
_BYTES_PER_MS: Final = 1e3
"""Bytes per millisecond in one MB/s; cycles per millisecond in one kHz."""


@dataclass(frozen=True)
class Constants:
    """What was fitted; each has a physical meaning.

    Attributes:
        conv_cycles: Cycles per step of a convolution or dense layer.
        depthwise_cycles: Cycles per step of a depthwise convolution.
        activation_bytes_per_cycle: Activations that all tiles together read and write in a cycle.
        invoke_ms: What every inference costs before anything is moved.
        instruction_bytes: Program that is sent per convolution or dense layer.
        spill_trips: How often an activation byte beyond the tiles' memory crosses the link.
        link_mb_per_s: Link -> megabytes per second that it moves.
    """

    conv_cycles: float
    depthwise_cycles: float
    activation_bytes_per_cycle: float
    invoke_ms: float
    instruction_bytes: float
    spill_trips: float
    link_mb_per_s: Mapping[str, float]


@dataclass(frozen=True)
class LayerTime:
    """Time of one layer, or of what is moved before and after all of them.

    Attributes:
        name: Of the layer; ``input``, ``instructions``, ``output`` or ``invoke`` for the rest.
        kind: TFLite's operator, or ``TRANSFER``.
        ms: Its time.
        limit: What it waits for.
    """

    name: str
    kind: str
    ms: float
    limit: Limit


def steps(layer: EdgeLayer) -> int:
    """Return how many steps the busiest tile takes for a layer with weights; 0 for the others.

    A step is one tap of one output place, for 64 output channels and, but for a depthwise layer, four inputs.
    """
    if not layer.weighted or len(layer.output_shape) == 0:
        return 0
    height, width, channels = (1, 1, *layer.output_shape)[-3:]
    places = -(-height // _SIDE) * -(-width // _SIDE)
    inputs = 1 if layer.op == "DEPTHWISE_CONV_2D" else -(-layer.fan_in // _INPUTS_PER_STEP)
    return places * math.prod(layer.kernel) * inputs * -(-channels // CELLS)


def activation_bytes(layer: EdgeLayer) -> int:
    """Return what the activations that are alive at a layer take on the chip: the fullest tile, times their number."""
    return TILES * layer.tile_bytes


def layer_time(layer: EdgeLayer, constants: Constants, clock_mhz: float, mb_per_s: float) -> LayerTime:
    """Return the time of one layer, which is that of the slowest thing that it waits for."""
    per_step = constants.depthwise_cycles if layer.op == "DEPTHWISE_CONV_2D" else constants.conv_cycles
    cycles_per_ms, bytes_per_ms = clock_mhz * 1e3, mb_per_s * _BYTES_PER_MS
    excess = max(0, activation_bytes(layer) - ACTIVATION_MEMORY_BYTES)
    moved = layer.input_bytes + layer.output_bytes
    streaming, spill = layer.streamed_bytes / bytes_per_ms, constants.spill_trips * excess / bytes_per_ms
    waits: dict[Limit, float] = {
        "compute": per_step * steps(layer) / cycles_per_ms,
        "activations": moved / constants.activation_bytes_per_cycle / cycles_per_ms,
        "activation spill" if spill > streaming else "parameter streaming": streaming + spill,
    }
    limit = max(waits, key=lambda name: waits[name])
    return LayerTime(layer.name, layer.op, waits[limit], limit)


def layer_times(
    layers: Sequence[EdgeLayer], constants: Constants, *, clock_mhz: float = 500, link: str = "usb3"
) -> tuple[LayerTime, ...]:
    """Return the time of every layer in order, with what is moved for all of them; their sum is the estimate.

    Args:
        layers: Those on the Edge TPU, with their parameters given out (see `allocated`).
        constants: What was fitted.
        clock_mhz: Clock of the chip.
        link: One of `LINKS`.

    Raises:
        UnknownNameError: There is no such link.
        UsageError: The clock is not between 1 and 1,000 MHz, or there are no layers.
    """
    if link not in LINKS:
        raise UnknownNameError("link", link, LINKS)
    if not 1 <= clock_mhz <= 1000:
        raise UsageError("no such clock", got=clock_mhz, allowed="1 to 1,000 MHz; the chip has 250 and 500")
    if not layers:
        raise UsageError("nothing would run on the Edge TPU", hint="edge-effnet edgetpu check says why")
    mb_per_s = constants.link_mb_per_s[link]
    program = constants.instruction_bytes * sum(layer.op in _DENSE for layer in layers)

    def transfer(name: str, size_bytes: float) -> LayerTime:
        return LayerTime(name, "TRANSFER", size_bytes / (mb_per_s * _BYTES_PER_MS), "I/O")

    return (
        LayerTime("invoke", "TRANSFER", constants.invoke_ms, "I/O"),
        transfer("instructions", program),
        transfer("input", layers[0].input_bytes),
        *(layer_time(layer, constants, clock_mhz, mb_per_s) for layer in layers),
        transfer("output", layers[-1].output_bytes),
    )


def total_ms(times: Sequence[LayerTime]) -> float:
    """Return the time of one inference."""
    return math.fsum(time.ms for time in times)


@cache
def fitted() -> dict[str, Any]:
    """Return the shipped fit: constants, constants without each model, the rows, and where all of it is from."""
    text = resources.files("edge_effnet.edgetpu").joinpath("latency.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def constants_for(model: str | None = None) -> Constants:
    """Return the constants, fitted without ``model`` where its own latency was published.

    So no figure is ever compared with one that it was fitted on.
    """
    found = fitted()
    return Constants(**found["without"].get(model, found["constants"]))
