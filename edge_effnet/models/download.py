"""Fetch a published weights file once: with progress, checked, whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from edge_effnet.artifacts import atomic_output, user_cache
from edge_effnet.errors import DataError, EnvironmentFault, UsageError
from edge_effnet.models.releases import CHECKPOINTS, RELEASES
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path

    from edge_effnet.models.releases import Release
    from edge_effnet.progress import Reporter

__all__ = ["cache_folder", "fetch", "imagenet_weights", "release_of"]

_CHUNK_BYTES = 1 << 18
_LIMIT_BYTES = 1 << 30
_TIMEOUT_S = 30.0


def cache_folder() -> Path:
    """Return the folder in which downloaded weights lie; it may not exist yet."""
    return user_cache("weights")


def release_of(model_id: str) -> Release:
    """Return the published Keras weights of a model.

    Raises:
        UsageError: There are none.
    """
    if model_id in RELEASES:
        return RELEASES[model_id]
    address = CHECKPOINTS.get(model_id)
    hint = f"unpack {address} and give the folder as --weights" if address else None
    raise UsageError(
        f"ImageNet weights of {model_id} are not published as one file", allowed="random or a path", hint=hint
    )


def imagenet_weights(model_id: str, reporter: Reporter | None = None) -> tuple[Path, Release]:
    """Return the ImageNet weights of a model as a file, downloading it when it is not in the cache.

    Raises:
        UsageError: None are published for this model.
        EnvironmentFault: The download failed.
        DataError: The file in the cache is not the published one.
    """
    release = release_of(model_id)
    return fetch(release, cache_folder(), reporter or Silent()), release


def fetch(release: Release, folder: Path, reporter: Reporter) -> Path:
    """Return ``folder / release.file_name``, downloaded when it is not there.

    Raises:
        EnvironmentFault: The download failed, or gave another file than the published one.
        DataError: The file that is there already is not the published one.
    """
    path = folder / release.file_name
    if path.is_file():
        if not _is_published(path, release):
            raise DataError(
                "the weights in the cache are damaged", got=path, hint=f"rm {path}, then try again"
            )
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_output(path, force=True) as temporary:
            _download(release, temporary, reporter)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _fault(release, path, error) from error
    except EnvironmentFault as error:  # how `atomic_output` reports what went wrong inside it
        raise _fault(release, path, error.__cause__ or error) from error
    return path


def _fault(release: Release, path: Path, reason: BaseException) -> EnvironmentFault:
    if isinstance(reason, urllib.error.HTTPError):
        reason.close()  # a refusal holds its connection open
    return EnvironmentFault(
        "the weights could not be downloaded",
        got=f"{release.url}: {reason or type(reason).__name__}",
        hint=f"download it by other means and put it at {path}",
    )


def _download(release: Release, path: Path, reporter: Reporter) -> None:
    response = urllib.request.urlopen(release.url, timeout=_TIMEOUT_S)  # noqa: S310 - addresses are from our table
    with response, path.open("wb") as stream:
        size = response.headers.get("Content-Length")
        expected = int(size) if size is not None else None
        received = 0
        with reporter.stage(f"download {release.file_name}", expected):
            while piece := response.read(_CHUNK_BYTES):
                received += len(piece)
                if received > _LIMIT_BYTES:
                    raise OSError(f"more than {_LIMIT_BYTES} bytes came")
                stream.write(piece)
                reporter.advance(len(piece))
    if expected is not None and received != expected:
        raise OSError(f"the connection broke after {received} of {expected} bytes")
    if not _is_published(path, release):
        raise OSError("what came is not the published file: its MD5 differs")


def _is_published(path: Path, release: Release) -> bool:
    if release.md5 is None:
        return True
    digest: Any = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK_BYTES):
            digest.update(piece)
    return bool(digest.hexdigest() == release.md5)
