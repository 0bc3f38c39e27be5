"""How a picture becomes the network's input, as a record: the choices alone, without a library that decodes pictures.

`edge_effnet.images` carries it out; a device that only looks at camera frames has this record and no Pillow.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import DataError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMAGE_SUFFIXES", "RECORD_SCHEMA", "RESAMPLE_NAMES", "Preprocessing"]

RECORD_SCHEMA: Final = "edge-effnet/preprocessing/1"
"""Changes whenever the same file could give other pixels."""

MAX_RESOLUTION_PX: Final = 4096

IMAGE_SUFFIXES: Final = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"},
)

RESAMPLE_NAMES: Final = ("bicubic", "bilinear", "lanczos", "nearest", "box")

_FIXED_RULES: Final[Mapping[str, Any]] = {
    "colour": "RGB",
    "layout": "HWC",
    "dtype": "uint8",
    "orientation": "exif",
    "alpha_over": "white",
    "crop": "central square, side floor(crop_fraction * short side + 0.5), offset (length - side) / 2",
    "antialias": True,
    "passes": "columns, then rows, each rounded to 8 bits; rows first where height > max(resolution, 2 * width - resolution)",
}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture of any size becomes the square that the network sees.

    Attributes:
        resolution_px: Side of the square, in pixels.
        crop_fraction: Side of the central crop as a fraction of the short side, in (0, 1], before resizing.
        resample: Resampling filter, one of `RESAMPLE_NAMES`.
    """

    resolution_px: int
    crop_fraction: float = 0.875
    resample: str = "bicubic"

    def __post_init__(self) -> None:
        if not 1 <= self.resolution_px <= MAX_RESOLUTION_PX:
            raise UsageError(
                "the resolution is out of range",
                got=self.resolution_px,
                allowed=f"1 to {MAX_RESOLUTION_PX} px",
            )
        if not 0.0 < self.crop_fraction <= 1.0:
            raise UsageError(
                "the crop fraction is out of range", got=self.crop_fraction, allowed="above 0, at most 1"
            )
        if self.resample not in RESAMPLE_NAMES:
            raise UnknownNameError("resampling filter", self.resample, RESAMPLE_NAMES)

    @property
    def id(self) -> str:
        """A name that is the same exactly when the pixels are, for example ``square-0.875-bicubic-224px-v1``."""
        version = RECORD_SCHEMA.rsplit("/", 1)[1]
        return f"square-{self.crop_fraction:g}-{self.resample}-{self.resolution_px}px-v{version}"

    def crop_side_px(self, width_px: int, height_px: int) -> int:
        """Return the side of the central square that is cut from a picture of this size."""
        return max(1, math.floor(self.crop_fraction * min(width_px, height_px) + 0.5))

    def rows_come_first(self, width_px: int, height_px: int) -> bool:
        """Return whether the filter goes over the rows before the columns: for pictures that are much taller than wide.

        That is how Pillow 13 resizes; older versions begin with the columns always, and a few pixels differ.
        """
        return height_px > max(self.resolution_px, 2 * width_px - self.resolution_px)

    def to_record(self) -> dict[str, Any]:
        """Return what ``contract.json`` says: the three choices and the fixed rules."""
        return {"schema": RECORD_SCHEMA, **asdict(self), **_FIXED_RULES}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Preprocessing:
        """Read back what `to_record` wrote.

        Raises:
            DataError: The record is of another schema, or a field is missing or unusable.
        """
        if record.get("schema") != RECORD_SCHEMA:
            raise DataError(
                "the preprocessing record is unusable", got=record.get("schema"), allowed=RECORD_SCHEMA
            )
        try:
            return cls(int(record["resolution_px"]), float(record["crop_fraction"]), str(record["resample"]))
        except (KeyError, TypeError, OverflowError, ValueError, UsageError) as error:
            raise DataError("the preprocessing record is unusable", got=str(error)) from error
