"""Stage: runtimes. What can run a .tflite file: engines by name, each with a probe."""

from __future__ import annotations

from edge_effnet.runtimes.base import Available, Engine, Missing, Model, TensorSpec
from edge_effnet.runtimes.litert import LocalModel
from edge_effnet.runtimes.registry import engine, engine_names, probe_all

__all__ = [
    "Available",
    "Engine",
    "LocalModel",
    "Missing",
    "Model",
    "TensorSpec",
    "engine",
    "engine_names",
    "probe_all",
]
