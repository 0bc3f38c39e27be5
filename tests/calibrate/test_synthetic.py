"""Promises of `synthetic-v1`: the same bytes everywhere, and statistics like those of photographs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edge_effnet.calibrate.draws import Draws, fractal_noise, smooth_noise, white_noise
from edge_effnet.calibrate.sets import load_set
from edge_effnet.calibrate.shapes import render
from edge_effnet.images import Preprocessing, list_images, load_pixels

GOLDEN = Path(__file__).parent.parent / "golden" / "calibrate"


def golden(name: str) -> list[str]:
    """Return the lines of a golden file without its comments."""
    lines = (GOLDEN / name).read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def sha256(pixels: np.ndarray) -> str:
    """Return the hash of a picture's bytes."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def test_synthetic_v1_is_the_same_bytes_everywhere() -> None:
    """The first pictures at 64 and 224 px have the recorded hashes: a published set never changes."""
    rendered = [
        f"{side} {index} {sha256(load_set('synthetic-v1').renderer(side)(index))}"
        for side in (64, 224)
        for index in range(4)
    ]
    assert rendered == golden("synthetic-v1.txt")


def test_shapes10_v1_is_the_same_bytes_everywhere() -> None:
    """The first pictures of each split have the recorded hashes."""
    rendered = [
        f"{split} {index} {render(split, index)[1]} {sha256(render(split, index)[0])}"
        for split in ("train", "val", "test")
        for index in range(4)
    ]
    assert rendered == golden("shapes10-v1.txt")


def test_seeds_and_numbers_give_different_pictures() -> None:
    """No picture of one seed appears again under another number or seed."""
    calibration_set = load_set("synthetic-v1")
    hashes = {sha256(calibration_set.renderer(32, seed)(index)) for seed in (0, 1) for index in range(20)}
    assert len(hashes) == 40


def test_the_random_stream_is_the_recorded_one() -> None:
    """The numbers under the pictures do not depend on numpy's distributions."""
    draws = Draws(1, 2, 3)
    assert [draws.integer(0, 999) for _ in range(6)] == [int(line) for line in golden("draws.txt")]


def test_draws_stay_in_their_ranges() -> None:
    """Units, integers, choices and directions keep their promises over many draws."""
    draws = Draws(7)
    assert {draws.integer(2, 4) for _ in range(200)} == {2, 3, 4}
    assert {draws.choice("abc") for _ in range(200)} == set("abc")
    bells = np.array([draws.bell() for _ in range(4000)])
    assert abs(bells.mean()) < 0.06
    assert abs(bells.std() - 1) < 0.05
    directions = np.array([draws.direction() for _ in range(400)])
    assert np.allclose((directions**2).sum(axis=1), 1)
    assert np.abs(directions.mean(axis=0)).max() < 0.15
    assert 0.2 < np.mean([draws.chance(0.25) for _ in range(2000)]) < 0.3


@pytest.mark.parametrize("make", [white_noise, fractal_noise], ids=["white", "fractal"])
def test_noise_has_mean_zero_and_variance_one(make: object) -> None:
    """Amplitudes elsewhere are therefore standard deviations."""
    noise = make(Draws(3), 256)  # type: ignore[operator]
    assert abs(float(noise.mean())) < 0.35
    assert 0.7 < float(noise.std()) < 1.3


def test_smooth_noise_is_periodic() -> None:
    """The left edge continues the right one, so a bank has no seam."""
    noise = smooth_noise(Draws(5), 64, 4)
    inside = np.abs(np.diff(noise, axis=1)).max()
    assert np.abs(noise[:, 0] - noise[:, -1]).max() <= inside * 1.01


def statistics(pictures: np.ndarray) -> dict[str, float]:
    """Return mean, contrast, chroma share, mean gradient and spectral slope of ``(n, 224, 224, 3)``."""
    values = pictures.reshape(-1, 3).astype(np.float64)
    eigenvalues = np.linalg.eigvalsh(np.cov(values[::17].T))
    gray = pictures.mean(axis=3)
    window = np.hanning(224)[:, None] * np.hanning(224)
    power = sum(np.abs(np.fft.fft2((g - g.mean()) * window)) ** 2 for g in gray)
    frequency = np.fft.fftfreq(224) * 224
    radius = np.hypot(frequency[:, None], frequency).astype(int)
    radial = np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel())
    band = np.arange(3, 80)
    return {
        "mean": float(values.mean()),
        "contrast": float(gray.std(axis=(1, 2)).mean()),
        "chroma share": float(1 - eigenvalues[-1] / eigenvalues.sum()),
        "gradient": float(np.abs(np.diff(gray, axis=2)).mean()),
        "slope": float(np.polyfit(np.log(band), np.log(radial[band]), 1)[0]),
    }


# Of 200 photographs of the ImageNet training set at 224 px, crop 0.875, bicubic; the second number is how far a set may
# be off, several times the spread between two halves of those photographs.
PHOTOGRAPHS = {
    "mean": (113.3, 12.0),
    "contrast": (53.0, 8.0),
    "chroma share": (0.097, 0.04),
    "gradient": (9.1, 2.0),
    "slope": (-2.4, 0.35),
}


def test_synthetic_pictures_have_the_statistics_of_photographs() -> None:
    """Brightness, contrast, colour, sharpness and spectrum lie where photographs lie."""
    draw = load_set("synthetic-v1").renderer(224)
    measured = statistics(np.stack([draw(index) for index in range(60)]))
    assert measured == {key: pytest.approx(mean, abs=spread) for key, (mean, spread) in PHOTOGRAPHS.items()}


@pytest.mark.shared
def test_the_reference_statistics_are_those_of_the_shared_photographs(shared: Path) -> None:
    """The numbers above are what the shared training images give."""
    files = list_images(shared / "data" / "imagenet" / "train_1000")[::10]
    measured = statistics(np.stack([load_pixels(path, Preprocessing(224)) for path in files]))
    assert measured == {
        key: pytest.approx(mean, abs=spread / 2) for key, (mean, spread) in PHOTOGRAPHS.items()
    }
