"""Write the golden files of core's tests from `edge_effnet.images` and numpy: write_golden.py [FOLDER].

Pictures and planes are made of a rule in integers that the tests repeat (`noise`), so that only hashes of what they lead to
are kept. The same versions of Pillow and numpy give the same bytes.
"""

# ruff: noqa: INP001 - a script of the Gradle project, not a package

from __future__ import annotations

import hashlib
import json
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import flatbuffers
import numpy as np
import PIL
from ai_edge_litert import schema_py_generated as tfl
from PIL import Image

from edge_effnet.activation_map import ActivationMap, shown
from edge_effnet.convert.contract import append_archive
from edge_effnet.convert.flatbuffer import ModelWriter
from edge_effnet.demo.record import percentile
from edge_effnet.demo.smooth import Smoother, best
from edge_effnet.images import preprocess_array
from edge_effnet.preprocessing import RESAMPLE_NAMES, Preprocessing

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

FOLDER: Final = Path(__file__).parent / "golden"

SIZES: Final = (
    *(
        (64, 48, 24),
        (40, 72, 24),
        (96, 96, 96),
        (97, 31, 32),
        (31, 97, 32),
        (640, 480, 224),
        (13, 200, 16),
        (200, 13, 16),
    ),
    *((20, 30, 56), (30, 20, 56), (1, 1, 8), (2, 1, 8), (1, 3, 5), (50, 99, 1), (301, 77, 75), (77, 301, 75)),
)
"""Width, height, resolution: wide, tall and square, larger and smaller than the square, odd, and as small as can be."""

CROPS: Final = (0.875, 1.0, 0.5)

FRAMES: Final = ((16, 12), (17, 13), (34, 21), (1, 1), (1, 4), (160, 120))
"""Sizes of camera frames, odd ones among them."""

STRIDES: Final = ((1, 0, 1, 0), (1, 7, 1, 3), (1, 5, 2, 0), (2, 3, 2, 9), (1, 0, 3, 1))
"""Pixel stride and bytes at the end of a row, of luma and of chroma."""


def noise(count: int, seed: int) -> Pixels:
    """Return bytes that are as good as random: a multiplicative hash of the place, (count,) uint8."""
    place = np.arange(count, dtype=np.uint64) + np.uint64(seed * 1_000_003)
    mixed = (place * np.uint64(2_654_435_761)) % np.uint64(1 << 32)
    mixed ^= mixed >> np.uint64(15)
    mixed = (mixed * np.uint64(2_246_822_519)) % np.uint64(1 << 32)
    return np.asarray(mixed >> np.uint64(24), np.uint8)


def picture(width: int, height: int, seed: int) -> Pixels:
    """Return ``(height, width, 3) uint8``: hard noise, so that filters overshoot and are clipped."""
    return noise(width * height * 3, seed).reshape(height, width, 3)


def digest(values: np.ndarray[Any, Any]) -> str:
    """Return the first 16 digits of the sha256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def preprocessing_cases() -> list[dict[str, Any]]:
    """Return every filter, size and crop with the hash of the square."""
    cases: list[dict[str, Any]] = []
    for (width, height, size), name, crop in product(SIZES, RESAMPLE_NAMES, CROPS):
        chosen = Preprocessing(size, crop, name)
        square = preprocess_array(picture(width, height, len(cases)), chosen)
        case = {"width": width, "height": height, "seed": len(cases), "id": chosen.id, "resolution_px": size}
        cases.append({**case, "crop_fraction": crop, "resample": name, "sha256": digest(square)})
    return cases


def plane(width: int, height: int, stride: int, spare: int, seed: int) -> Pixels:
    """Return the values of a plane, ``(height, width)``, as the tests read them from bytes with strides."""
    row = width * stride + spare
    return noise(row * height, seed).reshape(height, row)[:, : width * stride : stride]


def rgb_of_yuv(luma: Pixels, u: Pixels, v: Pixels) -> Pixels:
    """Return ``(height, width, 3) uint8`` by the formula that Yuv.kt documents."""
    height, width = luma.shape
    y = luma.astype(np.int32)
    blue, red = (
        np.repeat(np.repeat(part, 2, 0), 2, 1)[:height, :width].astype(np.int32) - 128 for part in (u, v)
    )
    channels = (
        y + ((91881 * red + 32768) >> 16),
        y + ((-22554 * blue - 46802 * red + 32768) >> 16),
        y + ((116130 * blue + 32768) >> 16),
    )
    return np.asarray(np.clip(np.stack(channels, -1), 0, 255), np.uint8)


def frame_cases() -> list[dict[str, Any]]:
    """Return camera frames with strides, turned four ways and mirrored, and the square that each leads to."""
    cases: list[dict[str, Any]] = []
    for (width, height), strides in product(FRAMES, STRIDES):
        seed = len(cases)
        half = (width + 1) // 2, (height + 1) // 2
        luma = plane(width, height, *strides[:2], seed)
        u, v = (plane(*half, *strides[2:], seed + part) for part in (1, 2))
        rgb = rgb_of_yuv(luma, u, v)
        for turns, mirrored in product(range(4), (False, True)):
            upright = np.rot90(rgb, -turns)
            upright = upright[:, ::-1] if mirrored else upright
            square = preprocess_array(np.ascontiguousarray(upright), Preprocessing(16))
            case = {"width": width, "height": height, "strides": strides, "seed": seed, "degrees": 90 * turns}
            cases.append({**case, "mirrored": mirrored, "rgb": digest(upright), "square": digest(square)})
    return cases


def alpha_case() -> dict[str, Any]:
    """Return the hash of a transparent picture over white, as Pillow lays it."""
    rgba = noise(64 * 64 * 4, 99).reshape(64, 64, 4)
    layer = Image.fromarray(rgba)
    flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return {"seed": 99, "side": 64, "sha256": digest(np.asarray(flat))}


def number_cases() -> dict[str, Any]:
    """Return statistics, scores and maps as this package computes them."""
    samples = [float(value) / 7 for value in noise(37, 5)]
    scores = noise(3 * 20, 6).reshape(3, 20).astype(np.float32) / np.float32(255)
    smoother = Smoother(0.7)
    means = [smoother.add(row).tolist() for row in scores]
    ties = np.array([1, 3, 3, 0, 3, 2], np.float32) / np.float32(4)
    logits = (noise(12, 7).astype(np.float32) - np.float32(128)) / np.float32(16)
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    return {
        "samples": samples,
        "percentiles": {str(share): percentile(samples, share) for share in (0.01, 0.5, 0.9, 0.99)},
        "scores": scores.tolist(),
        "smoothed": means,
        "ties": ties.tolist(),
        "best": [guess.index for guess in best(ties, list("abcdef"), count=4, threshold=0.3)],
        "logits": logits.tolist(),
        "probabilities": (powers / powers.sum()).tolist(),
    }


def tiny_model(
    contract: dict[str, Any] | None, *, io: type[np.generic], features: bool, softmax: bool = False
) -> bytes:
    """Return a file of one mean and one dense layer, ``(1, 8, 8, 3) -> (1, 5)``; its features are its pixels."""
    writer = ModelWriter("tiny")
    quantised = io is not np.float32
    zero = {np.int8: -128, np.uint8: 0}.get(io, 0)
    scale = np.array([0.5], np.float32) if quantised else None
    pixels = writer.tensor("pixels", (1, 8, 8, 3), io, scale, zero)
    pooled = writer.tensor("pooled", (1, 3), io, scale, zero)
    axes = writer.constant("axes", np.array([1, 2], np.int32))
    weights = writer.constant(
        "predictions/kernel",
        noise(15, 8).view(np.int8).reshape(5, 3),
        np.linspace(0.01, 0.05, 5, dtype=np.float32),
    )
    logits = writer.tensor("logits", (1, 5), io, scale, zero)
    writer.operator(tfl.BuiltinOperator.MEAN, 1, [pixels, axes], [pooled], 0, None)
    writer.operator(tfl.BuiltinOperator.FULLY_CONNECTED, 1, [pooled, weights], [logits], 0, None)
    output = logits
    if softmax:
        inner, output = (
            writer.tensor("inner", (1, 5), io, scale, zero),
            writer.tensor("scores", (1, 5), io, scale, zero),
        )
        writer.operator(tfl.BuiltinOperator.SOFTMAX, 1, [logits], [inner], 0, None)
        writer.operator(tfl.BuiltinOperator.QUANTIZE, 1, [inner], [output], 0, None)
    metadata = {} if contract is None else {"edge_effnet_contract": json.dumps(contract).encode()}
    return writer.finish([pixels], [output, pixels] if features else [output], metadata)


def models() -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return files by name, and the map that the one with features leads to."""
    labels = ["ant", "bee", "cat, house cat", "dög", "eel"]
    contract: dict[str, Any] = {
        "preprocessing": Preprocessing(8, 0.9, "bilinear").to_record(),
        "labels": labels,
        "weights": {"kind": "file", "source": "tiny"},
    }
    explain = {"explain": {"method": "cam", "features_output": 1, "weights": "predictions/kernel"}}
    codes = noise(192, 9).view(np.int8).reshape(1, 8, 8, 3)
    weights = noise(15, 8).view(np.int8).reshape(5, 3) * np.linspace(0.01, 0.05, 5, dtype=np.float32)[:, None]
    maps = ActivationMap(weights, 1, 0.5, -128)
    expected = {
        "seed": 9,
        "maps": [shown(maps.scores(codes, index)).reshape(-1).tolist() for index in range(5)],
    }
    files = {
        "int8.tflite": tiny_model(contract, io=np.int8, features=False),
        "cam.tflite": tiny_model({**contract, **explain}, io=np.int8, features=True),
        "plain_uint8.tflite": tiny_model(None, io=np.uint8, features=False, softmax=True),
        "zip_float32.tflite": append_archive(
            tiny_model(None, io=np.float32, features=False), {"labels": labels}
        ),
    }
    return files, expected


def main(folder: Path) -> None:
    """Write all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    files, maps = models()
    documents: dict[str, dict[str, Any]] = {
        "made_by.json": {
            "tool": "android_demo/core/src/test/write_golden.py",
            "versions": {
                "pillow": PIL.__version__,
                "numpy": np.__version__,
                "flatbuffers": flatbuffers.__version__,
            },
        },
        "preprocessing.json": {"cases": preprocessing_cases(), "alpha": alpha_case()},
        "frames.json": {"cases": frame_cases()},
        "numbers.json": {**number_cases(), "maps": maps},
    }
    for name, document in documents.items():
        rows = json.dumps(document, indent=1) if "cases" not in document else _lines(document)
        (folder / name).write_text(rows + "\n", encoding="utf-8")
    lying = Image.fromarray(np.repeat(np.repeat(noise(8 * 6 * 3, 12).reshape(6, 8, 3), 8, 0), 8, 1))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(folder / "turned.jpg", quality=90, exif=exif)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _lines(document: dict[str, Any]) -> str:
    """Return JSON with one case a line."""
    rest = {key: value for key, value in document.items() if key != "cases"}
    cases = ",\n".join(json.dumps(case) for case in document["cases"])
    return f'{{"cases": [\n{cases}\n],\n"rest": {json.dumps(rest)}}}'


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
