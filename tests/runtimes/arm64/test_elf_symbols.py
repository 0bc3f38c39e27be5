"""runtimes.arm64.elf: addresses of functions, from files of every kind."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_effnet.errors import EnvironmentFault
from edge_effnet.runtimes.arm64.elf import symbol_addresses

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
int xnn_run(int x) { return x * 3 + 1; }
int run(int x) { return xnn_run(x) - 7; }
int variable = 4;
static int hidden(int x) { return x / 5; }
int caller(int x) { return hidden(x) + run(x) + variable; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small library with its symbols."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler; fix: apt-get install gcc")
    path = tmp_path_factory.mktemp("elf") / "small.so"
    command = ["gcc", "-O0", "-shared", "-fPIC", "-nostdlib", "-o", str(path), "-x", "c", "-"]
    subprocess.run(command, input=SOURCE.encode(), check=True)
    return path


def test_addresses_are_those_that_the_system_s_own_tool_gives(library: Path) -> None:
    """Also of a function that is not exported, and of one whose name ends another's."""
    if shutil.which("nm") is None:
        pytest.skip("nm is not here; fix: apt-get install binutils")
    listed = subprocess.run(["nm", str(library)], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    expected = {row[2]: int(row[0], 16) for row in rows if len(row) == 3}
    names = ("run", "xnn_run", "hidden", "caller")
    assert symbol_addresses(library, names) == {name: expected[name] for name in names}


@pytest.mark.parametrize("name", ["nothing_of_this_name", "variable", "un", ""])
def test_a_function_that_is_not_there_is_an_error_with_its_name(library: Path, name: str) -> None:
    """A variable is no function, and a part of a name is no name."""
    with pytest.raises(EnvironmentFault, match="has no function") as caught:
        symbol_addresses(library, ["run", name])
    assert caught.value.hint is not None


def test_a_stripped_library_says_so(library: Path, tmp_path: Path) -> None:
    """Counting by operator ends there, with a reason."""
    if shutil.which("strip") is None:
        pytest.skip("strip is not here; fix: apt-get install binutils")
    stripped = tmp_path / "stripped.so"
    subprocess.run(["strip", "-o", str(stripped), str(library)], check=True)
    with pytest.raises(EnvironmentFault, match="has no function hidden"):
        symbol_addresses(stripped, ["hidden"])


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), b"PK\x03\x04" * 99])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, cut short, of 32 bits, of another kind."""
    path = tmp_path / "x.so"
    path.write_bytes(content)
    with pytest.raises(EnvironmentFault, match="cannot be read"):
        symbol_addresses(path, ["run"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damage_ends_in_an_error_or_in_addresses(library: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Never in another exception, whatever the headers claim."""
    content = bytearray(library.read_bytes())
    places = st.integers(0, 63) | st.integers(len(content) - 1000, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.so"
    path.write_bytes(content)
    with contextlib.suppress(EnvironmentFault):
        symbol_addresses(path, ["run"])
