"""THE preprocessing: decode, resize, crop. Everything that feeds a model with pixels goes through here.

A picture becomes ``(resolution, resolution, 3) uint8`` RGB. The network's own normalisation is not done here: it is
folded into the exported graph (or applied by `edge_effnet.models`), so that nobody can apply it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

__all__ = ["Preprocessing", "load_pixels"]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture of any size becomes the square that the network sees.

    Attributes:
        resolution_px: Side of the square, in pixels.
        crop_fraction: Side of the central crop as a fraction of the short side, before resizing.
        resample: Resampling filter, a key of the table in this module.
    """

    resolution_px: int
    crop_fraction: float = 0.875
    resample: str = "bicubic"


def load_pixels(path: Path, preprocessing: Preprocessing) -> Pixels:
    """Decode a picture and return ``(resolution, resolution, 3) uint8`` RGB."""
    raise DeprecationWarning  # replaced below
