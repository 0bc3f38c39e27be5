"""The page in another engine: Firefox has its own workers, canvas, decoders and service workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.web import firefox, live_page

from edge_effnet.runtimes.litert import LocalModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    firefox.find() is None, reason=f"no Firefox here ({', '.join(firefox.NAMES)})"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[firefox.Firefox]:
    """A browser with a camera that is allowed."""
    with firefox.start(tmp_path_factory.mktemp("firefox") / "profile") as running:
        yield running


def test_it_classifies_keeps_itself_and_works_without_its_server(
    page: firefox.Firefox, tmp_path: Path
) -> None:
    """Golden vectors equal, outputs those of the native runtime, threads, and all of it again with the server gone."""
    model = live_page.write_model(tmp_path)
    with live_page.started(model) as url:
        page.open(url)
        live_page.wait_ready(page)
        assert "3 of 3 equal, largest difference 0 LSB" in live_page.text(page, "golden")
        page.run("document.getElementById('start-camera').click()")
        live_page.wait_frames(page, 20)
        _, given, outputs = live_page.last_frame(page)
        native = LocalModel(model.read_bytes(), "xnnpack").run_pixels(
            given.reshape(live_page.SIDE_PX, live_page.SIDE_PX, 3)
        )
        assert np.abs(outputs[0].astype(int) - (native.reshape(-1).astype(int) + 128)).max() <= 1
        live_page.wait_kept(page)
        threads = page.run("edgeEffnet.state.engine.variant.threads")
        page.open(url)
        live_page.wait_ready(page)
        assert (
            page.run("fetch('model.json?fresh').then(answer => answer.status)") == 200
        )  # the service worker lives
    page.open(url)
    live_page.wait_ready(page)
    assert "3 of 3 equal" in live_page.text(page, "golden")
    assert page.run("edgeEffnet.state.engine.variant.threads") == threads
    assert page.run("document.getElementById('offline').checkVisibility()") is True
    live_page.wait_kept(page)


def test_the_golden_vectors_of_a_float_model_hold(page: firefox.Firefox, tmp_path: Path) -> None:
    """Pictures decoded, resized and run there give what Python wrote down, on the interface without codes."""
    with live_page.served(live_page.write_model(tmp_path, io="float32")) as site:
        page.open(site.url)
        live_page.wait_ready(page)
        assert live_page.text(page, "golden").startswith("3 of 3 equal")


def test_without_relaxed_simd_it_takes_the_compatible_variant_and_says_so(tmp_path: Path) -> None:
    """As in browsers of some years ago: one thread, the same answers."""
    with (
        live_page.served(live_page.write_model(tmp_path)) as site,
        firefox.start(tmp_path / "profile", {"javascript.options.wasm_relaxed_simd": False}) as page,
    ):
        page.open(site.url)
        live_page.wait_ready(page)
        assert page.run("edgeEffnet.state.engine.variant.name") == "compat"
        assert "lacks relaxed SIMD" in live_page.text(page, "about")
        assert live_page.text(page, "golden").startswith("3 of 3 equal")
