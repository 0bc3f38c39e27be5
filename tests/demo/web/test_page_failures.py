"""The page when something is missing or wrong: it says what, in plain English, and what still works goes on."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.web import live_page
from PIL import Image
from report import browser
from runtimes.tiny_models import colour_classifier

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.demo.web.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from edge_effnet.demo.web.site import Site

pytestmark = live_page.NEEDS_BROWSER


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the model that tells colours apart."""
    with live_page.served(live_page.write_model(tmp_path_factory.mktemp("model"))) as running:
        yield running


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser of a machine without a camera."""
    with browser.start(tmp_path_factory.mktemp("bare")) as running:
        yield running


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser with a camera, for which nobody has given permission yet."""
    folder = tmp_path_factory.mktemp("seeing")
    with browser.start(
        folder / "p", *live_page.fake_camera(live_page.write_film(folder / "c.y4m"))
    ) as running:
        yield running


def _open(page: browser.Browser, site: Site) -> None:
    page.open(site.url)
    live_page.wait_ready(page)


def _start_camera(page: browser.Browser) -> None:
    page.run("document.getElementById('start-camera').click()")


def _wait_notice(page: browser.Browser, code: str) -> str:
    live_page.wait(lambda: live_page.notice(page), f"an explanation, {code}")
    assert live_page.notice(page) == code
    assert page.run("document.getElementById('notice').checkVisibility()") is True
    return live_page.text(page, "notice")


def _wait_label(page: browser.Browser, label: str) -> None:
    name = "document.querySelector('#results .name')?.textContent"
    live_page.wait(lambda: page.run(name) == label, label)


def _picture(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.fromarray(np.full((60, 90, 3), colour, np.uint8)).save(path)
    return path


def test_without_a_camera_it_says_so_and_takes_a_picture(
    bare: browser.Browser, site: Site, tmp_path: Path
) -> None:
    """The model is there all the same, and classifies what a file shows."""
    _open(bare, site)
    assert bare.run("document.getElementById('welcome').checkVisibility()") is True
    _start_camera(bare)
    assert "no camera" in _wait_notice(bare, "no-camera").lower()
    for colour, values in live_page.COLOURS.items():
        live_page.choose_file(bare, _picture(tmp_path / f"{colour}.png", values))
        _wait_label(bare, colour)
        assert live_page.text(bare, "source").startswith(f"{colour}.png, 90 x 60")
    assert live_page.notice(bare) == ""


def test_a_file_that_is_no_picture_is_explained(bare: browser.Browser, site: Site, tmp_path: Path) -> None:
    """A damaged one, a text, and a film that is none."""
    _open(bare, site)
    for name in ("a.png", "b.txt", "c.mp4"):
        (tmp_path / name).write_bytes(b"nothing that can be seen" * 40)
        live_page.choose_file(bare, tmp_path / name)
        assert "cannot be shown" in _wait_notice(bare, "picture")
        bare.run("document.getElementById('notice-close').click()")


def test_a_refused_camera_is_explained_and_can_be_allowed_afterwards(
    seeing: browser.Browser, site: Site
) -> None:
    """The button for another try does it."""
    _permit(seeing, site, "denied")
    _open(seeing, site)
    _start_camera(seeing)
    assert "allow it" in _wait_notice(seeing, "permission-denied").lower()
    _permit(seeing, site, "granted")
    seeing.run("document.getElementById('notice-again').click()")
    live_page.wait_frames(seeing, 3)
    assert live_page.notice(seeing) == ""


def _permit(page: browser.Browser, site: Site, setting: str) -> None:
    page.ask("Browser.setPermission", permission={"name": "camera"}, setting=setting, origin=site.url)


def test_a_camera_that_goes_away_is_explained_and_comes_back(seeing: browser.Browser, site: Site) -> None:
    """Its track ends as it does when the plug is pulled (the event is sent by the test)."""
    _permit(seeing, site, "granted")
    _open(seeing, site)
    live_page.wait_frames(seeing, 3)
    seeing.run(
        "document.getElementById('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    )
    assert "gone" in _wait_notice(seeing, "camera-lost")
    assert seeing.run("document.getElementById('video').srcObject") is None
    seeing.run("document.getElementById('notice-again').click()")
    live_page.wait_frames(seeing, 3)


_SLOW_CAMERA = """(() => {
  const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
  window.streams = [];
  devices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    await new Promise((resolve) => setTimeout(resolve, 500));
    streams.push(stream);
    return stream;
  };
})()"""
_LIVE = "streams.filter((stream) => stream.active).length"


def test_the_last_choice_counts_and_no_camera_stays_on(
    seeing: browser.Browser, site: Site, tmp_path: Path
) -> None:
    """The button pressed twice, then a picture opened while the camera is still being asked for."""
    _permit(seeing, site, "granted")
    _open(seeing, site)
    live_page.wait_frames(seeing, 1)
    seeing.run(_SLOW_CAMERA)
    _start_camera(seeing)
    _start_camera(seeing)
    live_page.wait(lambda: seeing.run("streams.length") == 2, "both cameras open")
    live_page.wait_frames(seeing, 3)
    assert (seeing.run(_LIVE), live_page.notice(seeing)) == (1, "")
    _start_camera(seeing)
    live_page.choose_file(seeing, _picture(tmp_path / "green.png", (20, 190, 40)))
    _wait_label(seeing, "green")
    live_page.wait(lambda: seeing.run("streams.length") == 3, "the camera opens too late")
    live_page.wait(lambda: seeing.run(_LIVE) == 0, "the camera is let go of")
    assert seeing.run("edgeEffnet.state.source") == "picture"
    assert live_page.text(seeing, "source").startswith("green.png")


def test_every_word_of_the_browser_about_a_camera_has_an_explanation(
    seeing: browser.Browser, site: Site
) -> None:
    """Refused, absent, taken by another program, unplugged since (said by the test in the browser's place)."""
    _permit(seeing, site, "denied")
    _open(seeing, site)
    for name, code in (
        ("NotAllowedError", "permission-denied"),
        ("NotFoundError", "no-camera"),
        ("NotReadableError", "camera-in-use"),
        ("OverconstrainedError", "camera-gone"),
        ("SomethingNewError", "unknown"),
    ):
        seeing.run(
            f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('words', {name!r}))"
        )
        seeing.run("document.getElementById('notice-close').click()")
        _start_camera(seeing)
        assert f"{name}: words" in _wait_notice(seeing, code)


_WRONG = {
    "int8 interface": ("wrong-model", "cannot feed int8"),
    "two inputs": ("wrong-model", "takes (1, 32, 32, 3) and"),
    "cut off": ("wrong-model", "damaged model"),
    "no model": ("wrong-model", "not a TFLite model"),
    "contract of another size": ("wrong-model", "disagree"),
    "labels of another model": ("wrong-model", "labels do not fit"),
    "unknown operator": ("compile", "Foo"),
    "another than announced": ("changed-model", ""),
}


def _wrong_model(kind: str, folder: Path) -> bytes:
    right = live_page.write_model(folder, io="uint8", golden=False).read_bytes()
    preprocessing = {"resolution_px": 64, "crop_fraction": 0.875, "resample": "bicubic"}
    strange = colour_classifier(io="uint8", size_px=32, contract={"preprocessing": preprocessing})
    labelled = colour_classifier(io="uint8", size_px=32, contract={"labels": ["one"]})
    custom = colour_classifier(io="uint8", size_px=32)
    custom.operator, custom.custom = 32, "Foo"
    twice = colour_classifier(io="uint8", size_px=32)
    twice.inputs = 2
    return {
        "int8 interface": colour_classifier(io="int8", size_px=32).to_bytes(),
        "two inputs": twice.to_bytes(),
        "cut off": right[: len(right) // 2],
        "no model": b"<!doctype html><title>404</title>",
        "contract of another size": strange.to_bytes(),
        "labels of another model": labelled.to_bytes(),
        "unknown operator": custom.to_bytes(),
        "another than announced": right,
    }[kind]


@contextlib.contextmanager
def _answering(page: browser.Browser, site: Site, routes: Mapping[str, Resource]) -> Iterator[None]:
    """Let the server answer otherwise for a while, to a browser that has nothing kept."""
    before = site.server.routes
    site.server.routes = routes
    page.ask("Network.setBypassServiceWorker", bypass=True)
    page.ask("Network.setCacheDisabled", cacheDisabled=True)
    try:
        yield
    finally:
        page.ask("Network.setBypassServiceWorker", bypass=False)
        page.ask("Network.setCacheDisabled", cacheDisabled=False)
        site.server.routes = before


@pytest.mark.parametrize("kind", _WRONG)
def test_a_model_that_cannot_be_used_is_explained(
    bare: browser.Browser, site: Site, tmp_path: Path, kind: str
) -> None:
    """Whatever the server sends; the page says what the matter is instead of a guess or silence."""
    code, words = _WRONG[kind]
    content = _wrong_model(kind, tmp_path)
    routes = site.server.routes
    facts = json.loads(routes["/model.json"].body(compressed=False)[0])
    facts["served_sha256"] = "0" * 64 if code == "changed-model" else sha256_of_bytes(content)
    facts["sidecar"] = False
    answers = {"/model.tflite": Resource(content, ".tflite"), "/model.json": Resource.from_record(facts)}
    with _answering(bare, site, {**routes, **answers}):
        bare.open(site.url)
        assert words in _wait_notice(bare, code)


def test_an_engine_that_does_not_load_is_explained(bare: browser.Browser, site: Site) -> None:
    """Such as behind a blocker, or from a server without the files."""
    routes = {name: value for name, value in site.server.routes.items() if not name.endswith(".wasm")}
    with _answering(bare, site, routes):
        bare.open(site.url)
        assert "LiteRT.js did not load" in _wait_notice(bare, "engine")


def test_without_isolation_it_runs_on_one_thread_and_says_why(
    seeing: browser.Browser, tmp_path: Path
) -> None:
    """The golden vectors hold there, too."""
    with live_page.served(live_page.write_model(tmp_path), isolated=False) as site:
        _permit(seeing, site, "granted")
        _open(seeing, site)
        engine = seeing.run("edgeEffnet.state.engine")
        assert engine["isolated"] is False
        assert engine["variant"]["threads"] == 1
        assert "not cross-origin isolated" in live_page.text(seeing, "about")
        assert "3 of 3 equal" in live_page.text(seeing, "golden")
        live_page.wait_frames(seeing, 5)


@pytest.mark.parametrize("io", ["uint8", "float32"])
def test_models_of_every_interface_run(bare: browser.Browser, tmp_path: Path, io: str) -> None:
    """Those that LiteRT.js takes as they are; int8 ones are most of the other tests."""
    with live_page.served(live_page.write_model(tmp_path, io=io)) as site:
        _open(bare, site)
        assert f"{io} (1, 32, 32, 3)" in live_page.text(bare, "about")
        assert "3 of 3 equal" in live_page.text(bare, "golden")


def test_a_model_without_a_contract_runs_and_says_what_is_assumed(
    bare: browser.Browser, tmp_path: Path
) -> None:
    """Preprocessing and names of the classes; and that there is nothing to check it by."""
    with live_page.served(live_page.write_model(tmp_path, contract=False, golden=False)) as site:
        _open(bare, site)
        about = live_page.text(bare, "about")
        assert "assumed square-0.875-bicubic-32px-v1" in about
        assert "classes are shown by number" in about
        assert "not available" in live_page.text(bare, "golden")
        live_page.choose_file(bare, _picture(tmp_path / "a.png", live_page.COLOURS["blue"]))
        _wait_label(bare, "class 2")


def test_a_browser_that_lacks_something_is_told_so(bare: browser.Browser, site: Site) -> None:
    """By the name of what it lacks (taken away by the test), not by a script that stops half-way."""
    script = bare.ask("Page.addScriptToEvaluateOnNewDocument", source="delete window.OffscreenCanvas")
    bare.open(site.url)
    assert "OffscreenCanvas" in _wait_notice(bare, "old-browser")
    bare.ask("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_a_page_that_is_not_secure_classifies_files_and_says_what_the_camera_needs(tmp_path: Path) -> None:
    """Plain http by another name than localhost: no camera, no hashes, no threads, no service worker; golden vectors hold."""
    rules = "--host-resolver-rules=MAP demo.test 127.0.0.1"
    with (
        live_page.served(live_page.write_model(tmp_path), host="0.0.0.0") as site,  # noqa: S104
        browser.start(tmp_path / "profile", rules) as page,
    ):
        page.open(f"http://demo.test:{site.server.port}/")
        live_page.wait_ready(page)
        assert page.run("isSecureContext") is False
        assert page.run("edgeEffnet.state.engine.variant.threads") == 1
        assert "3 of 3 equal" in live_page.text(page, "golden")
        assert "no hashes outside https" in live_page.text(page, "golden")
        live_page.wait(lambda: page.run("edgeEffnet.state.offline").startswith("no:"), "the word on offline")
        _start_camera(page)
        assert "--https" in _wait_notice(page, "not-secure")
        live_page.choose_file(page, _picture(tmp_path / "a.png", live_page.COLOURS["green"]))
        _wait_label(page, "green")
