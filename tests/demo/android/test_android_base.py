"""demo.android.base: where the APK without a model comes from, and that it is built once."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from android_stand_ins import ABOUT_RECORD, base_apk

from edge_effnet.demo.android import base as base_module
from edge_effnet.demo.android.base import find_base, read_base
from edge_effnet.demo.android.sources import find_sources, hash_of_sources
from edge_effnet.errors import ConversionError, DataError, EnvironmentFault
from edge_effnet.process import Finished
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Sequence


class Builder:
    """A runner in which build_apk.sh is played."""

    def __init__(self, status: int = 0, complaint: str = "") -> None:
        self.status, self.complaint, self.calls = status, complaint, 0

    def __call__(self, argv: Sequence[str], **_: object) -> Finished:
        """Write an APK, or fail."""
        self.calls += 1
        assert Path(argv[1]).is_file()
        assert not list(Path(argv[1]).parents[1].rglob("model.tflite"))
        if self.status == 0:
            base_apk(Path(argv[-1]))
        return Finished(tuple(argv), self.status, b"", self.complaint.encode())


@pytest.fixture(autouse=True)
def nothing_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the package's own APK lie where a test may put one."""
    place = tmp_path / "package"
    place.mkdir()
    monkeypatch.setattr(base_module, "__file__", str(place / "base.py"))
    return place


def test_it_is_built_once_and_kept_for_these_sources(cache: Path) -> None:
    """The second time it is there; one of other sources is not kept beside it."""
    builder, reporter = Builder(), Silent()
    older = cache / "android" / "base-0123456789abcdef.apk"
    older.parent.mkdir(parents=True)
    older.write_bytes(b"older")
    assert find_base(None, reporter, runner=builder).origin == "built"
    assert any("built once" in text for _, text in reporter.notes)
    assert find_base(None, reporter, runner=builder).origin == "cached"
    assert builder.calls == 1
    assert not older.exists()


def test_the_packages_own_is_taken_where_it_is_of_these_sources(nothing_packaged: Path) -> None:
    """An older one that lies there is not used without a word."""
    sources = find_sources()
    assert sources is not None
    about = {**ABOUT_RECORD, "sources_sha256": hash_of_sources(sources)}
    base_apk(nothing_packaged / "base.apk", about)
    builder, reporter = Builder(), Silent()
    assert find_base(None, reporter, runner=builder).origin == "packaged"
    base_apk(nothing_packaged / "base.apk")
    assert find_base(None, reporter, runner=builder).origin == "built"
    assert any("other sources" in text for _, text in reporter.notes)


def test_an_installation_without_sources_takes_what_it_has(
    nothing_packaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says what to do where it has nothing."""
    monkeypatch.setattr(base_module, "find_sources", lambda: None)
    with pytest.raises(EnvironmentFault, match="no base APK"):
        find_base(None, Silent(), runner=Builder())
    base_apk(nothing_packaged / "base.apk")
    assert find_base(None, Silent(), runner=Builder()).origin == "packaged"


@pytest.mark.parametrize(
    ("status", "error"), [(3, EnvironmentFault), (5, ConversionError), (1, ConversionError)]
)
def test_a_build_that_fails_says_why_and_leaves_nothing(
    status: int, error: type[Exception], cache: Path
) -> None:
    """The script's own words; a missing tool is another exit code than code that does not compile."""
    complaint = "some output\nerror: aapt2 is not installed\nfix: apt-get install aapt\n"
    with pytest.raises(error, match="aapt2 is not installed") as caught:
        find_base(None, Silent(), runner=Builder(status, complaint))
    assert caught.value.hint == "apt-get install aapt"  # type: ignore[attr-defined]
    assert list((cache / "android").iterdir()) == []


@pytest.mark.parametrize("spoil", ["missing", "text", "foreign", "old", "list"])
def test_an_apk_that_is_none_of_ours_is_refused(tmp_path: Path, spoil: str) -> None:
    """Missing, no archive, somebody else's, one that says too little."""
    path = tmp_path / "given.apk"
    if spoil == "text":
        path.write_text("text")
    elif spoil == "foreign":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("classes.dex", b"dex")
    elif spoil == "old":
        base_apk(path, {"package": "dev.edgeeffnet.demo"})
    elif spoil == "list":
        base_apk(path, json.loads("[]"))
    with pytest.raises(DataError, match="base APK"):
        read_base(path, "given")
