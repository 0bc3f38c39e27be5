"""demo.resize: the same pixels as `edge_effnet.images`, from camera frames."""

from __future__ import annotations

import numpy as np
import pytest

from edge_effnet.demo.resize import Resizer
from edge_effnet.images import preprocess_array
from edge_effnet.preprocessing import RESAMPLE_NAMES, Preprocessing

pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")

_RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("resample", RESAMPLE_NAMES)
@pytest.mark.parametrize(
    ("height_px", "width_px", "resolution_px", "crop_fraction"),
    [(480, 640, 224, 0.875), (48, 64, 32, 0.9), (40, 71, 64, 1.0), (96, 96, 96, 1.0), (33, 50, 40, 0.5)],
)
def test_frames_become_the_pixels_of_images(
    height_px: int, width_px: int, resolution_px: int, crop_fraction: float, resample: str
) -> None:
    """At most 1 LSB, where a sum falls on the edge between two codes: seldom, but for bilinear's many ties."""
    preprocessing = Preprocessing(resolution_px, crop_fraction, resample)
    frame = _RANDOM.integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    found = Resizer(preprocessing).pixels(frame)
    wanted = preprocess_array(np.ascontiguousarray(frame[:, :, ::-1]), preprocessing)
    difference = np.abs(found.astype(int) - wanted)
    assert difference.max() <= 1
    assert (difference > 0).mean() < (0.04 if resample == "bilinear" else 0.002)


def test_a_flat_frame_stays_as_it_is() -> None:
    """The weights sum to one: no drift in brightness, for any code."""
    resizer = Resizer(Preprocessing(24))
    for code in (0, 1, 127, 254, 255):
        assert (resizer.pixels(np.full((50, 70, 3), code, np.uint8)) == code).all()


def test_blue_green_red_becomes_red_green_blue() -> None:
    """OpenCV's order is turned round once."""
    frame = np.full((30, 40, 3), (10, 20, 30), np.uint8)
    assert (Resizer(Preprocessing(8)).pixels(frame) == (30, 20, 10)).all()
