"""A private state for apt: package lists and downloads in a folder of ours, nothing installed, no root needed.

Sources, keys, proxies and signature checks are the machine's own. Only the lists of what is known and installed are
ours, so that a foreign architecture can be asked for without adding it to the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program
from edge_effnet.runtimes.arm64.locked import GUEST, HOST, Package

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from edge_effnet.process import Finished, Runner

__all__ = ["PLAIN_WORDS", "PrivateApt", "packages_from_stanzas"]

_SETTINGS: Final = f"""\
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "{HOST}";
APT::Architectures {{ "{HOST}"; "{GUEST}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
"""What differs from the machine's settings. Its hooks are cleared: they are for the machine's own state."""

PLAIN_WORDS: Final = {"LC_ALL": "C"}
"""What makes programs complain in the words that we look for."""

_UPDATE_S: Final = 300.0
_QUERY_S: Final = 60.0
_DOWNLOAD_S: Final = 900.0
_TOLD_LINES: Final = 3


class PrivateApt:
    """Apt with a state of its own.

    Args:
        folder: Where the state lies; it is made.
        run: What runs the programs.
    """

    def __init__(self, folder: Path, run: Runner = run_program) -> None:
        self._run = run
        self._folder = folder
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").write_bytes(b"")
        (folder / "settings").write_text(_SETTINGS)
        places = {
            "Dir::State": folder,
            "Dir::State::Lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder,
            "Dir::Log": folder,
        }
        # As options and not in the file: a path may hold a character that apt's syntax has no escape for.
        self._options = ["-c", str(folder / "settings")]
        self._options += [f"-o={name}={path}" for name, path in places.items()]

    def update(self) -> None:
        """Fetch the package lists of both architectures; apt checks their signatures.

        Raises:
            EnvironmentFault: Apt has no sources, no network, or a signature does not hold.
        """
        # Without this option, a source that cannot be reached is a warning, and the lists are silently the poorer.
        self._call("apt-get", "update", "-q", "-o=APT::Update::Error-Mode=any", timeout_s=_UPDATE_S)

    def known(self, packages: Iterable[str], *, every_version: bool) -> list[Package]:
        """Return what the lists say about packages; one that is unknown is left out.

        Args:
            packages: Each as ``name:architecture``.
            every_version: Every version on the mirror, else the one that apt would choose.
        """
        scope = "--all-versions" if every_version else "--no-all-versions"
        argv = ["apt-cache", *self._options, "show", scope, *packages]
        # The exit status is not 0 as soon as one of them is unknown.
        return packages_from_stanzas(self._run(argv, timeout_s=_QUERY_S, env=PLAIN_WORDS).text)

    def closure(self, packages: Sequence[str], architecture: str) -> list[str]:
        """Return packages and all that they depend on, each as ``name:architecture``, sorted."""
        done = self._call(
            "apt-get",
            "install",
            "-qq",
            "--yes",
            "--print-uris",
            f"-o=APT::Architecture={architecture}",
            *(f"{name}:{architecture}" for name in packages),
            timeout_s=_QUERY_S,
        )
        files = [line.split()[1] for line in done.text.splitlines() if line.startswith("'")]
        parts = [name.removesuffix(".deb").split("_") for name in files]
        return sorted(f"{name}:{built_for}" for name, _, built_for in parts)

    def download(self, packages: Sequence[Package], into: Path) -> dict[Package, Path]:
        """Download packages and check each against its sha256; return where each lies.

        Raises:
            EnvironmentFault: One cannot be fetched, or is not what was asked for.
        """
        into.mkdir(parents=True, exist_ok=True)
        names = [package.pinned for package in packages]
        self._call("apt-get", "download", "-qq", *names, timeout_s=_DOWNLOAD_S, cwd=into)
        found = {sha256_of_file(path): path for path in into.iterdir()}
        for package in packages:
            if package.sha256 not in found:
                raise EnvironmentFault(
                    f"the package {package.pinned} is not the one that was asked for",
                    got="a file of another sha256",
                    allowed=package.sha256,
                    hint="the mirror or a proxy changes files: use another one in apt's sources",
                )
        return {package: found[package.sha256] for package in packages}

    def _call(
        self, program: str, verb: str, *words: str, timeout_s: float, cwd: Path | None = None
    ) -> Finished:
        argv = [program, *self._options, verb, *words]
        done = self._run(argv, timeout_s=timeout_s, cwd=cwd, env=PLAIN_WORDS)
        if done.returncode:
            raise EnvironmentFault(
                f"{program} {verb} failed",
                got="; ".join(done.complaint.splitlines()[-_TOLD_LINES:]) or f"exit status {done.returncode}",
                hint="the machine's own sources are used: they must be reachable, and be those of Debian 12, which has "
                "arm64; on another system, do this in a Debian 12 container",
            )
        return done


def packages_from_stanzas(text: str) -> list[Package]:
    """Return the packages of ``apt-cache show``'s output, in its order; a stanza that lacks a field is left out."""
    found = []
    for stanza in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line[0].isspace()
        )
        try:
            package = Package(
                name=fields["Package"],
                version=fields["Version"],
                architecture=fields["Architecture"],
                file_name=fields["Filename"].rsplit("/", 1)[-1],
                sha256=fields["SHA256"],
                size_bytes=int(fields["Size"]),
            )
        except (KeyError, ValueError):
            continue
        found.append(package)
    return found
