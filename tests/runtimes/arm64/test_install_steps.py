"""runtimes.arm64.install, with stand-ins for every program: whole or not at all, and each failure says what to do."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from runtimes.arm64.pretend_programs import LOCK, PACKAGES, PretendPrograms

from edge_effnet.errors import EnvironmentFault
from edge_effnet.progress import Silent
from edge_effnet.runtimes.arm64 import install as module
from edge_effnet.runtimes.arm64 import installed
from edge_effnet.runtimes.arm64.cores import CORES
from edge_effnet.runtimes.arm64.install import install
from edge_effnet.runtimes.arm64.installed import Installation
from edge_effnet.runtimes.base import Available, Missing

if TYPE_CHECKING:
    from pathlib import Path

STEPS = ("apt update", "apt show", "apt download", "dpkg", "pip", "qemu")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where to install; the lock is a small one, and the machine one that can."""
    monkeypatch.setattr(module, "read_lock", lambda: LOCK)
    monkeypatch.setattr(installed, "read_lock", lambda: LOCK)
    monkeypatch.setattr(installed.sys, "platform", "linux")
    monkeypatch.setattr(installed.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path / "cache" / "arm64"


def test_an_installation_is_complete_and_says_what_it_is(place: Path) -> None:
    """The manifest names every file with its hash; nothing of the work is left beside it."""
    made = install(place, run=PretendPrograms())
    new = Installation(place)
    assert made["installed_now"]
    assert json.loads(new.manifest_path.read_text()) == {
        key: value for key, value in made.items() if key != "installed_now"
    }
    assert [row["sha256"] for row in made["packages"]] == [package.sha256 for package in PACKAGES]
    assert made["wheels"][0]["version"] == "2.3.0"
    assert made["size_bytes"] > 0
    assert made["counter"] == {"compiler": "gcc (Pretend) 12.2.0", "reason": None, "fix": None}
    assert isinstance(new.probe_counting(), Available)
    assert [path.name for path in place.parent.iterdir()] == ["arm64"]


def test_every_core_sees_the_common_files_behind_its_own(place: Path) -> None:
    """The links are relative, since the folder is renamed when it is done."""
    install(place, run=PretendPrograms())
    for core in CORES.values():
        root = Installation(place).core_root(core)
        assert (root / "usr" / "bin" / "python3.11").read_text() == "program"
        assert (root / "proc" / "cpuinfo").read_text() == core.cpuinfo()


def test_only_what_is_needed_stays(place: Path) -> None:
    """Documentation and the emulators of other machines are most of the packages."""
    install(place, run=PretendPrograms())
    assert [path.name for path in (place / "host/usr/bin").iterdir()] == ["qemu-aarch64"]
    assert not (place / "root/usr/share").exists()


def test_a_second_installation_does_nothing(place: Path) -> None:
    """And one with force builds it anew."""
    install(place, run=PretendPrograms())
    again = PretendPrograms()
    assert not install(place, run=again)["installed_now"]
    assert again.calls == []
    (place / "mine").write_text("x")
    assert install(place, force=True, run=again)["installed_now"]
    assert not (place / "mine").exists()


def test_an_installation_of_another_lock_is_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer version of the package brings newer libraries, without --force."""
    install(place, run=PretendPrograms())
    newer = replace(LOCK, sha256="2" * 64)
    monkeypatch.setattr(module, "read_lock", lambda: newer)
    monkeypatch.setattr(installed, "read_lock", lambda: newer)
    state = Installation(place).probe()
    assert isinstance(state, Missing)
    assert "another version" in state.reason
    assert install(place, run=PretendPrograms())["lock_sha256"] == "2" * 64


FAILURES = {
    "refused": (100, "E: no such thing"),
    "full": OSError(28, "No space left on device"),
    "interrupted": KeyboardInterrupt(),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("before", [False, True])
def test_whatever_fails_nothing_is_half_installed(place: Path, step: str, failure: str, before: bool) -> None:
    """What was there stays as it was, and nothing else is left."""
    if before:
        install(place, run=PretendPrograms())
        (place / "mine").write_text("x")
    expected = KeyboardInterrupt if failure == "interrupted" else EnvironmentFault
    with pytest.raises(expected):
        install(place, force=True, run=PretendPrograms(fail={step: FAILURES[failure]}))
    assert [path.name for path in place.parent.iterdir()] == (["arm64"] if before else [])
    assert isinstance(Installation(place).probe(), Available if before else Missing)
    assert (place / "mine").exists() == before


@pytest.mark.parametrize(
    ("step", "said", "fix"),
    [
        ("apt update", "Could not resolve", "Debian 12 container"),
        ("dpkg", "No space left on device", "another disk"),
        ("pip", "No module named pip", "ensurepip"),
        ("pip", "THESE PACKAGES DO NOT MATCH THE HASHES", "another index"),
    ],
)
def test_a_failure_names_its_fix(place: Path, step: str, said: str, fix: str) -> None:
    """What the program said is in the error, and what to do about it."""
    with pytest.raises(EnvironmentFault) as caught:
        install(place, run=PretendPrograms(fail={step: (1, said)}))
    assert said in str(caught.value.got)
    assert fix in str(caught.value.hint)


def test_a_locked_version_that_is_gone_is_an_error_with_a_way_out(place: Path) -> None:
    """Security updates replace versions on the mirror: nothing is taken in their place unasked."""
    newer = replace(PACKAGES[1], version="1:9.9", sha256="e" * 64)
    with pytest.raises(EnvironmentFault, match="1 of 3 locked packages") as caught:
        install(place, run=PretendPrograms([PACKAGES[0], newer, PACKAGES[2]]))
    assert caught.value.got == "libc6:amd64=1:2.0-3"
    assert "--accept-newer" in str(caught.value.hint)


def test_a_newer_version_is_taken_on_request_and_recorded(place: Path) -> None:
    """The manifest and a warning say so."""
    from edge_effnet.artifacts import sha256_of_bytes

    newer = replace(PACKAGES[1], version="1:9.9", sha256=sha256_of_bytes(b"libc6 1:9.9 amd64"))
    reporter = Silent()
    offers = PretendPrograms([PACKAGES[0], newer, PACKAGES[2]])
    made = install(place, accept_newer=True, run=offers, reporter=reporter)
    assert made["not_as_locked"] == ["libc6:amd64=1:9.9"]
    assert ("warning", "not the locked version: libc6:amd64=1:9.9") in reporter.notes


def test_the_locked_version_with_other_bytes_is_not_the_locked_package(place: Path) -> None:
    """The hash decides, whatever the version says."""
    forged = replace(PACKAGES[1], sha256="f" * 64)
    with pytest.raises(EnvironmentFault, match="1 of 3 locked packages"):
        install(place, run=PretendPrograms([PACKAGES[0], forged, PACKAGES[2]]))


def test_a_package_that_is_gone_in_every_version_cannot_be_accepted(place: Path) -> None:
    """Another release of Debian has other packages."""
    with pytest.raises(EnvironmentFault, match="in any version") as caught:
        install(place, accept_newer=True, run=PretendPrograms(PACKAGES[:2]))
    assert caught.value.got == "python3.11:arm64"


def test_a_download_of_other_bytes_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apt checks; so do we."""
    programs = PretendPrograms()
    monkeypatch.setattr(
        programs, "_apt_download", lambda _, cwd: (cwd / "x.deb").write_text("something else") and ""
    )
    with pytest.raises(EnvironmentFault, match="not the one that was asked for"):
        install(place, run=programs)


@pytest.mark.parametrize("broken", ["absent", "refuses"])
def test_without_a_compiler_outputs_can_be_had_and_counts_say_why_not(
    place: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Counting is missing with reason and fix; the installation is whole."""
    fail: dict[str, BaseException | tuple[int, str]] = {}
    if broken == "absent":
        monkeypatch.setattr(shutil, "which", lambda name: None if name == "gcc" else f"/usr/bin/{name}")
    else:
        fail["gcc"] = (1, "fcntl.h: No such file or directory")
    reporter = Silent()
    made = install(place, run=PretendPrograms(fail=fail), reporter=reporter)
    state = Installation(place).probe_counting()
    assert isinstance(Installation(place).probe(), Available)
    assert isinstance(state, Missing)
    assert made["counter"]["reason"] in state.reason
    assert "apt-get install" in state.fix
    assert [kind for kind, _ in reporter.notes] == ["skipped"]


@pytest.mark.parametrize("answer", ["", "x86_64 AUTO"])
def test_an_environment_that_does_not_work_is_not_installed(
    place: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """The self-test runs before the folder gets its name."""
    programs = PretendPrograms()
    monkeypatch.setattr(programs, "_qemu", lambda *_: answer)
    with pytest.raises(EnvironmentFault, match="does not work"):
        install(place, run=programs)
    assert not place.exists()


def test_a_plug_in_that_counts_nothing_is_not_installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero instructions between two marks cannot be."""
    programs = PretendPrograms()
    original = programs._qemu

    def silent(words: list[str], cwd: Path | None) -> str:
        answer = original(words, cwd)
        from pathlib import Path as Concrete

        Concrete(words[words.index("-plugin") + 1].partition("out=")[2]).write_text("")
        return answer

    monkeypatch.setattr(programs, "_qemu", silent)
    with pytest.raises(EnvironmentFault, match="does not count"):
        install(place, run=programs)


def test_too_little_space_is_found_before_anything_is_downloaded(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how much there is and how much it takes."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    programs = PretendPrograms()
    with pytest.raises(EnvironmentFault, match="too little space") as caught:
        install(place, run=programs)
    assert "1 MB free" in str(caught.value.got)
    assert programs.calls == []


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb"])
def test_a_machine_without_debian_tools_is_told_what_to_do(
    place: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Named before anything is made."""
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else name)
    with pytest.raises(EnvironmentFault, match=f"the program {program} is not here"):
        install(place, run=PretendPrograms())
    assert not place.parent.exists()


def test_another_kind_of_machine_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An arm64 board has the core itself."""
    monkeypatch.setattr(installed.platform, "machine", lambda: "aarch64")
    with pytest.raises(EnvironmentFault, match="x86-64 Linux") as caught:
        install(place, run=PretendPrograms())
    assert "local" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a,b", "a:b", "a;b"])
def test_a_folder_whose_path_would_be_taken_for_two_is_refused(place: Path, name: str) -> None:
    """A comma ends an option of QEMU, a colon an entry of the loader's list."""
    programs = PretendPrograms()
    with pytest.raises(EnvironmentFault, match="of this name") as caught:
        install(place.parent / name / "arm64", run=programs)
    assert "XDG_CACHE_HOME" in str(caught.value.hint)
    assert programs.calls == []


def test_two_installations_at_once_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second would clear away the work of the first."""
    programs = PretendPrograms()
    original = programs._dpkg

    def second(words: list[str], cwd: Path | None) -> str:
        with pytest.raises(EnvironmentFault, match="another installation is under way"):
            install(place, run=PretendPrograms())
        return original(words, cwd)

    monkeypatch.setattr(programs, "_dpkg", second)
    assert install(place, run=programs)["installed_now"]


def test_what_a_killed_installation_left_is_cleared_away(place: Path) -> None:
    """A kill leaves a folder that nothing else would remove."""
    stale = place.parent / ".arm64.abcd.part" / "debs"
    stale.mkdir(parents=True)
    install(place, run=PretendPrograms())
    assert [path.name for path in place.parent.iterdir()] == ["arm64"]


def test_a_folder_that_cannot_be_written_is_an_error_with_a_fix(place: Path) -> None:
    """For example a file where the cache should be."""
    place.parent.parent.mkdir(exist_ok=True)
    place.parent.write_text("a file")
    with pytest.raises(EnvironmentFault, match="cannot write") as caught:
        install(place, run=PretendPrograms())
    assert "XDG_CACHE_HOME" in str(caught.value.hint)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"qemu": 1}', "\x00"])
def test_a_damaged_manifest_is_missing_with_a_fix(place: Path, content: str) -> None:
    """A probe never raises."""
    install(place, run=PretendPrograms())
    Installation(place).manifest_path.write_text(content)
    for state in (Installation(place).probe(), Installation(place).probe_counting()):
        assert isinstance(state, Missing)
        assert "--force" in state.fix
