"""A float file and its int8 twin on disk, with pictures, for the tests of the library and of the command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image
from verify.tiny_networks import SIDE_PX, Tiny, pictures, tiny

from edge_effnet.convert.contract import CONTRACT_NAME
from edge_effnet.images import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Bench:
    """Files to verify.

    Attributes:
        folder: Where they lie.
        float_model: A float32 .tflite.
        int8_model: Its int8 twin, with a contract.
        images: Folder of 6 pictures that preprocessing leaves as they are.
    """

    folder: Path
    float_model: Path
    int8_model: Path
    images: Path

    def write(self, name: str, content: bytes) -> Path:
        """Write another model."""
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def int8(self, network: Tiny | None = None, io: str = "int8", **contract: Any) -> Path:
        """Write an int8 file with a contract of its own."""
        record = {"preprocessing": Preprocessing(SIDE_PX, 1.0).to_record(), **contract}
        content = (network or tiny()).int8_file(io, **{CONTRACT_NAME: json.dumps(record).encode()})
        return self.write("other.tflite", content)


def make_bench(folder: Path) -> Bench:
    """Write the tiny network and its pictures."""
    images = folder / "images"
    images.mkdir()
    for index, pixels in enumerate(pictures(6)):
        Image.fromarray(pixels).save(images / f"{index}.png")
    made = Bench(folder, folder / "float.tflite", folder / "int8.tflite", images)
    made.write("float.tflite", tiny().float_file())
    made.int8().rename(made.int8_model)
    return made
