"""The whole line on an embedded default: our own B0, a set drawn from a seed, and nothing to download."""

from __future__ import annotations

from edge_effnet.quickstart.assets import MODEL_ID, SET_ID, demo_record, demo_weights
from edge_effnet.quickstart.line import Quickstart, QuickstartRequest, run_quickstart
from edge_effnet.quickstart.pictures import RenderedSplit

__all__ = [
    "MODEL_ID",
    "SET_ID",
    "Quickstart",
    "QuickstartRequest",
    "RenderedSplit",
    "demo_record",
    "demo_weights",
    "run_quickstart",
]
