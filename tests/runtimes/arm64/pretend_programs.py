"""Stand-ins for apt, dpkg, pip, gcc and QEMU: a whole installation in milliseconds, which can be made to fail anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.process import Finished
from edge_effnet.runtimes.arm64.locked import Lock, Package, Wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _package(name: str, architecture: str, version: str = "1:2.0-3") -> Package:
    content = f"{name} {version} {architecture}".encode()
    return Package(name, version, architecture, f"{name}.deb", sha256_of_bytes(content), len(content))


PACKAGES = (_package("qemu-user", "amd64"), _package("libc6", "amd64"), _package("python3.11", "arm64"))
LOCK = Lock(
    "Debian 12", "3.11", PACKAGES, (Wheel("ai-edge-litert", "2.3.0", "w.whl", "0" * 64, 1),), "1" * 64
)


class PretendPrograms:
    """Runs nothing and leaves behind what the programs would; see `edge_effnet.process.Runner`.

    Args:
        offers: What the mirror has.
        fail: Program -> what happens instead: an exception to raise, or (exit status, stderr).
    """

    def __init__(
        self,
        offers: Sequence[Package] = PACKAGES,
        fail: dict[str, BaseException | tuple[int, str]] | None = None,
    ) -> None:
        self.offers = list(offers)
        self.fail = fail or {}
        self.calls: list[list[str]] = []

    def __call__(self, argv: Sequence[str], *, cwd: Path | None = None, **_: Any) -> Finished:
        """Pretend to run a program."""
        words = list(argv)
        self.calls.append(words)
        name = self._step(words)
        failure = self.fail.get(name)
        if isinstance(failure, BaseException):
            raise failure
        if failure is not None:
            return Finished(tuple(words), failure[0], b"", failure[1].encode())
        action: Callable[[list[str], Path | None], str] = getattr(self, f"_{name.replace(' ', '_')}")
        return Finished(tuple(words), 0, action(words, cwd).encode(), b"")

    @staticmethod
    def _step(words: list[str]) -> str:
        verbs = {"update", "download", "show"} & set(words)
        if words[0] == "apt-get":
            return f"apt {verbs.pop()}"
        if "pip" in words:
            return "pip"
        return {"apt-cache": "apt show", "dpkg-deb": "dpkg", "gcc": "gcc", "env": "qemu"}[words[0]]

    def _apt_update(self, words: list[str], cwd: Path | None) -> str:
        return ""

    def _apt_show(self, words: list[str], cwd: Path | None) -> str:
        found = [package for package in self.offers if package.spec in words]
        if "--no-all-versions" in words:
            found = list({package.spec: package for package in found}.values())
        return "\n".join(
            f"Package: {row.name}\nVersion: {row.version}\nArchitecture: {row.architecture}\n"
            f"Description: several\n words: of it\nFilename: pool/main/{row.file_name}\n"
            f"Size: {row.size_bytes}\nSHA256: {row.sha256}\n"
            for row in found
        )

    def _apt_download(self, words: list[str], cwd: Path | None) -> str:
        assert cwd is not None
        for row in self.offers:
            if row.pinned in words:
                (cwd / f"{row.name}_{row.architecture}.deb").write_text(
                    f"{row.name} {row.version} {row.architecture}"
                )
        return ""

    def _dpkg(self, words: list[str], cwd: Path | None) -> str:
        target = Path(words[-1])
        names = ("qemu-aarch64", "qemu-arm") if target.name == "host" else ("python3.11",)
        (target / "usr" / "bin").mkdir(parents=True, exist_ok=True)
        (target / "usr" / "share" / "doc").mkdir(parents=True, exist_ok=True)
        for name in names:
            (target / "usr" / "bin" / name).write_text("program")
        return ""

    def _pip(self, words: list[str], cwd: Path | None) -> str:
        (target,) = (word.partition("=")[2] for word in words if word.startswith("--target="))
        (Path(target) / "ai_edge_litert").mkdir(parents=True)
        return ""

    def _gcc(self, words: list[str], cwd: Path | None) -> str:
        if "-o" in words:
            Path(words[words.index("-o") + 1]).write_text("plug-in")
        return "gcc (Pretend) 12.2.0\nmore"

    def _qemu(self, words: list[str], cwd: Path | None) -> str:
        if "-plugin" in words:
            Path(words[words.index("-plugin") + 1].partition("out=")[2]).write_text("417\n")
        return "aarch64 AUTO\n"
