"""What takes the page a minute to notice, or much memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.web import live_page
from PIL import Image
from report import browser

from edge_effnet.demo.web.resource import Resource

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [live_page.NEEDS_BROWSER, pytest.mark.slow]

_NEVER = b"var ModuleFactory = () => new Promise(() => {});"
_THREADED = "/litert/wasm/litert_wasm_threaded_internal.js"


def test_an_engine_that_never_answers_is_ended_and_one_thread_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a minute; the button loads the page anew, and that works."""
    monkeypatch.setattr(live_page, "PATIENCE_S", 90.0)
    with (
        live_page.served(live_page.write_model(tmp_path)) as site,
        browser.start(tmp_path / "profile") as page,
    ):
        site.server.routes = {**site.server.routes, _THREADED: Resource(_NEVER, ".js")}
        page.open(site.url)
        if page.run("navigator.hardwareConcurrency") < 2:
            pytest.skip("one core only: no threads to wait for")
        live_page.wait(lambda: live_page.notice(page), "an explanation")
        assert live_page.notice(page) == "engine-stalled"
        page.run("document.getElementById('notice-single').click()")
        live_page.wait(
            lambda: page.run("location.search === '?threads=1' && !!window.edgeEffnet?.state.engine"),
            "one thread",
        )
        live_page.wait_ready(page)
        assert page.run("edgeEffnet.state.engine.variant.threads") == 1
        assert "3 of 3 equal" in live_page.text(page, "golden")


def test_a_picture_above_the_limit_is_refused_and_one_below_it_is_not(tmp_path: Path) -> None:
    """64 million pixels, as in `edge_effnet.images`."""
    for name, width in (("large", 8001), ("right", 7900)):
        Image.fromarray(np.zeros((8000, width), np.uint8)).save(tmp_path / f"{name}.png", compress_level=1)
    with (
        live_page.served(live_page.write_model(tmp_path)) as site,
        browser.start(tmp_path / "profile") as page,
    ):
        page.open(site.url)
        live_page.wait_ready(page)
        live_page.choose_file(page, tmp_path / "large.png")
        live_page.wait(lambda: live_page.notice(page), "an explanation")
        assert live_page.notice(page) == "picture-size"
        live_page.choose_file(page, tmp_path / "right.png")
        live_page.wait_frames(page, 1)
        assert live_page.notice(page) == ""
