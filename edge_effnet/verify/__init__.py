"""Stage: verify. Does the int8 file compute what the float network computes, and where does it not?"""

from __future__ import annotations

from edge_effnet.verify.compare import DEFAULT_LIMIT, LAYER_IMAGES, REFERENCE_IMAGES, verify
from edge_effnet.verify.figures import BlockSensitivity
from edge_effnet.verify.rebuild import Rebuilt, rebuild
from edge_effnet.verify.record import Located, Verification
from edge_effnet.verify.rows import NotRebuildable
from edge_effnet.verify.sensitivity import block_sensitivity

__all__ = [
    "DEFAULT_LIMIT",
    "LAYER_IMAGES",
    "REFERENCE_IMAGES",
    "BlockSensitivity",
    "Located",
    "NotRebuildable",
    "Rebuilt",
    "Verification",
    "block_sensitivity",
    "rebuild",
    "verify",
]
