"""runtimes.arm64.apt: a state of our own, the machine's sources, and answers read with care."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import Finished
from edge_effnet.runtimes.arm64.apt import PrivateApt, packages_from_stanzas

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STANZA = """Package: libc6
Source: glibc
Version: 2.36-9+deb12u14
Architecture: arm64
Description: GNU C Library: Shared libraries
 Contains: the standard libraries
Filename: pool/main/g/glibc/libc6_2.36-9+deb12u14_arm64.deb
Size: 2324660
SHA256: {sha256}
"""


class Answers:
    """Gives one answer to every program and keeps what was asked."""

    def __init__(self, stdout: str = "", returncode: int = 0, stderr: str = "") -> None:
        self.answer = (returncode, stdout.encode(), stderr.encode())
        self.asked: list[tuple[list[str], dict[str, Any]]] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> Finished:
        """Pretend to run a program."""
        self.asked.append((list(argv), options))
        return Finished(tuple(argv), *self.answer)


def test_a_stanza_is_a_package() -> None:
    """A description's second line is not a field."""
    text = STANZA.format(sha256="a" * 64) + "\n" + STANZA.format(sha256="b" * 64)
    first, second = packages_from_stanzas(text)
    assert (first.pinned, first.size_bytes) == ("libc6:arm64=2.36-9+deb12u14", 2_324_660)
    assert first.file_name == "libc6_2.36-9+deb12u14_arm64.deb"
    assert (first.sha256, second.sha256) == ("a" * 64, "b" * 64)


@pytest.mark.parametrize("field", ["Package", "Version", "Architecture", "Filename", "Size", "SHA256"])
def test_a_stanza_without_what_pins_it_is_left_out(field: str) -> None:
    """A package that cannot be checked is one that is not there."""
    lines = [line for line in STANZA.splitlines() if not line.startswith(f"{field}:")]
    assert packages_from_stanzas("\n".join(lines)) == []
    assert packages_from_stanzas(STANZA.replace("Size: 2324660", "Size: many")) == []


@given(st.text(max_size=200))
def test_no_text_does_worse_than_nothing(text: str) -> None:
    """Whatever apt, or something in its place, prints."""
    assert all(package.name for package in packages_from_stanzas(text))


def test_nothing_of_the_machine_s_own_state_is_touched(tmp_path: Path) -> None:
    """State, lists, status, cache and log are ours; the hooks are off; what it says is in English."""
    run = Answers()
    PrivateApt(tmp_path / 'a "b" c', run).update()
    ((argv, options),) = run.asked
    assert argv[0] == "apt-get"
    for name in ("Dir::State", "Dir::State::Lists", "Dir::State::status", "Dir::Cache", "Dir::Log"):
        (option,) = [word for word in argv if word.startswith(f"-o={name}=")]
        assert option.partition("=")[2].partition("=")[2].startswith(str(tmp_path))
    settings = (tmp_path / 'a "b" c' / "settings").read_text()
    assert "#clear APT::Update::Post-Invoke;" in settings
    assert str(tmp_path) not in settings
    assert options["env"] == {"LC_ALL": "C"}


def test_a_source_that_cannot_be_reached_is_an_error(tmp_path: Path) -> None:
    """The last of what apt said, and what to look at."""
    run = Answers(
        returncode=100, stderr="W: one\nE: Failed to fetch x\nE: Some index files failed to download."
    )
    with pytest.raises(EnvironmentFault, match="apt-get update failed") as caught:
        PrivateApt(tmp_path, run).update()
    assert "Failed to fetch x" in str(caught.value.got)


def test_the_closure_is_what_apt_would_install(tmp_path: Path) -> None:
    """Read from the list of files; one that is for every architecture says so."""
    run = Answers(
        "'x://y/pool/libc6_2.36_arm64.deb' libc6_2.36-9_arm64.deb 1 SHA256:a\n"
        "'x://y/pool/media.deb' media-types_10.0.0_all.deb 2 \nnote\n"
    )
    assert PrivateApt(tmp_path, run).closure(["python3.11"], "arm64") == ["libc6:arm64", "media-types:all"]
    assert "python3.11:arm64" in run.asked[0][0]
    assert "-o=APT::Architecture=arm64" in run.asked[0][0]
