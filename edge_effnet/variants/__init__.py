"""The variants as data: what the papers fix, compound scaling, and every cost that follows. No TensorFlow."""

from __future__ import annotations

from edge_effnet.variants.scale import architecture, compound_coefficients
from edge_effnet.variants.spec import Architecture, Block, Variant
from edge_effnet.variants.table import VARIANTS, get_variant

__all__ = [
    "VARIANTS",
    "Architecture",
    "Block",
    "Variant",
    "architecture",
    "compound_coefficients",
    "get_variant",
]
