"""The demo's server in this process, and its page in a headless Chromium."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from report import browser
from runtimes.tiny_models import colour_classifier

from edge_effnet.convert.contract import golden_vectors
from edge_effnet.demo.web.runtime import web_runtime
from edge_effnet.demo.web.site import WebRequest, open_site
from edge_effnet.errors import EnvironmentFault
from edge_effnet.preprocessing import Preprocessing
from edge_effnet.progress import Silent
from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.demo.web.site import Site

NEEDS_BROWSER = pytest.mark.skipif(
    browser.find() is None, reason=f"no browser here ({', '.join(browser.NAMES)})"
)
ALLOWED = ("--use-fake-ui-for-media-stream",)
PATIENCE_S = 40.0
SIDE_PX = 32
COLOURS = {"red": (200, 30, 20), "green": (20, 190, 40), "blue": (30, 40, 210)}


def require_litertjs() -> None:
    """Skip a test where LiteRT.js is neither here nor to be had."""
    try:
        web_runtime()
    except EnvironmentFault as error:
        pytest.skip(f"no LiteRT.js: {error}")


def fake_camera(film: Path) -> tuple[str, ...]:
    """Return the flags for a camera that shows a film, again and again."""
    return ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}")


def write_film(
    path: Path, *, frames_each: int = 8, width: int = 160, height: int = 120, rate: int = 10
) -> Path:
    """Write an uncompressed film of `COLOURS`, each with a darker stripe that moves: no two frames are the same."""
    with path.open("wb") as stream:
        stream.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for colour in COLOURS.values():
            luma, *chroma = _ycc(colour)
            for place in range(frames_each):
                plane = np.full((height, width), luma, np.uint8)
                left = width // 4 + place * width // (3 * frames_each)
                plane[:, left : left + 12] //= 2
                stream.write(b"FRAME\n" + plane.tobytes())
                stream.writelines(bytes([value]) * (width * height // 4) for value in chroma)
    return path


def _ycc(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return luma and chroma, full range. References: ITU-T T.871."""
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return round(luma), round(128 + (blue - luma) * 0.564), round(128 + (red - luma) * 0.713)


def write_model(
    folder: Path, *, io: str = "int8", contract: bool = True, golden: bool = True, name: str = "colours"
) -> Path:
    """Write the model that tells colours apart, and what `convert` leaves beside one."""
    preprocessing = Preprocessing(SIDE_PX)
    said = {"preprocessing": preprocessing.to_record(), "labels": list(COLOURS)} if contract else None
    content = colour_classifier(io=io, size_px=SIDE_PX, contract=said, gain=1).to_bytes()
    path = folder / f"{name}.tflite"
    path.write_bytes(content)
    if golden:
        from edge_effnet.artifacts import sha256_of_bytes

        vectors = golden_vectors(LocalModel(content, "builtin"), preprocessing)
        sides = {side: {"dtype": io} for side in ("input", "output")}
        record = {**(said or {}), "io": sides, "sha256": sha256_of_bytes(content), "golden": vectors}
        path.with_suffix(".contract.json").write_text(json.dumps(record))
    return path


@contextlib.contextmanager
def served(model: Path, *, port: int = 0, isolated: bool = True, host: str = "127.0.0.1") -> Iterator[Site]:
    """Serve a model in a thread of this process."""
    require_litertjs()
    site = open_site(WebRequest(model, host, port, isolated=isolated), Silent())
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join(PATIENCE_S)


@contextlib.contextmanager
def started(model: Path, *, port: int = 0) -> Iterator[str]:
    """Serve a model in a process of its own, which dies with the block, connections and all; yield the address."""
    require_litertjs()
    command = [sys.executable, "-m", "edge_effnet", "demo", "web", "--model", str(model), "--no-open"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http"), "the server does not start"
        yield url
    finally:
        process.kill()
        process.communicate()


def wait(ask: Callable[[], Any], what: str) -> Any:
    """Return the first answer that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)
    return answer


def text(page: browser.Browser, name: str) -> str:
    """Return what an element says."""
    return str(page.run(f"document.getElementById({name!r}).textContent")).strip()


def wait_ready(page: browser.Browser) -> None:
    """Wait until the model is loaded and checked."""
    script = "(() => { const s = window.edgeEffnet?.state; return s?.engine != null && !['checking'].includes(s.golden) })()"
    wait(lambda: page.run(script), "the model loads")


def wait_kept(page: browser.Browser) -> None:
    """Wait until the page works without its server."""
    wait(lambda: page.run("edgeEffnet.state.offline").startswith("yes"), "the page is kept")


def figures(page: browser.Browser) -> dict[str, Any]:
    """Return what the page counts."""
    return dict(page.run("edgeEffnet.figures()"))


def wait_frames(page: browser.Browser, count: int) -> None:
    """Wait until that many frames were looked at."""
    wait(lambda: figures(page)["looked"] >= count, f"{count} frames")


def last_frame(page: browser.Browser) -> tuple[int, npt.NDArray[Any], list[npt.NDArray[Any]]]:
    """Return number, input tensor and output tensors of the last frame."""
    found = page.run("edgeEffnet.lastFrame()")
    dtype = np.dtype(found["dtype"])
    values = [np.frombuffer(base64.b64decode(one), dtype) for one in (found["input"], *found["outputs"])]
    return int(found["number"]), values[0], values[1:]


def notice(page: browser.Browser) -> str:
    """Return the code of the failure that is explained; empty if there is none."""
    return str(page.run("document.getElementById('notice').dataset.code ?? ''"))


def choose_file(page: browser.Browser, path: Path) -> None:
    """Open a file as a user would."""
    root = page.ask("DOM.getDocument")["root"]["nodeId"]
    node = page.ask("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path.resolve())])


def bad_words(page: browser.Browser) -> list[Any]:
    """Return what the console holds against the page."""
    return [
        *page.said("Log.entryAdded"),
        *page.said("Runtime.consoleAPICalled"),
        *page.said("Runtime.exceptionThrown"),
    ]
