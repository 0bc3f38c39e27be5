"""Keras models with weights, and the frozen graph that they become."""

from __future__ import annotations

from edge_effnet.models.build import MODEL_IDS, build
from edge_effnet.models.built import BuiltModel, WeightsRecord

__all__ = ["MODEL_IDS", "BuiltModel", "WeightsRecord", "build"]
