"""The contract: everything that a reader of the model must know, inside the .tflite and as JSON beside it.

Inside it is a metadata buffer, and also a zip archive behind the flatbuffer (as TensorFlow Lite's own associated files
are), so that ``unzip -p model.tflite contract.json`` reads it without any of our code.
"""

from __future__ import annotations

import base64
import importlib.metadata
import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from edge_effnet import __version__
from edge_effnet.activation_map import shown
from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError
from edge_effnet.images import pixels_from_image
from edge_effnet.runtimes.tensors import input_from_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edge_effnet.activation_map import ActivationMap
    from edge_effnet.images import Preprocessing
    from edge_effnet.runtimes.litert import LocalModel

__all__ = [
    "CONTRACT_NAME",
    "SCHEMA_VERSION",
    "append_archive",
    "factors_from_record",
    "golden_vectors",
    "record_from_factors",
    "tool_versions",
]

CONTRACT_NAME: Final = "edge_effnet_contract"
SCHEMA_VERSION: Final = 1
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
_GOLDEN_SEED: Final = 7
_GOLDEN_SIZES: Final = ((64, 48), (40, 72), (96, 96))
"""Width and height of the golden pictures: wide, tall and square, so that the crop is tested too."""


def tool_versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of this package and of others; one that is not installed says so."""
    return {"edge-effnet": __version__, **{package: _version(package) for package in packages}}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def append_archive(model: bytes, contract: dict[str, Any]) -> bytes:
    """Append a zip archive with ``contract.json`` and ``labels.txt`` to a model; the same input gives the same bytes."""
    files = {"contract.json": json.dumps(contract, indent=1) + "\n"}
    if contract.get("labels"):
        files["labels.txt"] = "\n".join(contract["labels"]) + "\n"
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), text, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _golden_picture(width: int, height: int) -> bytes:
    """Draw a small PNG with smooth parts, edges and noise, all integers."""
    generator = np.random.default_rng(_GOLDEN_SEED)
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = np.stack(
        [rows * 255 // height, columns * 255 // width, (rows + columns) * 255 // (height + width)], axis=-1
    )
    checks = ((rows // 8 + columns // 8) % 2 * 96)[..., None]
    noise = generator.integers(-16, 17, (height, width, 3))
    pixels = np.clip(ramp * 5 // 8 + checks + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=False, compress_level=9)
    return buffer.getvalue()


def record_from_factors(factors: dict[str, npt.NDArray[np.float32]]) -> dict[str, str]:
    """Return the channel factors that are not all 1, as base64 of zlib of little-endian float16, per tensor."""
    return {
        name: base64.b64encode(zlib.compress(values.astype("<f2").tobytes(), 9)).decode()
        for name, values in factors.items()
        if np.any(values != 1)
    }


def factors_from_record(record: dict[str, str]) -> dict[str, npt.NDArray[np.float32]]:
    """Read back what `record_from_factors` wrote.

    Raises:
        DataError: A value is not what that function writes.
    """
    try:
        return {
            name: np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<f2").astype(
                np.float32
            )
            for name, text in record.items()
        }
    except (ValueError, TypeError, AttributeError, zlib.error) as error:
        raise DataError("the contract's channel factors cannot be read", got=error) from error


def _map_record(maps: ActivationMap, features: np.ndarray[Any, Any], top1: int) -> dict[str, Any]:
    picture = shown(maps.scores(features, top1))
    return {"map_zlib_base64": _packed(picture.astype("<f4")), "map_shape": list(picture.shape)}


def _packed(values: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()


def golden_vectors(
    model: LocalModel, preprocessing: Preprocessing, maps: ActivationMap | None = None
) -> list[dict[str, Any]]:
    """Return picture bytes -> input tensor -> output tensor, for readers in any language to be tested against.

    Tensors are little-endian, row-major, zlib-compressed and base64; ``input_sha256`` is of the raw bytes. ``map_zlib_base64`` is
    the class activation map of the top-1 as it is shown, ``(height, width) float32``, for a model that gives one.
    """
    vectors = []
    for number, (width, height) in enumerate(_GOLDEN_SIZES):
        picture = _golden_picture(width, height)
        pixels = pixels_from_image(Image.open(io.BytesIO(picture)), preprocessing)
        given = input_from_pixels(pixels, model.input)
        output, *others = model.run_all(given)
        top1 = int(np.argmax(output.reshape(-1)))
        vectors.append(
            {
                "image_png_base64": base64.b64encode(picture).decode(),
                "image_size_px": [width, height],
                "input_sha256": sha256_of_bytes(given.tobytes()),
                "input_zlib_base64": _packed(given)
                if number == 0
                else None,  # one whole tensor tells how a decoder differs
                "output_zlib_base64": _packed(output),
                "top1": top1,
                **({} if maps is None else _map_record(maps, others[maps.features - 1], top1)),
                "engine": model.engine,
                "tolerance_lsb": {"input": 1, "output": 2},
            }
        )
    return vectors
