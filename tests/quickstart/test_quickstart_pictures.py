"""The test split, as an evaluation sees it."""

from __future__ import annotations

import numpy as np
import pytest

from edge_effnet.calibrate import open_calibration
from edge_effnet.calibrate.shapes import CLASS_NAMES, render
from edge_effnet.errors import UnknownNameError
from edge_effnet.images import Preprocessing
from edge_effnet.quickstart import SET_ID, RenderedSplit

SQUARE = Preprocessing(48)


def test_a_picture_is_that_of_the_set_at_the_networks_resolution():
    """Nothing is cropped or resized."""
    pictures = RenderedSplit("test", 20)
    for index in (0, 7, 19):
        pixels, label = render("test", index, 48)
        np.testing.assert_array_equal(pictures.load(index, SQUARE), pixels)
        assert pictures.label(index) == label


def test_every_class_comes_equally_often():
    """Any round number of pictures is balanced, so that a guess is right one time in ten."""
    pictures = RenderedSplit("test", 200)
    labels = [pictures.label(index) for index in range(len(pictures))]
    assert np.bincount(labels).tolist() == [20] * len(CLASS_NAMES)
    assert dict(pictures.class_names) == dict(enumerate(CLASS_NAMES))


def test_no_picture_was_calibrated_on():
    """Not one hash, and not one picture, is in both."""
    pictures = RenderedSplit("test", 50)
    feed = open_calibration(SET_ID, SQUARE, samples=50)
    calibrated = {feed.source.sha256(index) for index in range(feed.count)}
    assert not calibrated & {pictures.sha256(index) for index in range(len(pictures))}
    seen = {feed.source.load(index).tobytes() for index in range(feed.count)}
    assert not seen & {pictures.load(index, SQUARE).tobytes() for index in range(len(pictures))}


def test_an_unknown_split_is_refused():
    """By name, with those that there are."""
    with pytest.raises(UnknownNameError, match="split"):
        RenderedSplit("tests", 10).load(0, SQUARE)
