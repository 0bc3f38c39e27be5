"""The wheel: what a user installs, tested as installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel without a network."""
    for tool in ("build", "hatchling"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is not installed: pip install {tool}")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    binaries: Path
    folder: Path

    def run(self, *command: str) -> str:
        """Run a command of that environment; return what it printed."""
        program = str(self.binaries / command[0])
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, check=False, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel beside the libraries that are here already."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True)
    variables = {"base": str(place), "platbase": str(place)}
    own = Path(sysconfig.get_path("purelib", "venv", variables))
    # Read as a plain folder: the .pth files in it, an editable install's among them, are not followed.
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    binaries = Path(sysconfig.get_path("scripts", "venv", variables))
    python = str(binaries / "python")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Installed(binaries, tmp_path_factory.mktemp("empty"))


def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(wheel: Path) -> None:
    """Calibration sets, schemas, labels, the marker of typed packages; no tests, no benchmarks."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert all(name.startswith("edge_effnet/") or ".dist-info/" in name for name in names)
    sets = [
        path.relative_to(ROOT / "calibration").as_posix() for path in (ROOT / "calibration").rglob("*.toml")
    ]
    assert sets
    assert {f"edge_effnet/_calibration/{name}" for name in sets} <= names
    for part in ("py.typed", "models/imagenet_labels.txt", "schemas/convert.json"):
        assert f"edge_effnet/{part}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_command_lists_the_variants(installed: Installed) -> None:
    """From the wheel's own files, in a folder that has nothing of ours."""
    place = installed.run("python", "-c", "import edge_effnet; print(edge_effnet.__file__)")
    assert place.startswith(str(installed.binaries.parent))
    variants = json.loads(installed.run("edge-effnet", "list", "--json"))
    assert {"b0", "lite4", "edgetpu-l", "v2-l"} <= {variant["id"] for variant in variants}


def test_the_installed_command_finds_its_calibration_sets(installed: Installed) -> None:
    """A conversion without a checkout around it and without a network."""
    pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")
    options = [
        "--model",
        "lite0",
        "--weights",
        "random",
        "--resolution",
        "32",
        "--num-classes",
        "10",
        "--json",
    ]
    record = json.loads(installed.run("edge-effnet", "convert", *options, "--calibration-samples", "8"))
    assert record["calibration"]["id"] == "synthetic-v1"
    report = json.loads(installed.run("edge-effnet", "inspect", record["path"], "--json"))
    assert report["full_integer"] is True
