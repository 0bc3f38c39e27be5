"""runtimes.arm64.cores and the lock: tables that must agree with each other and with the outside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge_effnet.errors import UnknownNameError
from edge_effnet.runtimes.arm64.cores import CORES, core_of
from edge_effnet.runtimes.arm64.locked import GUEST, HOST, read_lock

ROOT = Path(__file__).resolve().parents[3]

# Whether the core has the int8 dot product and the int8 matrix product: Arm's technical reference manuals.
INSTRUCTIONS = {
    "cortex-a53": (False, False),
    "cortex-a55": (True, False),
    "cortex-a72": (False, False),
    "cortex-a76": (True, False),
    "cortex-a78": (True, False),
    "cortex-a710": (True, True),
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_a_core_claims_the_int8_instructions_that_it_has(name: str) -> None:
    """XNNPACK chooses its kernels by these words: a wrong one measures another core, or dies of an illegal instruction."""
    words = core_of(name).features.split()
    assert ("asimddp" in words, "i8mm" in words) == INSTRUCTIONS[name]


def test_the_table_is_the_list_that_is_promised() -> None:
    """These names are an interface."""
    assert list(CORES) == list(INSTRUCTIONS)
    assert len({core.part for core in CORES.values()}) == len(CORES)


def test_no_core_offers_the_matrix_extension_that_qemu_computes_wrongly() -> None:
    """With SME, LiteRT's results on QEMU 7.2 are over 100 int8 steps off."""
    for core in CORES.values():
        assert not re.search(r"\bsme", core.features)
        assert core.qemu_cpu != "max"


def test_cpuinfo_is_as_the_kernel_writes_it() -> None:
    """Tab, colon, space; a blank line behind every processor; the part with three digits."""
    text = core_of("cortex-a55").cpuinfo()
    assert text.count("processor\t: ") == 4
    assert "CPU part\t: 0xd05\n" in text
    assert "CPU variant\t: 0x2\n" in text
    assert text.endswith("\n\n")


def test_a_mistyped_core_gets_a_suggestion() -> None:
    """Exit 2 with the likely one."""
    with pytest.raises(UnknownNameError, match="did you mean 'cortex-a76'"):
        core_of("cortexa76")


def test_the_lock_pins_every_file() -> None:
    """Each has a version, a size and a sha256, and stands there once."""
    lock = read_lock()
    rows = [*lock.packages, *lock.wheels]
    assert all(re.fullmatch("[0-9a-f]{64}", row.sha256) for row in rows)
    assert all(row.size_bytes > 0 and row.version for row in rows)
    assert {package.architecture for package in lock.packages} == {HOST, GUEST}
    assert len({package.spec for package in lock.packages}) == len(lock.packages)
    assert lock.download_bytes == sum(row.size_bytes for row in rows)


def test_the_lock_names_no_place() -> None:
    """Where files come from is the user's configuration of apt and pip."""
    text = (ROOT / "edge_effnet/runtimes/arm64/lock.json").read_text()
    assert "http" not in text
    assert json.loads(text).keys() == {"release", "python", "packages", "wheels"}


def test_the_emulated_litert_is_the_one_that_runs_here() -> None:
    """Otherwise outputs would be compared between two versions."""
    wheel = next(wheel for wheel in read_lock().wheels if wheel.name == "ai-edge-litert")
    assert f'"ai-edge-litert=={wheel.version}"' in (ROOT / "pyproject.toml").read_text()
