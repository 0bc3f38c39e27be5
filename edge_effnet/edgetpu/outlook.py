"""The estimate of one model: milliseconds with an interval, per layer, and what it leaves out. From a file or the table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.edgetpu.estimate import (
    Constants,
    LayerTime,
    activation_bytes,
    constants_for,
    fitted,
    layer_times,
    total_ms,
)
from edge_effnet.edgetpu.layers import variant_layers
from edge_effnet.edgetpu.validation import ratio_interval, validation
from edge_effnet.errors import DataError
from edge_effnet.inspect.edgetpu import predict_file
from edge_effnet.inspect.edgetpu_layers import ACTIVATION_MEMORY_BYTES, allocated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_effnet.inspect.edgetpu_layers import EdgeLayer

__all__ = ["Outlook", "outlook_of_file", "outlook_of_variant"]

_OUT_AND_BACK: Final = 2.0
_MOVES: Final = frozenset({"PAD", "RESHAPE"})
"""Operators that only move activations, which every published network does."""


@dataclass(frozen=True)
class Outlook:
    """What one inference of a model would take.

    Attributes:
        subject: Id of the variant, or the file's name.
        layers: Those on the Edge TPU.
        times: Their times, and those of what is moved.
        clock_mhz: Clock.
        link: How the device is attached.
        low_ms: Nine of ten models take longer than this, and
        high_ms: shorter than this; together 90 %.
        cpu_operators: Operators that stay on the CPU: their time is not in the estimate.
        notes: What the estimate leaves out or does not know, a sentence each.
        sha256: Of the file; None for the table.
    """

    subject: str
    layers: tuple[EdgeLayer, ...]
    times: tuple[LayerTime, ...]
    clock_mhz: float
    link: str
    low_ms: float
    high_ms: float
    cpu_operators: int
    notes: tuple[str, ...]
    sha256: str | None = None

    @property
    def estimate_ms(self) -> float:
        """Time of one inference, steady state."""
        return total_ms(self.times)

    def as_json(self) -> dict[str, Any]:
        """Return the record of `edgetpu estimate --json`."""
        return {
            "schema_version": 1,
            "label": "estimate",
            "model": self.subject,
            "sha256": self.sha256,
            "clock_mhz": self.clock_mhz,
            "link": self.link,
            "estimate_ms": self.estimate_ms,
            "low_ms": self.low_ms,
            "high_ms": self.high_ms,
            "interval": "90 % of published models, judged by fits that left them out",
            "mapped_ops": len(self.layers),
            "cpu_ops": self.cpu_operators,
            "memory": {
                "cached_bytes": sum(layer.cached_bytes for layer in self.layers),
                "streamed_bytes": sum(layer.streamed_bytes for layer in self.layers),
                "activation_bytes": max(map(activation_bytes, self.layers)),
            },
            "layers": [
                {"name": time.name, "kind": time.kind, "ms": time.ms, "limit": time.limit}
                for time in self.times
            ],
            "notes": list(self.notes),
            "validation": validation(),
        }


def outlook_of_variant(
    model: str, *, resolution_px: int | None = None, clock_mhz: float = 500, link: str = "usb3"
) -> Outlook:
    """Estimate a variant from the table alone, as `convert --int8` would write it.

    Raises:
        UnknownNameError: There is no such variant or link.
        UsageError: The resolution or the clock is out of range.
    """
    layers = allocated(variant_layers(model, resolution_px))
    return _outlook(model, layers, constants_for(model), clock_mhz, link)


def outlook_of_file(path: Path, *, clock_mhz: float = 500, link: str = "usb3") -> Outlook:
    """Estimate a .tflite file: the operators that are predicted to be mapped.

    Raises:
        DataError: The file is missing, damaged, no TFLite model, compiled already, or nothing of it would be mapped.
        UnknownNameError: There is no such link.
        UsageError: The clock is out of range.
    """
    prediction, sha256 = predict_file(path)
    if not any(layer.mapped for layer in prediction.layers):
        raise DataError(
            "nothing of this model would run on the Edge TPU",
            got=prediction.findings[0].reason if prediction.findings else path,
            hint=f"edge-effnet edgetpu check {path}",
        )
    found = _outlook(path.name, prediction.layers, constants_for(), clock_mhz, link)
    if prediction.compiles:
        return replace(found, sha256=sha256)
    note = (
        f"predicted not to compile ({prediction.findings[0].reason}): the time is that of the operators alone"
    )
    return replace(found, sha256=sha256, notes=(note, *found.notes))


def _outlook(
    subject: str, layers: Sequence[EdgeLayer], constants: Constants, clock_mhz: float, link: str
) -> Outlook:
    mapped = tuple(layer for layer in layers if layer.mapped)
    times = layer_times(mapped, constants, clock_mhz=clock_mhz, link=link)
    low, high = _interval(mapped, constants, clock_mhz, link)
    cpu = len(layers) - len(mapped)
    return Outlook(
        subject, mapped, times, clock_mhz, link, low, high, cpu, tuple(_notes(mapped, subject, cpu))
    )


def _interval(
    layers: Sequence[EdgeLayer], constants: Constants, clock_mhz: float, link: str
) -> tuple[float, float]:
    """Return the interval: the held-out errors, and for what no published model has, nothing or twice the time."""
    unseen = _unseen(layers)
    times = layer_times(layers, constants, clock_mhz=clock_mhz, link=link)
    worst = replace(constants, spill_trips=max(_OUT_AND_BACK, constants.spill_trips))
    spilled = total_ms(layer_times(layers, worst, clock_mhz=clock_mhz, link=link))
    open_ms = sum(time.ms for time in times if time.kind in unseen)
    below, above = ratio_interval()
    return below * (total_ms(times) - open_ms), above * (spilled + open_ms)


def _unseen(layers: Sequence[EdgeLayer]) -> set[str]:
    """Return the operators that compute something and are in no network with a published latency."""
    return {layer.op for layer in layers} - set(fitted()["operators"]) - _MOVES


def _notes(layers: Sequence[EdgeLayer], subject: str, cpu: int) -> list[str]:
    notes = []
    unseen = sorted(_unseen(layers))
    if unseen:
        notes.append(
            f"{', '.join(unseen)}: in no network with a published latency; the interval counts nothing to twice their time"
        )
    spilling = sum(activation_bytes(layer) > ACTIVATION_MEMORY_BYTES for layer in layers)
    if spilling:
        notes.append(
            f"{spilling} operators have more than 3 MiB of activations alive: what that costs is hardly known,"
            " and the compiler may refuse the model"
        )
    if cpu:
        notes.append(f"{cpu} operators stay on the CPU: their time, and moving data to them, is not counted")
    if subject in fitted()["without"]:
        notes.append(f"the constants were fitted without what was published for {subject}")
    return notes
