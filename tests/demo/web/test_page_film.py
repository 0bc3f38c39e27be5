"""A real film before a real network in the browser: the same codes as natively, frame by frame, and how much slower."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.web import live_page
from report import browser

from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = live_page.NEEDS_BROWSER

_FRAMES = 15
_SIDE_PX = 224


@pytest.fixture(scope="module")
def model(shared: Path) -> Path:
    """MobileNetV2 in int8 with uint8 in and out, by another tool."""
    path = shared / "data/weights/mobilenet_v2_ptq_int8.tflite"
    if not path.is_file():
        pytest.skip(f"no model at {path}")
    return path


@pytest.fixture(scope="module")
def film(shared: Path) -> Path:
    """A bottle on a table, H.264."""
    path = shared / "data/video/bottle.mp4"
    if not path.is_file():
        pytest.skip(f"no film at {path}")
    return path


@pytest.fixture(scope="module")
def page(model: Path, film: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser whose camera shows the film, at its own speed, small."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("no ffmpeg here: the film has to be unpacked for the camera")
    folder = tmp_path_factory.mktemp("film")
    clip = folder / "clip.y4m"
    command = [program, "-v", "error", "-i", str(film), "-vf", "scale=320:-2,fps=10", "-t", "3"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(clip)], check=True, timeout=60)
    flags = (*live_page.ALLOWED, *live_page.fake_camera(clip))
    with live_page.served(model) as site, browser.start(folder / "profile", *flags) as running:
        running.open(site.url)
        live_page.wait_ready(running)
        yield running


def _frames_equal(page: browser.Browser, native: LocalModel) -> int:
    """Compare frames as they come; return how many different ones there were."""
    seen, inputs = set(), set()
    while len(seen) < _FRAMES:
        number, given, outputs = live_page.last_frame(page)
        if number in seen:
            continue
        seen.add(number)
        inputs.add(given.tobytes())
        wanted = native.run_pixels(given.reshape(_SIDE_PX, _SIDE_PX, 3)).reshape(-1).astype(int)
        assert np.abs(outputs[0].astype(int) - wanted).max() <= 1
        assert int(outputs[0].argmax()) == int(wanted.argmax())
    return len(inputs)


def test_camera_frames_give_what_the_native_runtime_gives(page: browser.Browser, model: Path) -> None:
    """Within 1 step in all 1,001 outputs; the frames do change."""
    live_page.wait_frames(page, 3)
    assert _frames_equal(page, LocalModel(model, "xnnpack")) >= _FRAMES - 2


def test_a_film_file_plays_and_gives_what_the_native_runtime_gives(
    page: browser.Browser, model: Path, film: Path
) -> None:
    """Opened by the user; where the browser has no decoder for it, that is what it says."""
    live_page.choose_file(page, film)
    live_page.wait(lambda: live_page.text(page, "source") == film.name, "the film is shown")
    live_page.wait(lambda: live_page.notice(page) or live_page.figures(page)["looked"] >= 3, "frames")
    if live_page.notice(page):
        assert live_page.notice(page) == "picture"
        pytest.skip("this browser cannot decode H.264")
    assert _frames_equal(page, LocalModel(model, "xnnpack")) >= _FRAMES - 2


def test_the_page_answers_while_the_model_runs(page: browser.Browser) -> None:
    """Sixty runs in the worker: the page's own timers go on meanwhile; they would stand still if it ran them itself."""
    page.run("document.getElementById('pause').click()")
    ticks = page.run("""(async () => {
      let ticks = 0;
      const timer = setInterval(() => { ticks += 1; }, 10);
      document.getElementById('benchmark').click();
      while (document.getElementById('benchmark').disabled) await new Promise(done => setTimeout(done, 5));
      clearInterval(timer);
      return ticks;
    })()""")
    assert ticks >= 10
    assert page.run("edgeEffnet.state.benchmark.runs") == 50


def test_the_latency_is_reported_beside_the_native_one(
    page: browser.Browser, model: Path, record_property: pytest.RecordProperty
) -> None:
    """On this machine, one thread each, minima of 50 runs; a browser that were faster would be measuring something else."""
    page.open(str(page.run("location.origin")) + "/?threads=1")
    live_page.wait_ready(page)
    page.run("document.getElementById('benchmark').click()")
    live_page.wait(lambda: page.run("edgeEffnet.state.benchmark"), "the benchmark")
    there = float(page.run("edgeEffnet.state.benchmark")["min_ms"])
    native, times = LocalModel(model, "xnnpack", threads=1), []
    pixels = np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8)
    for _ in range(60):
        start = time.perf_counter()
        native.run_pixels(pixels)
        times.append(1000 * (time.perf_counter() - start))
    here = min(times[10:])
    record_property("browser_min_ms", there)
    record_property("native_min_ms", here)
    print(f"LiteRT.js {there:.2f} ms, native {here:.2f} ms, {there / here:.1f} times")
    assert 0.5 < there / here < 40
