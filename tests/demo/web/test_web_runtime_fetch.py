"""demo.web.runtime: LiteRT.js is fetched once, and nothing of it is unpacked that is not the published one."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.demo.web import runtime
from edge_effnet.demo.web.release import LITERTJS, Package, Release
from edge_effnet.demo.web.runtime import (
    cached_folder,
    faults_of,
    install_web_runtime,
    vendored_folder,
    web_runtime,
)
from edge_effnet.demo.web.tarball import files_from_tarball
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.process import Finished
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CORE = b'import { createWasmLib } from "@litertjs/wasm-utils";\nexport const core = 1;\n'
_REWRITTEN = _CORE.replace(
    b'import { createWasmLib } from "@litertjs/wasm-utils";',
    b"// Changed by edge-effnet: this import was a bare name, and workers have no import maps.\n"
    b'import { createWasmLib } from "../wasm-utils/index.js";',
)
_UTILS = b"export const createWasmLib = 1;\n"


def _tarball(members: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for entry in more:
            archive.addfile(entry)
    return buffer.getvalue()


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, size
    return entry


def _package(name: str, tarball: bytes, files: dict[str, str]) -> Package:
    return Package(name, "1.0.0", base64.b64encode(hashlib.sha512(tarball).digest()).decode(), files)


class _Registry:
    """Stands in for npm: writes a tarball where it is told to, as `npm pack` does."""

    def __init__(self, core: bytes = _CORE) -> None:
        self.core = _tarball({"package/dist/index.js": core, "package/README.md": b"not wanted"})
        self.utils = _tarball({"package/dist/index.js": _UTILS})
        self.asked: list[list[str]] = []
        self.served = {"a-core-1.0.0.tgz": self.core, "a-utils-1.0.0.tgz": self.utils}
        self.fails = b""

    def release(self) -> Release:
        return Release(
            "1.0.0",
            (
                _package("@a/core", self.core, {"package/dist/index.js": "core/index.js"}),
                _package("@a/utils", self.utils, {"package/dist/index.js": "wasm-utils/index.js"}),
            ),
            {"core/index.js": sha256_of_bytes(_REWRITTEN), "wasm-utils/index.js": sha256_of_bytes(_UTILS)},
        )

    def __call__(
        self, argv: Sequence[str], *, timeout_s: float, cwd: Path | None = None, **_: Any
    ) -> Finished:
        assert timeout_s > 0
        self.asked.append(list(argv))
        if self.fails:
            return Finished(tuple(argv), 1, b"", self.fails)
        folder = Path(argv[argv.index("--pack-destination") + 1])
        assert folder == cwd
        assert folder.is_absolute()  # it runs in another folder than we do
        name = argv[2].removeprefix("@").replace("/", "-").replace("@", "-") + ".tgz"
        (folder / name).write_bytes(self.served[name])
        return Finished(tuple(argv), 0, name.encode(), b"")


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> _Registry:
    """A registry, and an npm that is found."""
    monkeypatch.setattr(runtime, "find_program", lambda name: f"/bin/{name}")
    return _Registry()


def test_what_is_fetched_is_checked_unpacked_and_rewritten(npm: _Registry, tmp_path: Path) -> None:
    """Only the files that are wanted; and the one bare import is relative, because workers have no import maps."""
    folder = install_web_runtime(tmp_path / "new/litert", release=npm.release(), run=npm)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "core/index.js",
        "wasm-utils/index.js",
    }
    assert (folder / "core/index.js").read_bytes() == _REWRITTEN
    assert [path.name for path in folder.parent.iterdir()] == ["litert"]
    assert npm.asked[0][:3] == ["/bin/npm", "pack", "@a/core@1.0.0"]
    assert "--ignore-scripts" in npm.asked[0]


def test_a_relative_folder_is_one_of_here(
    npm: _Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `make wheel` gives it."""
    monkeypatch.chdir(tmp_path)
    install_web_runtime(Path("vendor"), release=npm.release(), run=npm)
    assert faults_of(tmp_path / "vendor", npm.release()) == []


def test_it_is_fetched_once(npm: _Registry, tmp_path: Path) -> None:
    """A folder that has it is left alone, one that is damaged is made anew, and so it is with force."""
    for _ in range(2):
        install_web_runtime(tmp_path / "l", release=npm.release(), run=npm)
    assert len(npm.asked) == 2
    (tmp_path / "l/wasm-utils/index.js").write_text("damaged")
    install_web_runtime(tmp_path / "l", release=npm.release(), run=npm)
    assert faults_of(tmp_path / "l", npm.release()) == []
    install_web_runtime(tmp_path / "l", force=True, release=npm.release(), run=npm)
    assert len(npm.asked) == 6


def test_another_file_than_the_published_one_is_not_unpacked(
    npm: _Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that serves something else: both hashes are said, and nothing is left behind."""
    release = npm.release()
    npm.served["a-core-1.0.0.tgz"] = _tarball({"package/dist/index.js": b"evil"})
    monkeypatch.setattr(runtime, "files_from_tarball", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(EnvironmentFault, match="not the published") as caught:
        install_web_runtime(tmp_path / "l", release=release, run=npm)
    assert release.packages[0].sha512 in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_every_file_is_checked_after_it_was_rewritten(npm: _Registry, tmp_path: Path) -> None:
    """The hashes of the files hold apart from those of the packages: they are what is checked at each start."""
    release = replace(npm.release(), sha256={"core/index.js": "0" * 64})
    with pytest.raises(EnvironmentFault, match="not the published one"):
        install_web_runtime(tmp_path / "l", release=release, run=npm)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_worked_survives_a_fetch_that_fails(npm: _Registry, tmp_path: Path) -> None:
    """Renamed into place at the end, or not at all."""
    install_web_runtime(tmp_path / "l", release=npm.release(), run=npm)
    npm.fails = (
        b"npm error code ENOTFOUND\nnpm error\nnpm error network no such host\n" + b"npm error dump\n" * 99
    )
    with pytest.raises(EnvironmentFault, match="npm could not fetch @a/core") as caught:
        install_web_runtime(tmp_path / "l", force=True, release=npm.release(), run=npm)
    assert "got: code ENOTFOUND; network no such host; dump" in str(caught.value)
    assert faults_of(tmp_path / "l", npm.release()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["l"]


def test_without_npm_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run."""
    monkeypatch.setattr(runtime, "find_program", lambda _: None)
    with pytest.raises(EnvironmentFault, match="npm, which would fetch it, is missing") as caught:
        install_web_runtime(tmp_path / "l", run=lambda *_, **__: pytest.fail("run"))
    assert "edge-effnet doctor --install web" in str(caught.value)


def test_npm_that_writes_nothing_is_said(npm: _Registry, tmp_path: Path) -> None:
    """Exit status 0 alone proves nothing."""
    with pytest.raises(EnvironmentFault, match="npm could not fetch") as caught:
        install_web_runtime(
            tmp_path / "l", release=npm.release(), run=lambda argv, **_: Finished(tuple(argv), 0, b"", b"")
        )
    assert "no a-core-1.0.0.tgz" in str(caught.value)


@pytest.mark.parametrize(
    "core", [b"export {}", _CORE.replace(b'"', b"'"), _CORE + _CORE, _CORE + b'import "@litertjs/other";']
)
def test_an_import_that_is_not_as_expected_is_refused(npm: _Registry, tmp_path: Path, core: bytes) -> None:
    """A release with other imports would fail in the browser only."""
    other = _Registry(core)
    with pytest.raises(EnvironmentFault, match="imports other modules"):
        install_web_runtime(tmp_path / "l", release=other.release(), run=other)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_replaced(npm: _Registry, tmp_path: Path) -> None:
    """Not even with force."""
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds something else"):
        install_web_runtime(tmp_path, force=True, release=npm.release(), run=npm)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("members", "more", "words"),
    [
        ({}, [_entry("package/a", tarfile.SYMTYPE, "/etc/passwd")], "a link or a device"),
        ({"package/a": b"1"}, [_entry("package/b", tarfile.LNKTYPE, "package/a")], "a link or a device"),
        ({"package/a": b"1"}, [_entry("package/b", tarfile.CHRTYPE)], "a link or a device"),
        ({"package/a": b"1"}, [_entry("package/b", tarfile.FIFOTYPE)], "a link or a device"),
        ({"package/a": b"1", "../../evil": b"2"}, [], "a path leaves its folder"),
        ({"package/a": b"1", "/etc/evil": b"2"}, [], "a path leaves its folder"),
        ({"package/a": b"1", "x\\..\\..\\evil": b"2"}, [], "a path leaves its folder"),
        ({"package/b": b"1"}, [], "files are missing"),
        ({"package/a": b"1"}, [_entry("package/a")], "there twice"),
        ({}, [_entry("package/a", tarfile.DIRTYPE)], "is no file"),
        ({"package/a": b"1"}, [_entry("big", size=1 << 40)], "larger than any honest one"),
        ({"package/a": b"1", **{f"n{i}": b"" for i in range(1100)}}, [], "larger than any honest one"),
    ],
)
def test_a_hostile_tarball_is_refused_whole(members: dict[str, bytes], more: list[Any], words: str) -> None:
    """Even one whose hash were right: what it says about paths is never believed."""
    with pytest.raises(EnvironmentFault, match=words):
        files_from_tarball(_tarball(members, *more), {"package/a"})


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    with pytest.raises(EnvironmentFault, match="larger than any honest one"):
        files_from_tarball(_tarball({"package/a": bytes(100 << 20)}), {"package/a"})


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", _tarball({"package/a": b"1" * 9000})[:-60]]
)
def test_what_is_no_tarball_is_refused(content: bytes) -> None:
    """Empty, an error page, cut off."""
    with pytest.raises(EnvironmentFault, match="it cannot be read"):
        files_from_tarball(content, {"package/a"})


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, npm: _Registry) -> Callable[[str], Path]:
    """The vendored and the cached folder, elsewhere; the release is the small one."""
    release = npm.release()
    monkeypatch.setattr(runtime, "LITERTJS", release)
    monkeypatch.setattr(runtime, "vendored_folder", lambda: tmp_path / "vendor")
    monkeypatch.setattr(runtime, "cached_folder", lambda *_: tmp_path / "cache")
    whole = install_web_runtime(tmp_path / "whole", release=release, run=npm)
    npm.asked.clear()
    monkeypatch.setattr(runtime, "faults_of", lambda folder, _=None: faults_of(folder, release))
    monkeypatch.setattr(
        runtime,
        "install_web_runtime",
        lambda **_: install_web_runtime(tmp_path / "cache", release=release, run=npm),
    )

    def put(name: str) -> Path:
        shutil.copytree(whole, tmp_path / name)
        return tmp_path / name

    return put


def test_the_vendored_one_comes_first_then_the_cached_one(
    places: Callable[[str], Path], npm: _Registry
) -> None:
    """Neither needs npm or a network."""
    cached = places("cache")
    assert web_runtime() == cached
    vendored = places("vendor")
    assert web_runtime() == vendored
    assert npm.asked == []


def test_a_damaged_one_is_passed_over_and_that_is_said(places: Callable[[str], Path], npm: _Registry) -> None:
    """Never run in a browser; the next place is asked."""
    cached, vendored = places("cache"), places("vendor")
    (vendored / "core/index.js").write_text("damaged")
    reporter = Silent()
    assert web_runtime(reporter) == cached
    assert [kind for kind, _ in reporter.notes] == ["warning"]
    assert "core/index.js" in reporter.notes[0][1]
    assert npm.asked == []


def test_where_there_is_none_it_is_fetched_into_the_cache_and_that_is_said(
    places: Callable[[str], Path], npm: _Registry, tmp_path: Path
) -> None:
    """A download is never silent."""
    del places
    reporter = Silent()
    assert web_runtime(reporter, run=npm) == tmp_path / "cache"
    assert len(npm.asked) == 2
    assert "fetching it once" in reporter.notes[0][1]


def test_the_release_is_pinned_and_complete() -> None:
    """Every file that is kept has a hash, and no other; every tarball has a sha512."""
    kept = [target for package in LITERTJS.packages for target in package.files.values()]
    assert sorted(kept) == sorted(LITERTJS.sha256)
    for package in LITERTJS.packages:
        assert package.version == LITERTJS.version
        assert len(base64.b64decode(package.sha512, validate=True)) == 64
    assert LITERTJS.packages[0].tarball == "litertjs-core-2.5.3.tgz"
    assert cached_folder().name == LITERTJS.version
    assert vendored_folder().parent.name == "web"


def test_the_one_that_is_here_is_the_published_one() -> None:
    """Its one import points to the file beside it, and its licence is said in it."""
    folder = next((place for place in (vendored_folder(), cached_folder()) if place.is_dir()), None)
    if folder is None:
        pytest.skip("LiteRT.js is not on this machine: edge-effnet doctor --install web")
    assert faults_of(folder) == []
    assert b'from "../wasm-utils/index.js"' in (folder / "core/index.js").read_bytes()
    assert json.loads((folder / "core/package.json").read_text())["license"] == "Apache-2.0"


@pytest.mark.slow
def test_it_can_be_fetched_from_the_registry(tmp_path: Path) -> None:
    """What npm gives today is still what the hashes say."""
    try:
        folder = install_web_runtime(tmp_path / "l")
    except EnvironmentFault as fault:
        if "not the published" in fault.message:
            raise
        pytest.skip(f"no npm, or no registry: {fault.message}")
    assert faults_of(folder) == []
