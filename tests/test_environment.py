"""environment: versions without imports, the commit where there is one, and what the machine is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from edge_effnet.environment import code_facts, installed_versions, now_utc
from edge_effnet.runtimes.worker_host import host_facts

ROOT = Path(__file__).resolve().parent.parent


def test_versions_are_those_installed_and_nothing_is_imported_for_them() -> None:
    """A package that is not here is left out."""
    assert installed_versions(("numpy", "no-such-package-here")).keys() == {"numpy"}
    words = "import sys; from edge_effnet.environment import installed_versions as i; i(); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "'numpy'" not in done.stdout
    assert "tensorflow" not in done.stdout.replace("'edge_effnet", "")


def test_the_commit_is_that_of_the_checkout() -> None:
    """Forty hexadecimal digits and whether files differ from it; null outside a checkout."""
    facts = code_facts()
    assert facts["versions"]["edge-effnet"]
    if not (ROOT / ".git").exists():
        assert (facts["commit"], facts["dirty"]) == (None, None)
        return
    assert re.fullmatch(r"[0-9a-f]{40}", facts["commit"])
    assert isinstance(facts["dirty"], bool)


def test_a_time_says_its_zone() -> None:
    """UTC, to the second."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", now_utc())


def test_the_machine_is_described_and_what_it_does_not_tell_is_null() -> None:
    """Every key is there, and all of it is JSON."""
    facts = host_facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert set(facts) == {
        "machine",
        "system",
        "cpu",
        "cores",
        "governor",
        "frequency_mhz",
        "load_average",
        "temperature_c",
        "container",
    }
    assert facts["cores"] >= 1
