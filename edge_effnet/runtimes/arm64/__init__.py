"""Emulated arm64 cores: the outputs and the instruction counts of a phone's processor, never its milliseconds."""

from __future__ import annotations

from edge_effnet.runtimes.arm64.cores import CORES, Core, core_of
from edge_effnet.runtimes.arm64.counts import Counts
from edge_effnet.runtimes.arm64.installed import FIX, Installation, default_folder
from edge_effnet.runtimes.arm64.target import Arm64Target, arm64, count_inference, count_operators

__all__ = [
    "CORES",
    "FIX",
    "Arm64Target",
    "Core",
    "Counts",
    "Installation",
    "arm64",
    "core_of",
    "count_inference",
    "count_operators",
    "default_folder",
]
