"""How far the latency model is off where the answer was published, each model judged by a fit that never saw it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

from edge_effnet.edgetpu.estimate import constants_for, fitted, layer_times, total_ms
from edge_effnet.edgetpu.layers import variant_layers
from edge_effnet.edgetpu.peers import PEERS, peer_layers
from edge_effnet.inspect.edgetpu_layers import EdgeLayer, allocated

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HeldOut", "held_out", "published_layers", "ratio_interval", "validation"]

_TAIL = 0.05


@dataclass(frozen=True)
class HeldOut:
    """One published row beside its estimate by a fit without that model.

    Attributes:
        model: Id of a variant or peer.
        link: How the device was attached.
        clock_mhz: Its clock.
        published_ms: As published.
        estimate_ms: By the fit without this model.
        fitted: Whether the row is in the fits of the other models.
        source: Who published it.
    """

    model: str
    link: str
    clock_mhz: int
    published_ms: float
    estimate_ms: float
    fitted: bool
    source: str

    @property
    def error_pct(self) -> float:
        """Error of the estimate in percent of what was published."""
        return 100 * (self.estimate_ms / self.published_ms - 1)


@cache
def published_layers(model: str) -> Sequence[EdgeLayer]:
    """Return the layers of a network whose latency was published, as it was released, parameters given out."""
    layers = peer_layers(model) if model in PEERS else variant_layers(model, as_released=True)
    return allocated(layers)


@cache
def held_out() -> tuple[HeldOut, ...]:
    """Return every published row beside its estimate."""
    found = []
    for row in fitted()["rows"]:
        times = layer_times(
            published_layers(row["model"]),
            constants_for(row["model"]),
            clock_mhz=row["clock_mhz"],
            link=row["link"],
        )
        found.append(
            HeldOut(
                row["model"],
                row["link"],
                row["clock_mhz"],
                row["ms"],
                total_ms(times),
                row["fitted"],
                row["source"],
            )
        )
    return tuple(found)


def validation() -> dict[str, Any]:
    """Return the errors, over all rows and by model."""
    rows = held_out()
    by_model: dict[str, list[HeldOut]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    return {
        "median_abs_error_pct": _median_error(rows),
        "max_abs_error_pct": max(abs(row.error_pct) for row in rows),
        "method": "leave-one-model-out",
        "rows": len(rows),
        "models": [
            {
                "model": model,
                "rows": len(own),
                "median_abs_error_pct": _median_error(own),
                "max_abs_error_pct": max(abs(row.error_pct) for row in own),
            }
            for model, own in sorted(by_model.items())
        ],
    }


def _median_error(rows: Sequence[HeldOut]) -> float:
    return median(abs(row.error_pct) for row in rows)


@cache
def ratio_interval() -> tuple[float, float]:
    """Return between which ratios of published to estimated time 90 % lie, every model with the same weight."""
    rows = [row for row in held_out() if row.fitted]
    counts = {row.model: sum(other.model == row.model for other in rows) for row in rows}
    weighted = sorted((row.published_ms / row.estimate_ms, 1 / counts[row.model]) for row in rows)
    return _quantile(weighted, _TAIL), _quantile(weighted, 1 - _TAIL)


def _quantile(weighted: Sequence[tuple[float, float]], share: float) -> float:
    """Return the first value at which the weights, smallest value first, reach ``share`` of their sum."""
    wanted, sofar = share * sum(weight for _, weight in weighted), 0.0
    for value, weight in weighted:
        sofar += weight
        if sofar >= wanted:
            return value
    return weighted[-1][0]
