"""What can be asked of the server: a fixed table from path to content, made before the first request."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.errors import DataError, EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MIME_TYPES", "Resource", "page_routes", "routes_from_folder"]

MIME_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".wasm": "application/wasm",
    ".tflite": "application/octet-stream",
}
"""Suffix -> media type, of our own and not the system's: wasm of another type is compiled slowly or not at all."""

_COMPRESSED: Final = frozenset({".html", ".js", ".css", ".json", ".webmanifest", ".svg", ".wasm"})
_GZIP_LEVEL: Final = 5
"""LiteRT.js's 9.4 MB of wasm: 2.88 MB in half the time of level 6, which gives 2.84 MB."""

_INDEX: Final = "index.html"


class Resource:
    """One answer; it is read, hashed and compressed when it is first asked for, once.

    Args:
        source: Its bytes, or the file that has them.
        suffix: A key of `MIME_TYPES`.
    """

    def __init__(self, source: bytes | Path, suffix: str) -> None:
        self.mime = MIME_TYPES[suffix]
        self.is_compressed = suffix in _COMPRESSED
        self._source = source
        self._lock = threading.Lock()
        self._bodies: dict[bool, tuple[bytes, str]] = {}

    @classmethod
    def from_record(cls, record: Any) -> Resource:
        """Return one that is a JSON document."""
        return cls((json.dumps(record, indent=1) + "\n").encode(), ".json")

    def body(self, *, compressed: bool) -> tuple[bytes, str]:
        """Return its bytes and their ETag.

        Raises:
            OSError: Its file has gone.
        """
        compressed = compressed and self.is_compressed
        with self._lock:
            if compressed not in self._bodies:
                self._bodies[compressed] = self._made(compressed)
            return self._bodies[compressed]

    def _made(self, compressed: bool) -> tuple[bytes, str]:
        content = self._source if isinstance(self._source, bytes) else self._source.read_bytes()
        tag = sha256_of_bytes(content)[:32]
        if compressed:
            return gzip.compress(content, _GZIP_LEVEL, mtime=0), f'"{tag}-gzip"'
        return content, f'"{tag}"'


def routes_from_folder(folder: Path, prefix: str) -> dict[str, Resource]:
    """Return the routes of every file under a folder; hidden files and links are left out.

    Raises:
        DataError: A file is of a type that is not served.
    """
    routes = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or any(part.startswith(".") for part in inner.parts):
            continue
        if path.suffix not in MIME_TYPES:
            raise DataError(
                "the server has no media type for a file", got=path, allowed=", ".join(MIME_TYPES)
            )
        routes[f"{prefix}{inner.as_posix()}"] = Resource(path, path.suffix)
    return routes


def page_routes(folder: Path | None = None) -> Mapping[str, Resource]:
    """Return the routes of the page, ``/`` among them.

    Args:
        folder: Where it lies; None is inside this package.

    Raises:
        EnvironmentFault: It is not there.
    """
    folder = folder or Path(__file__).with_name("page")
    routes = routes_from_folder(folder, "/")
    if f"/{_INDEX}" not in routes:
        raise EnvironmentFault("the page is missing", got=folder, hint="install edge-effnet again")
    return {"/": routes[f"/{_INDEX}"], **routes}
