"""The one preprocessing gives the same pixels whichever version of Pillow is installed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edge_effnet.images import Preprocessing, preprocess_array

_PIXELS_OF_PILLOW_13 = {
    (400, 300): "7ec770a28852ad00f6574220c618e68dd5f7158c822552f4e8c3b79f6163134d",
    (90, 700): "67d6450ae0b7fe8020411dceec1f73d0c535c94ccb3fdf959d091991df1ba0fb",
    (96, 96): "9b5fab2cf73fd4c789d5019948a1c7ec1d9c287467e5a0f7048c712c6e7c6a08",
}
"""Width and height of a picture of noise -> sha256 of its square, as one call of Pillow 13.0.0's resize gave it."""


@pytest.mark.parametrize("size", _PIXELS_OF_PILLOW_13)
def test_pixels_do_not_depend_on_the_version_of_pillow(size: tuple[int, int]) -> None:
    """Pillow 12 filters the columns of a tall picture first, Pillow 13 its rows: a contract means one of them."""
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    square = preprocess_array(noise, Preprocessing(64))
    assert hashlib.sha256(square.tobytes()).hexdigest() == _PIXELS_OF_PILLOW_13[size]
