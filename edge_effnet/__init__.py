"""edge-effnet: from an EfficientNet name to a measured, verified, full-integer model on the edge device."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
