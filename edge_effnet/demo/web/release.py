"""The release of LiteRT.js that the page was tried with: what is fetched, which of its files are kept, their hashes."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LITERTJS", "Package", "Release"]


@dataclass(frozen=True)
class Package:
    """One npm package.

    Attributes:
        name: With its scope.
        version: The one version that was tried.
        sha512: Of its tarball, base64, as package-lock files have it.
        files: Path in the tarball -> path in our folder; what is not named is left out.
    """

    name: str
    version: str
    sha512: str
    files: Mapping[str, str]

    @property
    def tarball(self) -> str:
        """The name that `npm pack` gives it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


@dataclass(frozen=True)
class Release:
    """A set of packages that work together.

    Attributes:
        version: Names the folder.
        packages: What is fetched.
        sha256: Path in our folder -> sha256, after its one import was rewritten (see `runtime`): every file, and no other.
    """

    version: str
    packages: tuple[Package, ...]
    sha256: Mapping[str, str]


_WASM: Final = tuple(f"litert_wasm_{kind}internal" for kind in ("", "threaded_", "compat_"))
"""With relaxed SIMD, with threads too, without either. A fourth one (jspi) serves WebGPU only and is left out."""

LITERTJS: Final = Release(
    "2.5.3",
    (
        Package(
            "@litertjs/core",
            "2.5.3",
            "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
            MappingProxyType(
                {"package/dist/index.js": "core/index.js", "package/package.json": "core/package.json"}
                | {
                    f"package/wasm/{name}.{end}": f"wasm/{name}.{end}"
                    for name in _WASM
                    for end in ("js", "wasm")
                }
            ),
        ),
        Package(
            "@litertjs/wasm-utils",
            "2.5.3",
            "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
            MappingProxyType(
                {
                    "package/dist/index.js": "wasm-utils/index.js",
                    "package/package.json": "wasm-utils/package.json",
                }
            ),
        ),
    ),
    MappingProxyType(
        {
            "core/index.js": "7c003d116c05d2d9d53d1997db8513bb387fa2a66af919a7a0b6e77ebff97116",
            "core/package.json": "1ba6b1c4b25c061cf97876e4846be92f8dfe312d2f78d82ee3ee92ab45c80987",
            "wasm/litert_wasm_compat_internal.js": "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
            "wasm/litert_wasm_compat_internal.wasm": "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
            "wasm/litert_wasm_internal.js": "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb",
            "wasm/litert_wasm_internal.wasm": "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614",
            "wasm/litert_wasm_threaded_internal.js": "92fe7a720c6deedaa1194c011c79a005ea4f6fc98f533b661cf7900760ab4849",
            "wasm/litert_wasm_threaded_internal.wasm": "b5e54eca10f043497edf9a02186332707cae260c550d7ea22b2cae55669596cf",
            "wasm-utils/index.js": "e0e20bc28ab001ac732cf40d15b6eebd24fb0deaeb95eeba5100f51eebf015f2",
            "wasm-utils/package.json": "ae611a4748709d61321ab658619617ba5a82212463b2f07a9aea2ad179e34ded",
        }
    ),
)
"""LiteRT.js, Apache-2.0. The hashes are of what the registry served on 2026-11-30."""
