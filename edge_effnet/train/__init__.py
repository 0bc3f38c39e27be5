"""Stage: train. Weights from labelled pictures, and the loop that every training of the package runs in."""

from __future__ import annotations

from edge_effnet.train.demo_plan import DEMO_PLAN, Phase, Plan
from edge_effnet.train.loop import Task, restore_best, run
from edge_effnet.train.records import Best, Outcome, RunPlan, Worker

__all__ = [
    "DEMO_PLAN",
    "Best",
    "Outcome",
    "Phase",
    "Plan",
    "RunPlan",
    "Task",
    "Worker",
    "restore_best",
    "run",
]
