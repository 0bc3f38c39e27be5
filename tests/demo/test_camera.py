"""demo.camera: frames in, labels, log and film out."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import jsonschema
import numpy as np
import pytest
from demo import rtsp_server
from demo.stream_server import StreamServer
from PIL import Image
from runtimes.tiny_models import colour_classifier

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.convert.contract import golden_vectors
from edge_effnet.demo import camera
from edge_effnet.demo.camera import CameraRequest, run_camera
from edge_effnet.demo.resize import Resizer
from edge_effnet.images import pixels_from_image, preprocess_array
from edge_effnet.preprocessing import Preprocessing
from edge_effnet.progress import Silent
from edge_effnet.runtimes import LocalModel
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")

_BLUE_GREEN_RED = ((255, 30, 30), (30, 255, 30), (30, 30, 255))


def _film(path: Path, colours: list[tuple[int, int, int]], size: tuple[int, int] = (64, 48)) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, size)
    for colour in colours:
        writer.write(np.full((size[1], size[0], 3), colour, np.uint8))
    writer.release()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _run(model: Path, source: object, **options: Any) -> tuple[dict[str, Any], Silent]:
    reporter = Silent()
    record = run_camera(CameraRequest(model, str(source), headless=True, **options), reporter)
    return record["summary"], reporter


def test_a_film_is_labelled_frame_by_frame(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """The log keeps to its schema, and its last line is the summary that the call returns."""
    _film(tmp_path / "a.mp4", [_BLUE_GREEN_RED[2]] * 6 + [_BLUE_GREEN_RED[1]] * 6)
    summary, _ = _run(colours(), tmp_path / "a.mp4", jsonl=tmp_path / "log", smooth=0.0)
    *frames, last = _lines(tmp_path / "log")
    validator = jsonschema.Draft202012Validator(read_schema("demo-camera"))
    for line in (*frames, last):
        validator.validate(line)
    assert last["summary"] == summary
    assert [line["frame"] for line in frames] == list(range(12))
    assert [line["top"][0]["label"] for line in frames] == ["red"] * 6 + ["green"] * 6
    assert (summary["frames"], summary["stopped"], summary["dropped"]) == (12, "end", 0)
    assert all(line["draw_ms"] < 1 for line in frames)  # nothing is drawn that nobody sees


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_every_input_type_sees_the_same(tmp_path: Path, colours: Callable[..., Path], io: str) -> None:
    """The rule from pixels to the tensor is that of the runtimes."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 20, 3), _BLUE_GREEN_RED[0], np.uint8))
    _run(colours(io=io), tmp_path / "a.png", jsonl=tmp_path / "log")
    assert _lines(tmp_path / "log")[0]["top"][0]["label"] == "blue"


def test_every_nth_frame_up_to_a_number(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """Options of the source hold together."""
    _film(tmp_path / "a.mp4", [_BLUE_GREEN_RED[0]] * 20)
    summary, _ = _run(colours(), tmp_path / "a.mp4", jsonl=tmp_path / "log", every_n=3, max_frames=4)
    assert [line["frame"] for line in _lines(tmp_path / "log")[:-1]] == [0, 3, 6, 9]
    assert summary["stopped"] == "max-frames"


def test_the_film_that_is_saved_shows_labels(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """As many frames, of the same size, and not those that came in."""
    _film(tmp_path / "a.mp4", [(200, 200, 200)] * 8, (320, 240))
    summary, _ = _run(colours(), tmp_path / "a.mp4", save=tmp_path / "out.mp4", mirror=True)
    film = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == 8
    frame = film.read()[1]
    film.release()
    assert frame.shape == (240, 320, 3)
    assert frame.min() < 80
    assert summary["draw_p50_ms"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "colours.tflite", "out.mp4"]


def test_pictures_of_different_sizes_make_one_film(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """OpenCV would drop those of another size; and no picture is mixed into the next."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, (colour, side) in enumerate(zip(_BLUE_GREEN_RED, (64, 96, 48), strict=True)):
        cv2.imwrite(str(folder / f"{place}.png"), np.full((64, side, 3), colour, np.uint8))
    (folder / "9.png").write_bytes(b"damaged")
    summary, reporter = _run(colours(), folder, save=tmp_path / "o.avi", jsonl=tmp_path / "log")
    assert [line["top"][0]["label"] for line in _lines(tmp_path / "log")[:-1]] == ["blue", "green", "red"]
    film = cv2.VideoCapture(str(tmp_path / "o.avi"))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == 3
    film.release()
    assert len(summary["skipped"]) == 1
    assert [kind for kind, _ in reporter.notes] == ["skipped"]


def test_a_stream_that_dies_and_comes_back_goes_on(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """The server dies after some frames; another one on the same port shows another colour."""
    first = StreamServer(_BLUE_GREEN_RED[2])
    servers = [first]

    def restart() -> None:
        while not (tmp_path / "log").is_file() or len(_lines(tmp_path / "log")) < 5:
            time.sleep(0.05)
        first.die()
        time.sleep(0.3)
        servers.append(StreamServer(_BLUE_GREEN_RED[1], first.port))

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        summary, reporter = _run(
            colours(), first.url, jsonl=tmp_path / "log", max_frames=60, smooth=0.0, give_up_s=20.0
        )
    finally:
        thread.join()
        servers[-1].die()
    labels = [line["top"][0]["label"] for line in _lines(tmp_path / "log")[:-1]]
    assert (labels[0], labels[-1]) == ("red", "green")
    assert summary["live"] is True
    assert summary["reconnects"] == 1
    assert any("broke off" in text for _, text in reporter.notes)


def test_an_rtsp_camera_that_dies_and_comes_back_goes_on(
    tmp_path: Path, colours: Callable[..., Path]
) -> None:
    """A real RTSP server is killed and another takes its port: the same run goes on with what that one shows."""
    if not rtsp_server.is_there():
        pytest.skip(f"no RTSP server here (on Debian: {rtsp_server.INSTALL})")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers = [rtsp_server.start(port, "red")]

    def restart() -> None:
        while not (tmp_path / "log").is_file() or len(_lines(tmp_path / "log")) < 5:
            time.sleep(0.05)
        servers[0].kill()
        servers[0].wait()
        servers.append(rtsp_server.start(port, "green"))

    thread = threading.Thread(target=restart, daemon=True)
    thread.start()
    options = {"jsonl": tmp_path / "log", "max_frames": 60, "smooth": 0.0, "give_up_s": 30.0}
    try:
        summary, reporter = _run(colours(), f"rtsp://127.0.0.1:{port}/camera", **options)
    finally:
        thread.join(30)
        for server in servers:
            server.kill()
            server.communicate()
    labels = [line["top"][0]["label"] for line in _lines(tmp_path / "log")[:-1]]
    assert (labels[0], labels[-1]) == ("red", "green")
    assert (summary["live"], summary["reconnects"]) == (True, 1)
    assert any("is back" in text for _, text in reporter.notes)


class _Window:
    """A window that is closed at its fifth frame."""

    waits: ClassVar[list[int]] = []

    def __init__(self, _: object) -> None:
        self.waits.clear()

    def show(self, frame: np.ndarray, wait_ms: int) -> bool:
        assert frame.shape == (48, 64, 3)
        self.waits.append(wait_ms)
        return len(self.waits) < 5

    def close(self) -> None:
        pass


def test_closing_the_window_ends_it_and_a_film_plays_at_its_own_speed(
    tmp_path: Path, colours: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 10 frames a second the fifth is due after 0.4 s (this window does not wait, so its pauses grow)."""
    monkeypatch.setattr(camera, "require_display", lambda _: None)
    monkeypatch.setattr(camera, "Screen", _Window)
    _film(tmp_path / "a.mp4", [_BLUE_GREEN_RED[0]] * 20)
    record = run_camera(CameraRequest(colours(), str(tmp_path / "a.mp4")), Silent())
    assert (record["summary"]["stopped"], record["summary"]["frames"]) == ("closed", 5)
    assert 200 < _Window.waits[-1] <= 400


def test_a_model_without_labels_shows_numbers_and_says_so(
    tmp_path: Path, colours: Callable[..., Path]
) -> None:
    """And what is assumed about its pixels."""
    _film(tmp_path / "a.mp4", [_BLUE_GREEN_RED[0]] * 3)
    summary, reporter = _run(colours(contract=None), tmp_path / "a.mp4", jsonl=tmp_path / "log")
    assert _lines(tmp_path / "log")[0]["top"][0]["label"] == "class 2"
    assert len(summary["notes"]) == len(reporter.notes) == 2


def test_the_golden_vectors_of_a_contract_hold() -> None:
    """The contract's own pictures through OpenCV give its own input, within its own tolerance; wide, tall and square."""
    preprocessing = Preprocessing(32)
    model = LocalModel(colour_classifier(size_px=32).to_bytes(), "builtin")
    resizer = Resizer(preprocessing)
    for vector in golden_vectors(model, preprocessing):
        png = base64.b64decode(vector["image_png_base64"])
        found = resizer.pixels(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))
        wanted = pixels_from_image(Image.open(io.BytesIO(png)), preprocessing)
        assert sha256_of_bytes((wanted ^ 0x80).tobytes()) == vector["input_sha256"]
        assert np.abs(found.astype(int) - wanted).max() <= vector["tolerance_lsb"]["input"]
        assert int(np.argmax(model.run_pixels(found))) == vector["top1"]


def test_a_real_film_becomes_the_pixels_of_images(shared: Path) -> None:
    """On photographs too, at most 1 LSB, in less than a value of a thousand."""
    film = shared / "data/video/bottle.mp4"
    if not film.is_file():
        pytest.skip(f"no film at {film}")
    pixels = Resizer(Preprocessing(224))
    capture = cv2.VideoCapture(str(film))
    for _ in range(5):
        frame = capture.read()[1]
        wanted = preprocess_array(np.ascontiguousarray(frame[:, :, ::-1]), pixels.preprocessing)
        difference = np.abs(pixels.pixels(frame).astype(int) - wanted)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001
    capture.release()
