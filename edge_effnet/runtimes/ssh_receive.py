"""Keeps what comes on stdin in this machine's cache, under its hash: sent to a board and run there with ``python -c``.

It needs nothing but Python and keeps to the syntax of Python 3.6, so that an older one can say that it is too old.
The one argument is the sha256 of what comes. It prints ``edge-effnet-worker PATH``, or ends with a status of its own.
"""

import contextlib
import hashlib
import os
import pathlib
import sys

DISK, DAMAGED, OLD = 84, 85, 86
"""Exit status: the disk refuses, what came is not what was sent, Python is too old."""


def main() -> None:
    """Write the file, whole or not at all; one that is there and right is left alone."""
    if sys.version_info < (3, 9):  # noqa: UP036 - this runs on whatever Python the board has
        sys.stderr.write(f"Python {sys.version.split()[0]}\n")
        sys.exit(OLD)
    content = sys.stdin.buffer.read()
    if hashlib.sha256(content).hexdigest() != sys.argv[1]:
        sys.exit(DAMAGED)
    caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("EDGE_EFFNET_CACHE") or pathlib.Path(caches) / "edge-effnet")
    path = folder / f"worker-{sys.argv[1]}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not is_there(path, content):
            keep(path, content)
    except OSError as error:
        sys.stderr.write(f"{folder}: {error.strerror}\n")
        sys.exit(DISK)
    sys.stdout.write(f"edge-effnet-worker {path}\n")


def is_there(path: pathlib.Path, content: bytes) -> bool:
    """Say whether the file holds that already."""
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def keep(path: pathlib.Path, content: bytes) -> None:
    """Write beside the file, then rename."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


main()
