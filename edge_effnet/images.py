"""THE preprocessing: decode, crop, resize. Everything that feeds a model with pixels goes through here.

A picture becomes ``(resolution, resolution, 3) uint8`` RGB. The network's own normalisation is not done here: it is
folded into the exported graph (or applied by `edge_effnet.models`), so that nobody can apply it twice.

The steps, in order, which `Preprocessing.to_record` also writes into ``contract.json``:

1. Decode the first frame. JPEG's reduced-size decoding is never used: its pixels differ from a full decode.
2. Turn it as its EXIF orientation says.
3. Make it 8-bit RGB: 16-bit samples keep their high byte (as Pillow does for 16-bit RGB, so a grey picture and its RGB
   twin agree), gray is repeated, transparency is laid over white (the page that cut-outs are drawn for), CMYK and
   YCbCr are converted without colour management; embedded ICC profiles are ignored.
4. Cut the central square of side ``floor(crop_fraction * short side + 1/2)``. Its offset ``(length - side) / 2`` may end
   in one half, which keeps the cut symmetric: a mirrored picture gives the mirrored square.
5. Resize the square with an antialiased filter (its support grows with the reduction), clipped to the picture, in two
   passes whose order is ours and not that of the installed Pillow: see `Preprocessing.rows_come_first`.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from edge_effnet.errors import DataError
from edge_effnet.preprocessing import IMAGE_SUFFIXES, RECORD_SCHEMA, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "RECORD_SCHEMA",
    "RESAMPLE_FILTERS",
    "Preprocessing",
    "list_images",
    "load_pixels",
    "open_rgb",
    "pixels_from_image",
    "preprocess_array",
]

MAX_PIXELS: Final = 64_000_000
"""Largest picture that is decoded: above any phone's full-resolution mode, 256 MB as RGBA."""

RESAMPLE_FILTERS: Final[Mapping[str, Image.Resampling]] = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
}

# EXIF 2.32, tag 0x0112: what to do to a stored picture to see it upright.
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final[Mapping[int, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ALPHA_MODES: Final = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_SIXTEEN_BIT_MODES: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})

# What Pillow's decoders raise on damaged or hostile bytes; `Warning` because a program may turn warnings into errors.
_DECODE_ERRORS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    struct.error,
    Image.DecompressionBombError,
    Warning,
)


def load_pixels(path: Path, preprocessing: Preprocessing) -> Pixels:
    """Decode a picture and return ``(resolution, resolution, 3) uint8`` RGB.

    Raises:
        DataError: The file is missing, not a picture, damaged, or above `MAX_PIXELS`; the message names it.
    """
    return pixels_from_image(open_rgb(path), preprocessing)


def pixels_from_image(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """Return ``(resolution, resolution, 3) uint8`` RGB from a Pillow picture that is upright already."""
    rgb = _rgb_from_image(image)
    side = preprocessing.crop_side_px(rgb.width, rgb.height)
    left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
    return np.array(_resized(rgb, preprocessing, (left, top, left + side, top + side)), dtype=np.uint8)


def _resized(
    rgb: Image.Image, preprocessing: Preprocessing, box: tuple[float, float, float, float]
) -> Image.Image:
    """Resize a part of a picture to the model's square, one axis after the other."""
    size, resample = preprocessing.resolution_px, RESAMPLE_FILTERS[preprocessing.resample]
    left, top, right, bottom = box
    if preprocessing.resample == "nearest":  # it picks, and has no passes
        return rgb.resize((size, size), resample, box=box)
    if preprocessing.rows_come_first(rgb.width, rgb.height):
        low = rgb.resize((rgb.width, size), resample, box=(0, top, rgb.width, bottom))
        return low.resize((size, size), resample, box=(left, 0, right, size))
    narrow = rgb.resize((size, rgb.height), resample, box=(left, 0, right, rgb.height))
    return narrow.resize((size, size), resample, box=(0, top, size, bottom))


def preprocess_array(rgb: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Return ``(resolution, resolution, 3) uint8`` from one RGB frame.

    Args:
        rgb: ``(height, width, 3) uint8``, for example a camera frame after BGR to RGB.
        preprocessing: The square to make.

    Raises:
        DataError: The array has another shape or type.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise DataError(
            "the frame is not an RGB picture",
            got=f"{rgb.dtype} {rgb.shape}",
            allowed="uint8 (height, width, 3)",
        )
    return pixels_from_image(Image.fromarray(np.ascontiguousarray(rgb)), preprocessing)


def open_rgb(path: Path) -> Image.Image:
    """Decode a picture whole: first frame, upright, 8-bit RGB.

    Raises:
        DataError: The file is missing, not a picture, damaged, or above `MAX_PIXELS`; the message names it.
    """
    if not path.is_file():
        raise DataError("the picture does not exist or is not a file", got=path)
    try:
        with Image.open(path) as image:
            _check_size(image, path)
            image.load()
            return _rgb_from_image(_upright(image))
    except _DECODE_ERRORS as error:
        raise DataError(
            f"the picture cannot be decoded: {error or type(error).__name__}",
            got=path,
            hint="remove the file or save it again as JPEG or PNG",
        ) from error


def list_images(folder: Path) -> list[Path]:
    """Return every picture under a folder, sorted by relative name; hidden files and folders are left out.

    Links to folders are followed, each folder once.

    Raises:
        DataError: The folder is missing or a folder inside it cannot be read.
    """
    if not folder.is_dir():
        raise DataError(
            "the folder of pictures does not exist", got=folder, hint="give a folder that holds pictures"
        )
    return sorted(_walk(folder), key=lambda path: path.relative_to(folder).as_posix())


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the pictures under a folder in any order."""
    seen: set[str] = set()
    for root, names, files in os.walk(folder, onerror=_refuse_folder, followlinks=True):
        real = os.path.realpath(root)
        names[:] = [] if real in seen else [name for name in names if not name.startswith(".")]
        if real not in seen:
            yield from (Path(root, name) for name in files if _is_image_name(name))
        seen.add(real)


def _refuse_folder(error: OSError) -> None:
    raise DataError(f"a folder cannot be read: {error.strerror}", got=error.filename) from error


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122


def _check_size(image: Image.Image, path: Path) -> None:
    """Refuse a decompression bomb before a single pixel is decoded."""
    if image.width * image.height > MAX_PIXELS:
        raise DataError(
            "the picture is too large to decode",
            got=f"{path}: {image.width} x {image.height} px",
            allowed=f"at most {MAX_PIXELS // 1_000_000} million pixels",
            hint="scale it down first",
        )


def _upright(image: Image.Image) -> Image.Image:
    """Turn a decoded picture as its EXIF orientation says; damaged EXIF counts as upright."""
    if image.format == "TIFF":  # Pillow turns these while it decodes, and some versions leave the tag behind
        return image
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODE_ERRORS:
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _rgb_from_image(image: Image.Image) -> Image.Image:
    """Return 8-bit RGB by the rules of this module's docstring."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _SIXTEEN_BIT_MODES or image.mode in {"I", "F"}:
        return _eight_bit(image).convert("RGB")
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return an 8-bit gray picture from 16-bit samples (which some decoders widen to 32 bits): the high byte."""
    samples = np.asarray(image)
    if samples.dtype.kind == "f" or samples.min() < 0 or samples.max() > 0xFFFF:
        raise ValueError(f"samples of type {samples.dtype} have no agreed range")
    return Image.fromarray((samples >> 8).astype(np.uint8))
