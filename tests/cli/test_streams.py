"""The two streams: what names in records cannot do to a terminal, and what happens when stdout ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_effnet.cli.console import print_lines, print_table, visible

ROOT = Path(__file__).resolve().parents[2]
_HOSTILE = "\x1b[31mred\u202e\x07\x1b]0;title\x07\ud800"


def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes, bells, and turns of the reading direction become question marks, in lines and tables alike."""
    print_lines(_HOSTILE)
    print_table(_HOSTILE, (_HOSTILE,), [(_HOSTILE,)])
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(out)
    assert "red" in out


def test_what_is_seen_stays() -> None:
    """Letters of any script, marks, and spaces that do not break."""
    text = "naïve 日本語 ≤ µs 6.24\u00a0MB │ ✓ 👍"
    assert visible(text) == text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"]])
def test_a_full_disk_behind_stdout_is_exit_3(words: list[str]) -> None:
    """With what to do; not an unexpected error."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge_effnet", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert done.returncode == 3, done.stderr
    assert "space" in done.stderr


@pytest.mark.parametrize("words", [["list"], ["list", "--json"]])
def test_a_reader_that_leaves_early_is_no_error(words: list[str]) -> None:
    """`| head -1` leaves the exit code to what the command found."""
    with subprocess.Popen(
        [sys.executable, "-m", "edge_effnet", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == ""
        assert program.wait(60) == 0
