"""The pages in headless Chromium: silent, offline, readable in both schemes and on a phone, usable by keyboard, printable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from report import browser, records
from report.test_render import everything

from edge_effnet.report import (
    collect,
    compare_document,
    parse_gate,
    render_compare,
    render_html,
    report_document,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    browser.find() is None, reason=f"no browser here ({', '.join(browser.NAMES)})"
)

_CONTRAST = 4.5
_PHONE_PX = 360

_TOO_FAINT = """
(() => {
  const parse = text => { const v = text.match(/[\\d.]+/g).map(Number); return [v[0], v[1], v[2], v.length > 3 ? v[3] : 1]; };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = node => { const stack = []; for (let e = node; e; e = e.parentElement) stack.push(parse(getComputedStyle(e).backgroundColor));
    return stack.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  const found = []; let seen = 0;
  for (const details of document.querySelectorAll('details')) details.open = true;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('title, desc, style')) continue;
    const style = getComputedStyle(parent), svg = parent.closest('svg');
    const below = ground(parent), ink = over(parse(svg ? style.fill : style.color), below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    seen++;
    if (ratio < LIMIT) found.push([node.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return {seen, found};
})()
""".replace("LIMIT", str(_CONTRAST))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report and a comparison with everything in them."""
    folder = tmp_path_factory.mktemp("pages")
    found = collect([records.save(folder / "a", **everything())])
    other = collect(
        [
            records.save(
                folder / "b", bench=records.bench(records.result("int8", 20.0)), i=records.inspection("int8")
            )
        ]
    )
    report = report_document(
        found, [parse_gate("top1_drop>0.5"), parse_gate("size_mb>7"), parse_gate("top1_drop>2")]
    )
    texts = {
        "report": render_html(report),
        "compare": render_compare(compare_document(found, other, ("a", "b"))),
    }
    paths = {name: folder / f"{name}.html" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """One browser for all tests of this file."""
    with browser.start(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.parametrize("name", ["report", "compare"])
def test_the_page_says_nothing_on_the_console_and_asks_for_nothing(
    page: browser.Browser, pages: dict[str, Path], name: str
) -> None:
    """No error, no warning, no request but its own; all of it is drawn."""
    page.open(pages[name])
    assert page.run("document.querySelectorAll('h2').length") >= 2
    said: list[Any] = [
        *page.said("Log.entryAdded"),
        *page.said("Runtime.consoleAPICalled"),
        *page.said("Runtime.exceptionThrown"),
    ]
    assert said == []
    asked = [event["request"]["url"] for event in page.said("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].resolve().as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "compare"])
def test_every_text_stands_out_from_its_ground(
    page: browser.Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    """4.5 to 1 or more, computed from what the browser draws, folded parts included."""
    page.open(pages[name], scheme=scheme)
    assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
    result = page.run(_TOO_FAINT)
    assert result["seen"] > 40
    assert result["found"] == []


@pytest.mark.parametrize("name", ["report", "compare"])
def test_a_phone_scrolls_in_one_direction_only(
    page: browser.Browser, pages: dict[str, Path], name: str
) -> None:
    """Wide tables scroll inside themselves; what is written in a plot stays legible."""
    page.open(pages[name], width=_PHONE_PX, height=740)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.run("document.documentElement.scrollWidth") <= _PHONE_PX
    sizes = page.run(
        "[...document.querySelectorAll('svg.chart text')].map(t => t.getBoundingClientRect().height)"
        ".filter(h => h > 0)"
    )
    assert all(size >= 9 for size in sizes)
    assert sizes or name == "compare"


@pytest.mark.parametrize("name", ["report", "compare"])
def test_everything_that_moves_is_reached_by_the_tab_key(
    page: browser.Browser, pages: dict[str, Path], name: str
) -> None:
    """Links, folded parts and scrolling tables, each visibly marked when it has the focus."""
    page.open(pages[name])
    wanted = page.run("document.querySelectorAll('a[href], summary, .scroll').length")
    page.run("document.activeElement.blur(); window.scrollTo(0, 0); window.met = new Set(); window.bare = []")
    for _ in range(wanted):
        page.press("Tab")
        page.run(
            "met.add(document.activeElement);"
            "if (document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle === 'none') bare.push(document.activeElement.outerHTML.slice(0, 80))"
        )
    assert (
        page.run(
            "[...document.querySelectorAll('a[href], summary, .scroll')].filter(e => !met.has(e) && e.checkVisibility()).length"
        )
        == 0
    )
    assert page.run("bare") == []


@pytest.mark.parametrize("name", ["report", "compare"])
def test_links_inside_the_page_lead_somewhere_and_names_are_unique(
    page: browser.Browser, pages: dict[str, Path], name: str
) -> None:
    """Each source that a figure names is in the list of sources."""
    page.open(pages[name])
    lost = "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash)"
    twice = (
        "[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)"
    )
    assert page.run(lost) == []
    assert page.run(twice) == []


def test_no_table_is_cut_off_on_paper(page: browser.Browser, pages: dict[str, Path]) -> None:
    """A4 less its margins is 688 pixels wide; nothing can be scrolled there."""
    page.open(pages["report"], width=688)
    page.ask("Emulation.setEmulatedMedia", media="print")
    wide = "[...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > 690).map(t => t.innerText.slice(0, 60))"
    assert page.run(wide) == []


def test_the_page_prints(page: browser.Browser, pages: dict[str, Path]) -> None:
    """To paper of more than one page, in light colours, with the folded tables open."""
    page.open(pages["report"], scheme="dark")
    assert page.printed().startswith(b"%PDF-")
    page.ask("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    closed = "[...document.querySelectorAll('details:not([open]) table')]"
    assert page.run(f"{closed}.length") > 0
    assert (
        page.run(f"{closed}.filter(t => !t.checkVisibility() || !t.getBoundingClientRect().height).length")
        == 0
    )
