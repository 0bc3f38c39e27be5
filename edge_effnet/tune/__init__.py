"""Composing package: tune. Climbs a ladder of recipes and stops at the first that meets the accuracy budget."""

from __future__ import annotations

from edge_effnet.tune.climb import climb
from edge_effnet.tune.distil import Distilled, Distiller
from edge_effnet.tune.record import Climb, RungResult, SkippedRung, choose
from edge_effnet.tune.request import TuneRequest
from edge_effnet.tune.rungs import RUNG_NAMES, RUNGS, Rung, Situation, reason_to_skip

__all__ = [
    "RUNGS",
    "RUNG_NAMES",
    "Climb",
    "Distilled",
    "Distiller",
    "Rung",
    "RungResult",
    "Situation",
    "SkippedRung",
    "TuneRequest",
    "choose",
    "climb",
    "reason_to_skip",
]
