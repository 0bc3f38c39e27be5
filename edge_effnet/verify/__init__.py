"""Stage: verify. Does the int8 file compute what the float network computes, and where does it not?"""

from __future__ import annotations

from edge_effnet.verify.compare import DEFAULT_LIMIT, LAYER_IMAGES, REFERENCE_IMAGES, verify
from edge_effnet.verify.rebuild import Rebuilt, rebuild
from edge_effnet.verify.record import Located, Verification
from edge_effnet.verify.rows import NotRebuildable

__all__ = [
    "DEFAULT_LIMIT",
    "LAYER_IMAGES",
    "REFERENCE_IMAGES",
    "Located",
    "NotRebuildable",
    "Rebuilt",
    "Verification",
    "rebuild",
    "verify",
]
