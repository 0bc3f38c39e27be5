"""demo android --project: a whole Gradle project with the model in it, or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_effnet.demo.android.sources import find_sources, hash_of_sources, write_project
from edge_effnet.errors import EnvironmentFault, OutputExistsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

ASSETS = {"assets/model.tflite": b"model", "assets/model.contract.json": b"{}"}


@pytest.fixture
def sources() -> Path:
    """Return the sources of this checkout."""
    found = find_sources()
    assert found is not None
    return found


def test_the_project_is_the_sources_and_the_model(sources: Path, tmp_path: Path) -> None:
    """Everything that Gradle needs, nothing that was built."""
    write_project(sources, tmp_path / "app", ASSETS, force=False)
    project = tmp_path / "app"
    assert (project / "app/src/main/assets/model.tflite").read_bytes() == b"model"
    for name in (
        "settings.gradle.kts",
        "gradle/libs.versions.toml",
        "app/build.gradle.kts",
        "tools/build_apk.sh",
    ):
        assert (project / name).read_bytes() == (sources / name).read_bytes()
    assert not [path for path in project.rglob("*") if path.name in ("build", "__pycache__", ".gradle")]
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_a_script_of_the_project_can_be_started(sources: Path, tmp_path: Path) -> None:
    """The copy keeps who may execute what."""
    write_project(sources, tmp_path / "app", ASSETS, force=False)
    assert (tmp_path / "app/tools/build_apk.sh").stat().st_mode & 0o100


def test_a_model_that_lies_in_the_sources_does_not_come_along(sources: Path, tmp_path: Path) -> None:
    """Somebody may have opened the checkout in Android Studio and tried one."""
    copy = tmp_path / "copy"
    shutil.copytree(sources, copy, ignore=shutil.ignore_patterns("build"))
    assets = copy / "app/src/main/assets"
    assets.mkdir(exist_ok=True)
    (assets / "model.contract.json").write_text("another's")
    write_project(copy, tmp_path / "app", {"assets/model.tflite": b"model"}, force=False)
    assert [path.name for path in (tmp_path / "app/app/src/main/assets").glob("model.*")] == ["model.tflite"]


def _with_a_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")


def _a_file(folder: Path) -> None:
    folder.write_text("a file")


@pytest.mark.parametrize(
    ("there", "force", "error"),
    [
        (_with_a_file, False, OutputExistsError),
        (_with_a_file, True, UsageError),
        (_a_file, False, UsageError),
        (_a_file, True, UsageError),
    ],
)
def test_what_is_there_is_kept(
    sources: Path, tmp_path: Path, there: Callable[[Path], None], force: bool, error: type[Exception]
) -> None:
    """--force replaces an older project of this kind and nothing else."""
    there(tmp_path / "place")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(error):
        write_project(sources, tmp_path / "place", ASSETS, force=force)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_empty_folder_is_taken_and_an_older_project_replaced(sources: Path, tmp_path: Path) -> None:
    """Whole: what only the older one had is gone."""
    place = tmp_path / "place"
    place.mkdir()
    write_project(sources, place, ASSETS, force=False)
    (place / "old.txt").write_text("old")
    with pytest.raises(OutputExistsError):
        write_project(sources, place, ASSETS, force=False)
    write_project(sources, place, {"assets/model.tflite": b"new"}, force=True)
    assert not (place / "old.txt").exists()
    assert (place / "app/src/main/assets/model.tflite").read_bytes() == b"new"


def test_the_folder_that_the_user_is_in_is_not_replaced(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell whose folder was renamed away stands nowhere."""
    place = tmp_path / "place"
    (place / "inner").mkdir(parents=True)
    monkeypatch.chdir(place / "inner")
    for folder in (Path(), Path("..")):
        with pytest.raises(UsageError, match="you are in"):
            write_project(sources, folder, ASSETS, force=True)


def test_a_full_disk_leaves_what_was_there(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing half-written beside it."""
    place = tmp_path / "place"
    write_project(sources, place, ASSETS, force=False)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(EnvironmentFault, match="No space left"):
        write_project(sources, place, {"assets/model.tflite": b"new"}, force=True)
    assert (place / "app/src/main/assets/model.tflite").read_bytes() == b"model"
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_the_older_project_comes_back_where_the_new_one_cannot_take_its_place(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even between the two renames."""
    place = tmp_path / "place"
    write_project(sources, place, ASSETS, force=False)
    rename = Path.rename

    def once(self: Path, target: Path) -> Path:
        if self.name == "project":
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(EnvironmentFault, match="Permission denied"):
        write_project(sources, place, {"assets/model.tflite": b"new"}, force=True)
    assert (place / "app/src/main/assets/model.tflite").read_bytes() == b"model"


def test_the_hash_is_of_what_the_app_is_built_from(sources: Path, tmp_path: Path) -> None:
    """A model in the assets or something built does not change it, a line of code does."""
    copy = tmp_path / "copy"
    shutil.copytree(sources, copy, ignore=shutil.ignore_patterns("build"))
    first = hash_of_sources(copy)
    assert first == hash_of_sources(sources)
    for name in ("app/src/main/assets/model.tflite", "tools/__pycache__/x.pyc", "app/build/x", "README.md"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("something")
    assert hash_of_sources(copy) == first
    with (copy / "app/src/main/AndroidManifest.xml").open("a") as stream:
        stream.write("\n")
    assert hash_of_sources(copy) != first
