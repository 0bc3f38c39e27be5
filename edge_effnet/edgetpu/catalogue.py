"""Every variant on the Edge TPU, from the table alone: what would be mapped, memory, estimates, and what was published."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.edgetpu.estimate import CLOCKS_MHZ, activation_bytes, fitted
from edge_effnet.edgetpu.layers import variant_layers
from edge_effnet.edgetpu.outlook import outlook_of_variant
from edge_effnet.inspect.edgetpu_layers import ACTIVATION_MEMORY_BYTES, LARGE_MEAN_PLACES
from edge_effnet.variants import VARIANTS
from edge_effnet.variants.scale import MIN_RESOLUTION_PX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_effnet.inspect.edgetpu_layers import EdgeLayer

__all__ = ["INT8_TOP1", "catalogue", "catalogue_record", "largest_fitting_px", "risks_of"]

INT8_TOP1: Final[Mapping[str, float]] = MappingProxyType(
    {
        "lite0": 74.4, "lite1": 75.9, "lite2": 77.0, "lite3": 79.0, "lite4": 80.2,
        "edgetpu-s": 77.0, "edgetpu-m": 78.6, "edgetpu-l": 80.2,
    }
)  # fmt: skip
"""Variant -> top-1 in percent after post-training quantisation, as tensorflow/tpu, models/official/efficientnet, lite/README.md
and edgetpu/README.md give it."""


_STEP_PX: Final = 8


def catalogue(link: str = "usb3") -> list[dict[str, Any]]:
    """Return the record of every variant, in the order of the table."""
    return [catalogue_record(model, link) for model in VARIANTS]


def catalogue_record(model: str, link: str = "usb3") -> dict[str, Any]:
    """Return what is predicted, estimated and published for one variant.

    Raises:
        UnknownNameError: There is no such variant or link.
    """
    by_clock = {clock: outlook_of_variant(model, clock_mhz=clock, link=link) for clock in sorted(CLOCKS_MHZ)}
    first = by_clock[CLOCKS_MHZ[0]]
    record = first.as_json()
    published = [
        {key: row[key] for key in ("ms", "clock_mhz", "link", "source")}
        for row in fitted()["rows"]
        if row["model"] == model
    ]
    return {
        "id": model,
        "resolution_px": VARIANTS[model].resolution_px,
        "link": link,
        "predicted": {
            "mapped_ops": record["mapped_ops"],
            "total_ops": record["mapped_ops"] + record["cpu_ops"],
            "operators": dict(Counter(layer.op for layer in first.layers)),
            **record["memory"],
            "fits_px": largest_fitting_px(model),
            "risks": risks_of(first.layers),
        },
        "estimate": [
            {"clock_mhz": clock, "ms": found.estimate_ms, "low_ms": found.low_ms, "high_ms": found.high_ms}
            for clock, found in by_clock.items()
        ],
        "published": {
            "latency": published,
            "top1": VARIANTS[model].published.top1,
            "int8_top1": INT8_TOP1.get(model),
        },
    }


def risks_of(layers: Sequence[EdgeLayer]) -> list[str]:
    """Return what may keep a network from being mapped as predicted, a few words each."""
    found = []
    most = max(map(activation_bytes, layers))
    if most > ACTIVATION_MEMORY_BYTES:
        found.append(f"activations {most / 2**20:.1f} MiB")
    if any(layer.op == "MEAN" and _places(layer) >= LARGE_MEAN_PLACES for layer in layers):
        found.append("large MEAN")
    if any(layer.op == "MUL" and layer.input_bytes < 2 * layer.output_bytes for layer in layers):
        found.append("SE unproven")
    return found


def largest_fitting_px(model: str) -> int:
    """Return the largest resolution, at most the variant's own, at which its activations fit the chip; else a multiple of 8."""
    own = VARIANTS[model].resolution_px
    if _fits(model, own):
        return own
    below, above = MIN_RESOLUTION_PX // _STEP_PX, -(-own // _STEP_PX)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if _fits(model, middle * _STEP_PX) else (below, middle)
    return below * _STEP_PX


def _fits(model: str, resolution_px: int) -> bool:
    return max(map(activation_bytes, variant_layers(model, resolution_px))) <= ACTIVATION_MEMORY_BYTES


def _places(layer: EdgeLayer) -> int:
    return layer.input_shape[0] * layer.input_shape[1]
