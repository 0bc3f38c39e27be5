"""Folders of small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def picture_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes ``count`` different 40 x 48 PNG files per class into a new folder."""

    def make(count: int, classes: tuple[str, ...] = ("",), name: str = "photos") -> Path:
        folder = tmp_path / name
        generator = np.random.default_rng(list(f"{name}{classes}".encode()))
        for label in classes:
            (folder / label).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                coarse = Image.fromarray(generator.integers(0, 256, (5, 6, 3), np.uint8))
                picture = coarse.resize((48, 40), Image.Resampling.BICUBIC)
                picture.save(folder / label / f"{index:03d}.png")
        return folder

    return make
