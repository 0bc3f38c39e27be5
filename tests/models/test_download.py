"""Downloads, against a server on this machine and against none."""

from __future__ import annotations

import hashlib
import http.server
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.models import download
from edge_effnet.models.download import fetch, release_of
from edge_effnet.models.releases import CHECKPOINTS, RELEASES, Release
from edge_effnet.progress import Silent
from edge_effnet.variants.table import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"weights" * 100_000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class _Counter(Silent):
    """Counts the bytes that it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.total: int | None = None
        self.steps = 0

    def stage(self, name: str, total: int | None = None):
        self.total = total
        return super().stage(name, total)

    def advance(self, steps: int = 1) -> None:
        self.steps += steps


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing.h5":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 1000 if self.path == "/broken.h5" else None])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_download_lands_whole_and_is_counted(tmp_path: Path) -> None:
    """The file has the published hash, and progress adds up to its size."""
    counter = _Counter()
    with _server() as base:
        path = fetch(Release(f"{base}/good.h5", MD5), tmp_path / "cache", counter)
    assert path.read_bytes() == CONTENT
    assert counter.steps == counter.total == len(CONTENT)


def test_what_is_in_the_cache_is_not_fetched_again(tmp_path: Path) -> None:
    """A file with the published hash at the right place needs no network."""
    (tmp_path / "good.h5").write_bytes(CONTENT)
    assert fetch(Release("http://127.0.0.1:9/good.h5", MD5), tmp_path, Silent()) == tmp_path / "good.h5"


def test_a_damaged_cache_is_an_error_of_the_file(tmp_path: Path) -> None:
    """It is exit 4 and says what to remove; the file stays as it is."""
    (tmp_path / "good.h5").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"rm .*good\.h5"):
        fetch(Release("http://127.0.0.1:9/good.h5", MD5), tmp_path, Silent())
    assert (tmp_path / "good.h5").read_bytes() == b"damaged"


@pytest.mark.parametrize(
    ("name", "md5", "words"),
    [("missing", MD5, "404"), ("broken", MD5, "broke after"), ("other", "0" * 32, "MD5 differs")],
)
def test_a_failed_download_leaves_nothing_behind(name: str, md5: str, words: str, tmp_path: Path) -> None:
    """A refusal, a broken connection or another file is exit 3, and no part of a file stays."""
    with _server() as base, pytest.raises(EnvironmentFault, match=words) as caught:
        fetch(Release(f"{base}/{name}.h5", md5), tmp_path, Silent())
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_error_says_where_to_put_the_file(tmp_path: Path) -> None:
    """It names the address and the exact path."""
    release = Release("http://127.0.0.1:9/efficientnetb0.h5", MD5)
    with pytest.raises(EnvironmentFault) as caught:
        fetch(release, tmp_path / "cache", Silent())
    assert release.url in str(caught.value)
    assert f"put it at {tmp_path / 'cache' / 'efficientnetb0.h5'}" in str(caught.value)


def test_a_cache_that_cannot_be_made_is_an_environment_fault(tmp_path: Path) -> None:
    """Where the cache's place is taken by a file, the error is exit 3."""
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(EnvironmentFault):
        fetch(Release("http://127.0.0.1:9/a.h5", MD5), tmp_path / "cache", Silent())


def test_every_keras_variant_has_a_release_and_every_other_a_checkpoint() -> None:
    """No variant is left without a way to its published weights."""
    assert set(VARIANTS) == {name for name in VARIANTS if name in RELEASES or name in CHECKPOINTS}
    assert all(release.url.startswith("https://") for release in RELEASES.values())


def test_releases_agree_with_the_installed_keras() -> None:
    """The hashes are those that tf_keras itself checks."""
    pytest.importorskip("tf_keras")
    from tf_keras.src.applications import efficientnet, efficientnet_v2

    for name, release in RELEASES.items():
        if name.startswith("b"):
            assert release.md5 == efficientnet.WEIGHTS_HASHES[name][0]
            assert release.url == f"{efficientnet.BASE_WEIGHTS_PATH}efficientnet{name}.h5"
        if name.startswith("v2-"):
            key = name.removeprefix("v2-")
            assert (
                release.md5
                == efficientnet_v2.WEIGHTS_HASHES[
                    key if key in efficientnet_v2.WEIGHTS_HASHES else f"-{key}"
                ][0]
            )
            assert release.url == f"{efficientnet_v2.BASE_WEIGHTS_PATH}efficientnet{name}.h5"


def test_lite_says_where_its_checkpoint_is() -> None:
    """`imagenet` for a variant without a Keras release is exit 2, with the address of its checkpoint."""
    with pytest.raises(UsageError, match=r"efficientnet-lite0\.tar\.gz"):
        release_of("lite0")


def test_imagenet_weights_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`imagenet` resolves to the cache folder, so that a file put there by hand is found."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    monkeypatch.setattr(download, "RELEASES", {"b0": Release("http://127.0.0.1:9/efficientnetb0.h5", MD5)})
    place = tmp_path / "edge-effnet" / "weights" / "efficientnetb0.h5"
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert download.imagenet_weights("b0")[0] == place
