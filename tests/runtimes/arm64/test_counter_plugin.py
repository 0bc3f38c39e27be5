"""counter.c, against machine code whose instructions are known: the count is exact, by arithmetic and not by comparison."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_effnet.process import run_program
from edge_effnet.runtimes import arm64
from edge_effnet.runtimes.arm64 import CORES, Installation, default_folder
from edge_effnet.runtimes.arm64 import worker_count as marks
from edge_effnet.runtimes.arm64.windows import Window, read_windows
from edge_effnet.runtimes.base import Missing

# A64: nop; subs x0, x0, #1; b.ne back by one; ret. So 1 + 2 n instructions before the ret.
CODE = "1f2003d5 000400f1 e1ffff54 c0035fd6"

PROGRAM = f"""
import ctypes, mmap, os, sys, threading, time
def mark(command, value=0):
    try:
        os.lseek({marks._NO_FILE}, value, command)
    except OSError:
        pass
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(bytes.fromhex("{CODE}"))
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
loop = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(start)
for place in (start, start + 12):
    mark({marks._SET_STOP}, place)
if len(sys.argv) > 2:  # another thread that never ends
    threading.Thread(target=loop, args=(1 << 40,), daemon=True).start()
    time.sleep(0.3)  # until it is in the loop
loop(10)
for turns in map(int, sys.argv[1].split(",")):
    mark({marks._OPEN})
    loop(turns)
    mark({marks._CLOSE})
mark({marks._CLOSE})
os._exit(0)
"""


def _windows(tmp_path: Path, *words: str) -> list[Window]:
    place = Installation(default_folder())
    if isinstance(state := place.probe_counting(), Missing):
        pytest.skip(f"arm64: {state.reason}; fix: {state.fix}")
    counts = tmp_path / "a, b.counts"
    argv = place.argv(CORES["cortex-a53"], "-c", PROGRAM, *words, counts=counts)
    done = run_program(argv, timeout_s=120)
    assert done.returncode == 0, done.complaint
    return read_windows(counts)


@pytest.mark.parametrize("others", [(), ("busy",)])
def test_a_loop_counts_what_arithmetic_says(tmp_path: Path, others: tuple[str, ...]) -> None:
    """1 + 2 n instructions between its start and its return, whatever another thread does meanwhile."""
    turns = (1, 2, 1000, 1_234_567)
    windows = _windows(tmp_path, ",".join(map(str, turns)), *others)
    assert len(windows) == len(turns)
    for number, window in zip(turns, windows, strict=True):
        (first, before), (second, after) = window.stops
        assert (first, second) == (0, 1)
        assert after - before == 1 + 2 * number
        assert before < after < window.total


def test_the_marks_of_the_plug_in_and_of_the_worker_are_the_same() -> None:
    """They are written down in two languages."""
    source = (Path(arm64.__file__).parent / "counter.c").read_text(encoding="utf-8")
    assert re.search(r"MARK = -0x7A11;", source)
    assert marks._NO_FILE == -0x7A11
    assert "enum { SET_STOP, OPEN, CLOSE };" in source
    assert (marks._SET_STOP, marks._OPEN, marks._CLOSE) == (0, 1, 2)


def test_without_a_plug_in_a_mark_does_nothing() -> None:
    """The same requests may reach a worker that is not emulated."""
    marks.mark(marks._OPEN)
    marks.mark(marks._CLOSE, 1 << 40)
