"""The page in headless Chromium with a camera that shows a film: the model runs there as it runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.web import live_page
from report import browser

from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_effnet.demo.web.site import Site

pytestmark = live_page.NEEDS_BROWSER


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells colours apart."""
    return live_page.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def site(model: Path) -> Iterator[Site]:
    """Its server."""
    with live_page.served(model) as running:
        yield running


@pytest.fixture(scope="module")
def page(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser whose camera shows colours, with the page open and running."""
    folder = tmp_path_factory.mktemp("browser")
    camera = live_page.fake_camera(live_page.write_film(folder / "colours.y4m"))
    with browser.start(folder / "profile", *live_page.ALLOWED, *camera) as running:
        running.open(site.url)
        live_page.wait_ready(running)
        live_page.wait_frames(running, 30)
        yield running


def test_frames_change_and_their_top1_is_the_native_runtimes(page: browser.Browser, model: Path) -> None:
    """Equal outputs within 1 step for the same tensors, over the whole film: each colour is seen and named."""
    native = LocalModel(model.read_bytes(), "xnnpack")
    seen: dict[int, int] = {}
    inputs = set()
    while len(seen) < 24:
        number, given, outputs = live_page.last_frame(page)
        if number in seen:
            continue
        inputs.add(given.tobytes())
        pixels = given.reshape(live_page.SIDE_PX, live_page.SIDE_PX, 3)
        wanted = native.run_pixels(pixels).reshape(-1).astype(int) + 128
        assert np.abs(outputs[0].astype(int) - wanted).max() <= 1
        assert int(outputs[0].argmax()) == int(wanted.argmax())
        seen[number] = int(outputs[0].argmax())
    assert set(seen.values()) == {0, 1, 2}
    assert len(inputs) >= 20


def test_the_page_says_what_runs_and_how_fast(page: browser.Browser, model: Path) -> None:
    """Model, engine with its version, threads with the reason; capture apart from inference."""
    about = live_page.text(page, "about")
    assert model.name in live_page.text(page, "model-name")
    assert "LiteRT.js 2." in live_page.text(page, "engine-name")
    assert "thread" in live_page.text(page, "engine-name")
    assert "WebAssembly" in about
    assert "square-0.875-bicubic-32px-v1" in about
    counted = live_page.figures(page)
    assert 5 < counted["capturedFps"] < 15
    assert 0 < counted["inference"]["p50"] <= counted["inference"]["p90"]
    assert 0 < counted["preprocess"]["p50"] < 20
    assert float(live_page.text(page, "inference-p50")) > 0
    assert float(live_page.text(page, "captured")) > 5


def test_the_golden_vectors_of_the_contract_hold_here(page: browser.Browser) -> None:
    """Checked by itself at the start, and again on demand."""
    assert live_page.text(page, "golden").startswith("3 of 3 equal, largest difference 0 LSB")
    page.run("document.getElementById('golden').textContent = ''; document.getElementById('check').click()")
    live_page.wait(lambda: "3 of 3 equal" in live_page.text(page, "golden"), "the check")


def test_labels_have_their_scores_and_no_more_are_shown_than_asked_for(page: browser.Browser) -> None:
    """Top-k and the smallest score are obeyed at once."""
    script = "(id, value) => { const e = document.getElementById(id); e.value = value; e.dispatchEvent(new Event('input')); }"
    page.run(f"({script})('top-k', 2); ({script})('threshold', 0)")
    rows = "document.querySelectorAll('#results li').length"
    live_page.wait(lambda: page.run(rows) == 2, "two rows")
    page.run(f"({script})('top-k', 1)")
    live_page.wait(lambda: page.run(rows) == 1, "one row")
    assert page.run("document.querySelector('#results .name').textContent") in live_page.COLOURS
    page.run(f"({script})('top-k', 3); ({script})('threshold', 0.05)")


def test_a_pause_keeps_the_frame_and_ends(page: browser.Browser) -> None:
    """Nothing is counted while it lasts; afterwards the frames go on."""
    page.run("document.getElementById('pause').click()")
    live_page.wait(lambda: page.run("document.getElementById('video').paused"), "the pause")
    page.run("new Promise(done => setTimeout(done, 300))")
    before = live_page.figures(page)["looked"]
    page.run("new Promise(done => setTimeout(done, 500))")
    assert live_page.figures(page)["looked"] == before
    page.run("document.getElementById('pause').click()")
    live_page.wait_frames(page, before + 5)


def test_the_benchmark_keeps_its_raw_times_and_conditions(page: browser.Browser, model: Path) -> None:
    """Min, median and p90 of as many runs as it says, as JSON to save."""
    page.run("document.getElementById('benchmark').click()")
    shown = "document.getElementById('benchmark-text').textContent"
    live_page.wait(lambda: "p90" in page.run(shown), "the benchmark")
    record = page.run("edgeEffnet.state.benchmark")
    samples = sorted(record["samples_ms"])
    assert record["runs"] == len(samples) == 50
    assert record["min_ms"] == samples[0] <= record["p50_ms"] <= record["p90_ms"] <= samples[-1]
    assert record["p50_ms"] == pytest.approx(np.median(samples), abs=0.002)
    assert record["model"]["name"] == model.name
    assert record["engine"]["name"] == "LiteRT.js"
    assert record["engine"]["threads"] >= 1
    assert record["cross_origin_isolated"] is True
    assert page.run("document.getElementById('benchmark-save').href").startswith("blob:")


def test_threads_are_used_where_the_page_is_isolated(page: browser.Browser) -> None:
    """With more than one core; the worker's own word, not a guess."""
    if page.run("navigator.hardwareConcurrency") < 2:
        pytest.skip("one core only")
    engine = page.run("edgeEffnet.state.engine")
    assert engine["isolated"] is True
    assert engine["variant"]["name"] == "threaded"
    assert engine["variant"]["threads"] >= 2


def test_the_heat_map_says_why_it_is_not_to_be_had(page: browser.Browser) -> None:
    """This model has no feature map."""
    assert page.run("document.getElementById('heat-switch').disabled") is True
    assert "--with-features" in live_page.text(page, "heat-why")


def test_the_console_stays_quiet(page: browser.Browser) -> None:
    """No error, no warning, no blocked script or style."""
    assert live_page.bad_words(page) == []
