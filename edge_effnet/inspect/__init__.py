"""Stage: inspect. Reads a .tflite file without any runtime, and judges whether it is integers from end to end."""

from __future__ import annotations

from edge_effnet.inspect.graph import read_model, read_model_bytes
from edge_effnet.inspect.records import Model, Operator, Options, Quantisation, Signature, Subgraph, Tensor

__all__ = [
    "Model",
    "Operator",
    "Options",
    "Quantisation",
    "Signature",
    "Subgraph",
    "Tensor",
    "read_model",
    "read_model_bytes",
]
