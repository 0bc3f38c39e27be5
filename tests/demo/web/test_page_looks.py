"""The page as people meet it: readable in both schemes, on a phone, by keyboard, by a screen reader."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from demo.web import live_page
from report import browser
from report.test_page_in_browser import _CONTRAST, _TOO_FAINT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = live_page.NEEDS_BROWSER

_PHONE_PX = 360
_CONTROLS = "a[href], button, input:not(.unseen), select, summary"
_EVERYTHING = """
document.querySelectorAll('details').forEach(one => one.open = true);
for (const id of ['notice', 'offline', 'camera-field', 'flip', 'notice-single', 'benchmark-result']) document.getElementById(id).hidden = false;
document.getElementById('notice-what').textContent = 'The camera is blocked.';
document.getElementById('notice-remedy').textContent = 'Allow it for this page.';
document.getElementById('notice-detail').textContent = 'NotAllowedError: ' + 'Permission'.repeat(30);
document.getElementById('camera').append(new Option('A camera with a rather long name (0c45:6366) of some maker', 'x'));
document.getElementById('benchmark-text').textContent = 'min 6.3 ms, p50 7.1 ms, p90 9.2 ms of 50 runs';
document.getElementById('golden').classList.add('failed');
"""
"""Everything that may ever be seen, at once."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with labels of some length."""
    return live_page.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def page(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser with a camera; its address is in `url`."""
    folder = tmp_path_factory.mktemp("browser")
    camera = live_page.fake_camera(live_page.write_film(folder / "colours.y4m"))
    with (
        live_page.served(model) as site,
        browser.start(folder / "profile", *live_page.ALLOWED, *camera) as running,
    ):
        running.open(site.url)
        live_page.wait_ready(running)
        yield running


def _show(page: browser.Browser, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
    page.open(str(page.run("location.href")), width=width, height=height, scheme=scheme)
    live_page.wait_ready(page)
    live_page.wait_frames(page, 5)
    page.run(_EVERYTHING)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(page: browser.Browser, scheme: str) -> None:
    """4.5 to 1 or more, computed from what the browser draws; what lies over the video has a dark ground of its own."""
    _show(page, scheme=scheme)
    assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
    page.run("document.getElementById('caption').remove()")  # white on a gradient: see the next test
    found = page.run(_TOO_FAINT)
    assert found["seen"] > 40
    assert found["found"] == []
    assert _CONTRAST == 4.5


def test_the_welcome_stands_out_from_its_ground(page: browser.Browser) -> None:
    """Seen before the first camera, in both schemes."""
    for scheme in ("light", "dark"):
        _show(page, scheme=scheme)
        page.run(
            "document.getElementById('caption').remove(); document.getElementById('welcome').hidden = false"
        )
        assert page.run(_TOO_FAINT)["found"] == []


@pytest.mark.parametrize("width", [320, _PHONE_PX, 600, 960, 1280])
def test_no_width_scrolls_sideways(page: browser.Browser, width: int) -> None:
    """With every part shown that may ever be, and long words in them."""
    _show(page, width=width, height=740)
    assert page.run("document.documentElement.scrollWidth") <= width
    outside = f"[...document.querySelectorAll('main *, header *')].filter(e => e.checkVisibility() && !e.closest('.unseen, .media') && e.getBoundingClientRect().right > {width} + 1).map(e => e.id || e.className || e.tagName)"
    assert page.run(outside) == []


def test_a_phone_shows_picture_and_first_label_at_once(page: browser.Browser) -> None:
    """In the first screen; controls are large enough for a finger."""
    _show(page, width=_PHONE_PX, height=740)
    page.run("for (const id of ['notice', 'offline']) document.getElementById(id).hidden = true")
    bottom = "document.querySelector('#results li').getBoundingClientRect().bottom"
    assert page.run(f"window.scrollTo(0, 0); {bottom}") < 740
    small = "[...document.querySelectorAll('button, select, .button')].filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 40).map(e => e.id)"
    assert page.run(small) == []


def test_every_control_is_reached_by_the_tab_key_and_marked(page: browser.Browser) -> None:
    """In turn, each with an outline when it has the focus."""
    _show(page)
    page.run(
        "document.activeElement.blur(); window.scrollTo(0, 0); window.met = new Set(); window.bare = [];"
        "for (const one of document.querySelectorAll('video')) one.tabIndex = -1"
    )
    wanted = f"[...document.querySelectorAll('{_CONTROLS}')].filter(e => e.checkVisibility() && !e.disabled)"
    for _ in range(int(page.run(f"{wanted}.length")) + 1):
        page.press("Tab")
        page.run(
            "met.add(document.activeElement);"
            "if (document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle === 'none') bare.push(document.activeElement.outerHTML.slice(0, 80))"
        )
    assert page.run(f"{wanted}.filter(e => !met.has(e)).map(e => e.id || e.textContent)") == []
    assert page.run("bare") == []


def test_every_control_has_a_name(page: browser.Browser) -> None:
    """Asked of the browser's own accessibility tree; ids are unique, the language is said, headings leave no step out."""
    _show(page)
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "checkbox", "switch", "slider", "combobox", "link", "img", "heading", "Video"}
    named = [
        (one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]
    ]
    assert [role for role, name in named if role in roles and not name.strip()] == []
    assert {"button", "switch", "slider", "combobox"} <= {role for role, _ in named}
    twice = (
        "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)"
    )
    assert page.run(twice) == []
    assert page.run("document.documentElement.lang") == "en"
    levels = page.run("[...document.querySelectorAll('h1, h2, h3')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_screen_reader_hears_the_first_label_but_not_every_frame(page: browser.Browser) -> None:
    """Polite, and only when it has stood for a while: the film has eight frames of a colour at ten a second."""
    _show(page)
    assert page.run("document.getElementById('spoken').getAttribute('aria-live')") == "polite"
    page.run(
        "window.changes = 0; new MutationObserver(() => changes++).observe(document.getElementById('spoken'), {childList: true})"
    )
    before = live_page.figures(page)["looked"]
    live_page.wait_frames(page, before + 30)
    assert page.run("changes") == 0  # no colour stands for 1.2 s
    page.run("document.getElementById('pause').click()")
    shown = page.run("document.querySelector('#results .name').textContent")
    live_page.wait(lambda: live_page.text(page, "spoken") == shown, "the label is spoken")


def test_nothing_moves_where_motion_is_not_wanted(page: browser.Browser) -> None:
    """Bars jump instead of sliding."""
    _show(page)
    page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    moving = "[...document.querySelectorAll('*')].filter(e => parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
    assert page.run(moving) == 0
