"""What works on this machine and what does not, each with its reason and fix: engines, targets, libraries, programs.

Nothing is imported to find out: a library is asked for by its metadata, an engine in a process of its own.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from edge_effnet import __version__
from edge_effnet.errors import EdgeEffnetError
from edge_effnet.process import find_program, run_program
from edge_effnet.runtimes.base import Available, Missing
from edge_effnet.runtimes.registry import registry
from edge_effnet.runtimes.targets import target, target_schemes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from edge_effnet.process import Runner
    from edge_effnet.runtimes.base import Probe

    Ask: TypeAlias = Callable[[], Probe]

__all__ = ["LIBRARIES", "PROGRAMS", "Finding", "Library", "Program", "diagnose"]

_PROGRAM_S: Final = 10.0
_VERSION: Final = re.compile(r"\d+(?:\.\w+)+")


@dataclass(frozen=True)
class Finding:
    """One row of the diagnosis.

    Attributes:
        kind: ``engine``, ``target``, ``library`` or ``program``.
        name: What was looked for.
        state: Whether it works.
    """

    kind: str
    name: str
    state: Probe

    def to_record(self) -> dict[str, Any]:
        """Return the row of `doctor --json`; what does not apply is null."""
        found = self.state if isinstance(self.state, Available) else None
        missing = self.state if isinstance(self.state, Missing) else None
        return {
            "name": self.name,
            "available": found is not None,
            "version": found and found.version,
            "reason": missing and missing.reason,
            "fix": missing and missing.fix,
            "kind": self.kind,
        }


@dataclass(frozen=True)
class Library:
    """A Python library that some verbs need.

    Attributes:
        module: What is imported.
        packages: Distributions that provide it, any of which will do.
        needed_by: What does not work without it.
        fix: What installs it.
    """

    module: str
    packages: tuple[str, ...]
    needed_by: str
    fix: str

    def probe(self) -> Probe:
        """Say whether it is installed, without importing it."""
        versions = [version for version in map(_version_of, self.packages) if version is not None]
        if versions and importlib.util.find_spec(self.module) is not None:
            return Available(versions[0])
        what = "is damaged" if versions else "is not installed"
        return Missing(f"{self.packages[0]} {what}; {self.needed_by} need it", self.fix)


@dataclass(frozen=True)
class Program:
    """A program that some verbs start.

    Attributes:
        name: As on the command line.
        asks: Arguments that make it tell its version.
        needed_by: What does not work without it.
        fix: What installs it.
        variable: Environment variable that may name it; empty for none.
    """

    name: str
    asks: tuple[str, ...]
    needed_by: str
    fix: str
    variable: str = ""

    def probe(self, run: Runner = run_program) -> Probe:
        """Say whether it can be started, and its version."""
        found = find_program(self.name, self.variable)
        if found is None:
            return Missing(f"the program {self.name} is not here; {self.needed_by} need it", self.fix)
        done = run([found, *self.asks], timeout_s=_PROGRAM_S)
        told = _VERSION.search(f"{done.text}\n{done.complaint}")
        return Available(told.group() if told else "of unknown version")


_CONVERT: Final = "pip install 'edge-effnet[convert]'"
_WEB: Final = "pip install 'edge-effnet[web]'"
_MAKES_MODELS: Final = "train, qat, convert, tune and quickstart"

LIBRARIES: Final = (
    Library("tensorflow", ("tensorflow", "tensorflow-cpu"), _MAKES_MODELS, _CONVERT),
    Library("tf_keras", ("tf_keras",), _MAKES_MODELS, _CONVERT),
    Library("tensorflow_model_optimization", ("tensorflow-model-optimization",), "train and qat", _CONVERT),
    Library("h5py", ("h5py",), "weights in Keras files", _CONVERT),
    Library("matplotlib", ("matplotlib",), "plots", "pip install 'edge-effnet[plots]'"),
    Library(
        "cv2",
        ("opencv-python", "opencv-python-headless"),
        "camera demos",
        "pip install 'edge-effnet[camera]' (without a screen: 'edge-effnet[camera-headless]')",
    ),
    Library("cryptography", ("cryptography",), "demo web --https", _WEB),
    Library("segno", ("segno",), "QR codes of demo web", _WEB),
    Library("ray", ("ray",), "runs spread over several machines", "pip install 'edge-effnet[sweep]'"),
)

OWN_LIBRARIES: Final = {
    "flatbuffers": "flatbuffers",
    "jinja2": "jinja2",
    "PIL": "pillow",
    "platformdirs": "platformdirs",
    "psutil": "psutil",
    "pydantic": "pydantic",
    "yaml": "PyYAML",
    "scipy": "scipy",
    "threadpoolctl": "threadpoolctl",
}
"""Module -> distribution of what the package depends on, and the verbs that run anywhere (bench, profile) do without."""

_SSH: Final = Program("ssh", ("-V",), "targets ssh://", "on Debian: apt-get install openssh-client")

PROGRAMS: Final = (
    Program("gcc", ("--version",), "instruction counts on arm64", "on Debian: apt-get install gcc libc6-dev"),
    Program(
        "edgetpu_compiler",
        ("--version",),
        "models for the Edge TPU",
        "install Coral's Edge TPU compiler (x86-64 Linux); without it the plain .tflite runs on the CPU",
        "EDGETPU_COMPILER",
    ),
    Program(
        "npm",
        ("--version",),
        "demo web, the first time,",
        "on Debian: apt-get install npm; then: doctor --install web",
    ),
    Program("apksigner", ("--version",), "demo android", "on Debian: apt-get install apksigner"),
    Program("keytool", ("-version",), "demo android", "on Debian: apt-get install default-jdk-headless"),
    Program("git", ("--version",), "records that name the commit", "on Debian: apt-get install git"),
)

_EXAMPLES: Final = {"python": f"python:{sys.executable}", "arm64": "arm64:cortex-a76"}
"""Scheme of targets -> the one that is tried, where the bare word names none."""


def diagnose() -> list[Finding]:
    """Look for everything; never raises, whatever is broken."""
    return [
        *_looked_for("engine", _engine_probes()),
        *_looked_for("target", _target_probes()),
        *_looked_for("library", [("edge-effnet", _probe_own)]),
        *_looked_for("library", ((row.packages[0], row.probe) for row in LIBRARIES)),
        *_looked_for("program", ((row.name, row.probe) for row in PROGRAMS)),
    ]


def _looked_for(kind: str, probes: Iterable[tuple[str, Ask]]) -> list[Finding]:
    return [Finding(kind, name, _guarded(probe)) for name, probe in probes]


def _engine_probes() -> list[tuple[str, Ask]]:
    engines = registry()
    return [(name, partial(engines.probe, name)) for name in engines.names()]


def _target_probes() -> list[tuple[str, Ask]]:
    asks: dict[str, Ask] = {scheme: partial(_probe_target, scheme) for scheme in target_schemes()}
    if "ssh" in asks:
        asks["ssh"] = _SSH.probe  # an address is the user's: what can be said is whether the program is here
    return [*asks.items(), ("arm64 counting", _probe_counting)]


def _probe_target(scheme: str) -> Probe:
    return target(_EXAMPLES.get(scheme, scheme)).probe()


def _probe_counting() -> Probe:
    from edge_effnet.runtimes.arm64 import Installation, default_folder

    return Installation(default_folder()).probe_counting()


def _guarded(probe: Ask) -> Probe:
    """Turn whatever goes wrong in a probe into a reason."""
    try:
        return probe()
    except EdgeEffnetError as error:
        return Missing(error.message, error.hint or "see the message")
    except Exception as error:  # noqa: BLE001 - another package's probe may raise anything
        return Missing(f"it cannot be asked: {type(error).__name__}: {error}", "reinstall what provides it")


def _probe_own() -> Probe:
    """Say whether this package is whole, or only the part that a board needs."""
    gone = [name for module, name in OWN_LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if not gone:
        return Available(__version__)
    return Missing(
        f"{', '.join(gone)} not installed; bench and profile work, other verbs may not",
        "pip install edge-effnet",
    )


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
