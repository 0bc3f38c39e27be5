"""Stage: convert. From a model's name to a .tflite file with its contract."""

from __future__ import annotations

from edge_effnet.convert.pipeline import ConvertResult, convert
from edge_effnet.convert.request import PRECISIONS, ConvertRequest

__all__ = ["PRECISIONS", "ConvertRequest", "ConvertResult", "convert"]
