"""The page without its server: it works after the first load, and a new version comes whole or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from demo.web import live_page, page_modules
from report import browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def page(tmp_path: Path) -> Iterator[browser.Browser]:
    """A browser with a camera that is allowed, and nothing kept yet."""
    camera = live_page.fake_camera(live_page.write_film(tmp_path / "colours.y4m"))
    with browser.start(tmp_path / "profile", *live_page.ALLOWED, *camera) as running:
        yield running


def _first_load(page: browser.Browser, model: Path) -> tuple[str, int]:
    """Open the page and wait until it is kept; return its address and port. The server is gone afterwards."""
    with live_page.started(model) as url:
        page.open(url)
        live_page.wait_ready(page)
        live_page.wait_kept(page)
        assert page.run("document.getElementById('offline').hidden") is True
    return url, int(url.rstrip("/").rpartition(":")[2])


@live_page.NEEDS_BROWSER
def test_after_the_first_load_it_needs_no_server(page: browser.Browser, tmp_path: Path) -> None:
    """Reloaded with the server gone: model, threads, golden vectors and camera are there, and it says that it is offline."""
    url, _ = _first_load(page, live_page.write_model(tmp_path))
    threads = page.run("edgeEffnet.state.engine.variant.threads")
    page.open(f"{url}?threads={threads}")
    live_page.wait_ready(page)
    live_page.wait_frames(page, 5)
    assert page.run("edgeEffnet.state.engine.variant.threads") == threads
    assert "3 of 3 equal" in live_page.text(page, "golden")
    assert page.run("document.getElementById('offline').checkVisibility()") is True
    live_page.wait_kept(page)
    assert live_page.notice(page) == ""


@live_page.NEEDS_BROWSER
def test_a_server_that_goes_away_is_noticed_and_the_frames_go_on(
    page: browser.Browser, tmp_path: Path
) -> None:
    """Within the time between two questions, five seconds."""
    _first_load(page, live_page.write_model(tmp_path))
    before = live_page.figures(page)["looked"]
    live_page.wait(lambda: page.run("document.getElementById('offline').checkVisibility()"), "offline")
    live_page.wait_frames(page, before + 5)


@live_page.NEEDS_BROWSER
def test_another_model_is_fetched_whole_before_it_is_used(page: browser.Browser, tmp_path: Path) -> None:
    """The next start of the server has another model: one load later page, model and contract are all of that one."""
    _, port = _first_load(page, live_page.write_model(tmp_path))
    other = live_page.write_model(tmp_path, io="uint8", name="other")
    with live_page.served(other, port=port) as site:
        page.open(site.url)
        script = "window.edgeEffnet?.state.model.name === 'other.tflite' && edgeEffnet.state.engine !== null"
        live_page.wait(lambda: page.run(script), "the other model")
        live_page.wait_ready(page)
        assert "uint8 (1, 32, 32, 3)" in live_page.text(page, "about")
        assert "3 of 3 equal" in live_page.text(page, "golden")
        live_page.wait_kept(page)
        kept = page.run("caches.keys().then(names => names.length)")
    assert kept == 2  # one version, and which one it is
    page.open(site.url)
    live_page.wait_ready(page)
    assert live_page.text(page, "model-name") == "other.tflite"


@live_page.NEEDS_BROWSER
def test_a_version_that_cannot_be_fetched_leaves_the_old_one_in_use(
    page: browser.Browser, tmp_path: Path
) -> None:
    """A file of the new one is missing: the page goes on with what it has, and nothing half-way is kept."""
    _, port = _first_load(page, live_page.write_model(tmp_path))
    other = live_page.write_model(tmp_path, io="uint8", name="other")
    with live_page.served(other, port=port) as site:
        routes = site.server.routes
        site.server.routes = {name: value for name, value in routes.items() if name != "/view.js"}
        page.open(site.url)
        live_page.wait_ready(page)
        assert live_page.text(page, "model-name") == "colours.tflite"
        live_page.wait_frames(page, 3)
        assert page.run("caches.keys().then(names => names.length)") == 2


@live_page.NEEDS_BROWSER
def test_it_can_be_installed(page: browser.Browser, tmp_path: Path) -> None:
    """The browser finds a name, a start and icons of the sizes that the manifest names."""
    with live_page.served(live_page.write_model(tmp_path)) as site:
        page.open(site.url)
        found = page.ask("Page.getAppManifest")
        assert found["errors"] == []
        assert found["url"].endswith("/manifest.webmanifest")
        script = """(async () => { const m = await (await fetch('manifest.webmanifest')).json(); const wrong = [];
          for (const icon of m.icons.filter(i => i.type === 'image/png')) {
            const b = await createImageBitmap(await (await fetch(icon.src)).blob());
            if (`${b.width}x${b.height}` !== icon.sizes) wrong.push(icon.src); }
          return wrong; })()"""
        assert page.run(script) == []


def test_every_file_of_the_page_is_kept() -> None:
    """The service worker's list has them all: a forgotten one would be missed only without a network."""
    listed = re.search(r"const PAGE = \[(.*?)\];", (page_modules.PAGE / "sw.js").read_text(), re.DOTALL)
    assert listed is not None
    names = set(re.findall(r'"([^"]+)"', listed[1]))
    files = {path.name for path in page_modules.PAGE.iterdir()} - {"index.html", "sw.js"}
    assert files <= names
    assert names - files == {"./", "model.tflite", "litert/core/index.js", "litert/wasm-utils/index.js"}
