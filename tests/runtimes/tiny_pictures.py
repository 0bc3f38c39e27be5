"""Small labelled picture folders for tests: flat colours with a little noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}


def save_colour(path: Path, colour: str, *, seed: int = 0, side_px: int = 16) -> Path:
    """Write one picture of a colour; another seed gives another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-15, 16, (side_px, side_px, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def colour_folders(root: Path, contents: dict[str, list[str]]) -> Path:
    """Write ``{folder: [colour, ...]}`` as one folder per class; returns ``root``."""
    seed = 0
    for folder, colours in contents.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number, colour in enumerate(colours):
            seed += 1
            save_colour(root / folder / f"{number:03d}.png", colour, seed=seed)
    return root
