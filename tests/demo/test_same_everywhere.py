"""One model, 16 photographs, three platforms: Python, the browser and the JVM make the same input and name the same class."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.web import live_page
from PIL import Image
from report import browser

from edge_effnet.activation_map import activation_map_of_model, shown
from edge_effnet.images import open_rgb, pixels_from_image
from edge_effnet.inspect import read_model_bytes
from edge_effnet.model_contract import find_contract
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo.jvm_core import JvmCore

    from edge_effnet.activation_map import ActivationMap
    from edge_effnet.preprocessing import Preprocessing

pytestmark = pytest.mark.shared
IMAGES = 16
_JPEG_LSB = 1
"""What a JPEG's pixels may differ by after resizing, since each platform brings its own decoder; 0 was found on all 16 here."""


@dataclass(frozen=True)
class Example:
    """A photograph, as a JPEG and as a PNG of what Pillow decodes it to, and what Python makes of it.

    Attributes:
        jpeg: The photograph.
        png: The same pixels, without loss.
        pixels: ``(side, side, 3) uint8``.
        codes: The model's output for it.
        features: Its feature map for it.
    """

    jpeg: Path
    png: Path
    pixels: np.ndarray
    codes: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Subject:
    """The model and what Python knows of it."""

    path: Path
    native: LocalModel
    preprocessing: Preprocessing
    maps: ActivationMap
    examples: list[Example]


@pytest.fixture(scope="module")
def subject(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """B0 with ImageNet weights in int8, calibrated on 8 photographs, with its feature map; run on 16 others."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    from edge_effnet.convert import ConvertRequest, convert
    from edge_effnet.progress import Silent

    folder, data = tmp_path_factory.mktemp("same"), shared / "data"
    request = ConvertRequest(
        "b0",
        weights=str(data / "weights/efficientnet_b0_imagenet.weights.h5"),
        calibration=str(data / "imagenet/train_1000"),
        calibration_samples=8,
        output=folder / "b0.tflite",
        with_features=True,
    )
    path = convert(request, Silent()).path
    content = path.read_bytes()
    model = read_model_bytes(content)
    contract = find_contract(path, content, model.metadata)
    assert contract is not None
    assert contract.explain is not None
    assert contract.preprocessing is not None
    native = LocalModel(content)
    with (data / "imagenet/val_1300/labels.csv").open(encoding="utf-8") as source:
        files = [row["file"] for row in csv.DictReader(source)][:: 1300 // IMAGES][:IMAGES]
    photographs = [next((data / "imagenet/val_1300").rglob(name.rsplit("/", 1)[-1])) for name in files]
    examples = [_example(photograph, folder, native, contract.preprocessing) for photograph in photographs]
    maps = activation_map_of_model(model, contract.explain)
    return Subject(path, native, contract.preprocessing, maps, examples)


def _example(jpeg: Path, folder: Path, native: LocalModel, preprocessing: Preprocessing) -> Example:
    rgb = open_rgb(jpeg)
    png = folder / f"{jpeg.stem}.png"
    rgb.save(png)
    pixels = pixels_from_image(rgb, preprocessing)
    codes, features = native.run_all(native.input_from_pixels(pixels))
    return Example(jpeg, png, pixels, codes.reshape(-1).astype(int), features)


@pytest.fixture(scope="module")
def page(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """The web demo with the model, without a camera."""
    if browser.find() is None:
        pytest.skip(f"no browser here ({', '.join(browser.NAMES)})")
    profile = tmp_path_factory.mktemp("browser")
    with live_page.served(subject.path) as site, browser.start(profile) as running:
        running.open(site.url)
        live_page.wait_ready(running)
        yield running


def _seen_in_browser(page: browser.Browser, picture: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the input and the scores' codes of a picture that a user opens; the page counts anew for each."""
    live_page.choose_file(page, picture)
    name = picture.name
    live_page.wait(lambda: name in live_page.text(page, "source"), f"{name} is shown")
    live_page.wait(lambda: live_page.figures(page)["looked"] >= 1, f"{name} is looked at")
    _, given, outputs = live_page.last_frame(page)
    return given, outputs[0].astype(int)


def _seen_on_jvm(jvm: JvmCore, subject: Subject, picture: Path, out: Path) -> np.ndarray:
    jvm.ask("preprocess", subject.path, picture, out)
    return np.fromfile(out, np.uint8) ^ 0x80  # int8 = pixel - 128


def _off(given: np.ndarray, wanted: np.ndarray) -> int:
    return int(np.abs(given.reshape(-1).astype(int) - wanted.reshape(-1)).max())


def test_the_browser_sees_what_python_sees(page: browser.Browser, subject: Subject) -> None:
    """Inputs of lossless pictures are equal byte for byte, and the class is the same; JPEGs within the decoder's step."""
    for example in subject.examples:
        given, scores = _seen_in_browser(page, example.png)
        assert _off(given, example.pixels) == 0, example.png.name
        assert scores.argmax() == example.codes.argmax(), example.png.name
        given, scores = _seen_in_browser(page, example.jpeg)
        assert _off(given, example.pixels) <= _JPEG_LSB, example.jpeg.name
        assert scores.argmax() == example.codes.argmax(), example.jpeg.name


def test_the_jvm_sees_what_python_sees(jvm: JvmCore, subject: Subject, tmp_path: Path) -> None:
    """Inputs of lossless pictures are equal byte for byte, so the model's answer is; JPEGs within the decoder's step."""
    for example in subject.examples:
        given = _seen_on_jvm(jvm, subject, example.png, tmp_path / "given")
        assert _off(given, example.pixels) == 0, example.png.name
        given = _seen_on_jvm(jvm, subject, example.jpeg, tmp_path / "given")
        assert _off(given, example.pixels) <= _JPEG_LSB, example.jpeg.name
        codes = subject.native.run_pixels(given.reshape(example.pixels.shape))
        assert codes.argmax() == example.codes.argmax(), example.jpeg.name


def test_the_jvm_names_and_explains_the_class_as_python_does(
    jvm: JvmCore, subject: Subject, tmp_path: Path
) -> None:
    """From the output's codes to label and score, and from the feature map to the heat map, within float32's rounding."""
    for example in subject.examples[:4]:
        output, features, heat = (tmp_path / name for name in ("output", "features", "heat"))
        output.write_bytes(example.codes.astype(np.int8).tobytes())
        features.write_bytes(example.features.tobytes())
        index, score, _ = jvm.ask("topk", subject.path, output, "1").strip().split("\t")
        reals = subject.native.output.reals(example.codes.astype(np.int8))
        powers = np.exp(reals - reals.max())
        assert int(index) == example.codes.argmax()
        assert float(score) == pytest.approx(float(powers.max() / powers.sum()), rel=1e-4)
        jvm.ask("cam", subject.path, features, index, heat)
        wanted = shown(subject.maps.scores(example.features, int(index)))
        assert np.fromfile(heat, "<f4") == pytest.approx(wanted.reshape(-1), abs=1e-4)


def test_a_picture_of_another_kind_is_noticed(subject: Subject) -> None:
    """The comparison can fail: another filter gives other pixels for every one of the photographs."""
    from dataclasses import replace

    other = replace(subject.preprocessing, resample="bilinear")
    for example in subject.examples:
        with Image.open(example.png) as picture:
            assert _off(pixels_from_image(picture, other), example.pixels) > 2
