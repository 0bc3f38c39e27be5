"""What tests of the ladder share: a small network with its weights in a file, and pictures that it is judged on."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")

sys.path.insert(0, str(Path(__file__).parent.parent / "quantize"))  # tiny_graphs

from PIL import Image

from edge_effnet.calibrate.shapes import label_of, render
from edge_effnet.convert import prepared
from edge_effnet.models import build
from edge_effnet.tune import TuneRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_effnet.models import BuiltModel

SIDE_PX = 32
CLASSES = 10


@dataclass(frozen=True)
class Place:
    """A folder with everything that a climb needs.

    Attributes:
        weights: Of Lite0 for ten classes.
        calibration: Pictures without labels.
        data: Pictures that judge.
        labels: Their labels.
    """

    weights: Path
    calibration: Path
    data: Path
    labels: Path

    def request(self, output: Path, **options: Any) -> TuneRequest:
        """Return a climb of Lite0 on these pictures."""
        asked = {
            "max_drop": 5.0, "weights": str(self.weights), "labels": self.labels, "resolution_px": SIDE_PX,
            "num_classes": CLASSES, "calibration_samples": 16, "latency_runs": 3, "until": "ptq", **options,
        }  # fmt: skip
        return TuneRequest("lite0", str(self.calibration), self.data, output=output, **asked)

    def words(self, output: Path, *more: str) -> list[str]:
        """Return the same as a command line."""
        return [
            "tune", "--model", "lite0", "--weights", str(self.weights), "--calibration", str(self.calibration),
            "--data", str(self.data), "--labels", str(self.labels), "--resolution", str(SIDE_PX),
            "--num-classes", str(CLASSES), "--calibration-samples", "16", "--runs", "3", "-o", str(output),
            *more,
        ]  # fmt: skip


def _draw(folder: Path, split: str, count: int) -> list[tuple[str, int]]:
    folder.mkdir()
    rows = []
    for index in range(count):
        name = f"{index:03d}.png"
        Image.fromarray(render(split, index, SIDE_PX)[0]).save(folder / name)
        rows.append((name, label_of(index)))
    return rows


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Lite0 at 32 px with random weights in a file, 40 calibration pictures, 24 labelled ones; nobody changes them."""
    folder = tmp_path_factory.mktemp("tune")
    built = build("lite0", resolution_px=SIDE_PX, num_classes=CLASSES)
    built.keras.save_weights(folder / "w.weights.h5")
    _draw(folder / "calibration", "train", 40)
    rows = _draw(folder / "data", "test", 24)
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "label"), *rows])
    return Place(folder / "w.weights.h5", folder / "calibration", folder / "data", folder / "labels.csv")


@pytest.fixture(scope="session")
def lite0(place: Place) -> BuiltModel:
    """The network with the weights of that file, as a climb builds it."""
    return build("lite0", weights=place.weights, resolution_px=SIDE_PX, num_classes=CLASSES)


@pytest.fixture(scope="module")
def one_build(lite0: BuiltModel) -> Iterator[None]:
    """Take the network from one that is built once; random weights stay random."""

    def give(*_: Any, weights: str, **__: Any) -> BuiltModel:
        kind = "random" if weights == "random" else "file"
        return replace(lite0, weights=replace(lite0.weights, kind=kind))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "build", give)
        yield


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be built: what is refused is refused before the work begins."""
    monkeypatch.setattr(prepared, "build", lambda *_, **__: pytest.fail("built before the error was found"))


@pytest.fixture
def request_of(place: Place, tmp_path: Path) -> Callable[..., TuneRequest]:
    """Make requests that write into a folder of this test."""
    return lambda **options: place.request(tmp_path / "m.tflite", **options)
