"""Stage: convert. From a model's name to a .tflite file with its contract."""

from __future__ import annotations

from edge_effnet.convert.pipeline import convert
from edge_effnet.convert.prepared import Prepared, prepare
from edge_effnet.convert.request import PRECISIONS, ConvertRequest
from edge_effnet.convert.result import ConvertResult, finish

__all__ = ["PRECISIONS", "ConvertRequest", "ConvertResult", "Prepared", "convert", "finish", "prepare"]
