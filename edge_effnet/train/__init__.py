"""Stage: train. Weights from labelled pictures; here those of the demonstration, drawn from a seed."""

from __future__ import annotations

from edge_effnet.train.plan import DEMO_PLAN, Phase, Plan

__all__ = ["DEMO_PLAN", "Phase", "Plan"]
