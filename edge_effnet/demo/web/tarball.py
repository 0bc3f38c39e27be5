"""Reads the few files that are wanted out of a tarball, in memory; a hostile one is refused whole."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Final

from edge_effnet.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["files_from_tarball"]

_MAX_MEMBERS: Final = 1000
_MAX_BYTES: Final = 64 << 20
"""Unpacked, all members together; LiteRT.js has 39 MB."""


def files_from_tarball(content: bytes, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the wanted members of a gzipped tarball by name. Nothing is written, so no path can lead anywhere.

    Raises:
        EnvironmentFault: It is damaged, too large, holds a wanted name twice or as something else than a file, lacks one,
            or holds a link, a device, or a path that leaves its folder.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in _checked(archive):
                if member.name not in wanted:
                    continue
                stream = archive.extractfile(member)
                if stream is None or member.name in found:
                    raise _refused("a file that is wanted is there twice, or is no file", member.name)
                found[member.name] = stream.read()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise _refused(f"it cannot be read ({type(error).__name__})", str(error)[:200]) from error
    if missing := sorted(set(wanted) - set(found)):
        raise _refused("files are missing", ", ".join(missing))
    return found


def _checked(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members, each looked at before it is read."""
    left = _MAX_BYTES
    for number, member in enumerate(archive):
        left -= member.size
        if number >= _MAX_MEMBERS or left < 0:
            raise _refused("it is larger than any honest one", member.name)
        if not (member.isfile() or member.isdir()):
            raise _refused("it holds a link or a device", member.name)
        if member.name.startswith(("/", "\\")) or ".." in member.name.replace("\\", "/").split("/"):
            raise _refused("a path leaves its folder", member.name)
        yield member


def _refused(reason: str, got: str) -> EnvironmentFault:
    return EnvironmentFault(f"the package is not unpacked: {reason}", got=ascii(got), hint="fetch it again")
