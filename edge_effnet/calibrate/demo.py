"""The set ``shapes10-v1`` as training batches and as a folder of files."""

from __future__ import annotations

import io
import itertools
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge_effnet.artifacts import write_bytes
from edge_effnet.calibrate.prefetch import prefetch
from edge_effnet.calibrate.shapes import CLASS_NAMES, RESOLUTION_PX, render
from edge_effnet.errors import OutputExistsError, UsageError
from edge_effnet.progress import Silent, track

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from edge_effnet.images import Pixels
    from edge_effnet.progress import Reporter

__all__ = ["labelled_batches", "write_folder"]


def labelled_batches(
    split: str,
    indices: range,
    batch_size: int,
    resolution_px: int = RESOLUTION_PX,
    *,
    hardest: float = 1.0,
) -> Iterator[tuple[Pixels, npt.NDArray[np.int64]]]:
    """Yield pictures ``(n, resolution, resolution, 3) uint8`` with labels ``(n,)``, drawn while they are used.

    Args:
        split: ``train``, ``val`` or ``test``.
        indices: Which pictures; there is no last one.
        batch_size: Pictures in a batch; only the last may be smaller.
        resolution_px: Side of the pictures.
        hardest: Limit of how hard pictures are, see `edge_effnet.calibrate.shapes.render`.
    """
    if batch_size < 1:
        raise UsageError("the batch size is out of range", got=batch_size, allowed="1 or more")
    draw = partial(render, split, resolution_px=resolution_px, hardest=hardest)
    pairs = prefetch(draw, indices, ahead=max(batch_size, 4))
    while batch := list(itertools.islice(pairs, batch_size)):
        pictures, labels = zip(*batch, strict=True)
        yield np.stack(pictures), np.array(labels, np.int64)


def write_folder(
    split: str,
    count: int,
    folder: Path,
    *,
    resolution_px: int = RESOLUTION_PX,
    force: bool = False,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Write pictures 0 to ``count - 1`` of a split as PNG files, one folder per class.

    Args:
        split: ``train``, ``val`` or ``test``.
        count: Number of pictures.
        folder: Made where it is missing.
        resolution_px: Side of the pictures.
        force: Write into a folder that holds something, over files of the same names.
        reporter: Hears of each file.

    Returns:
        The files, in the order of the pictures.

    Raises:
        OutputExistsError: The folder holds something and ``force`` is false.
        UsageError: The count or the split is unusable.
    """
    if count < 1:
        raise UsageError("the number of pictures is out of range", got=count, allowed="1 or more")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise OutputExistsError(folder)
    reporter = Silent() if reporter is None else reporter
    with reporter.stage(f"draw {split}", count):
        pairs = enumerate(prefetch(partial(render, split, resolution_px=resolution_px), range(count)))
        return [_write(folder, index, *pair, force=force) for index, pair in track(pairs, reporter)]


def _write(folder: Path, index: int, pixels: Pixels, label: int, *, force: bool) -> Path:
    path = folder / CLASS_NAMES[label] / f"{index:06d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    write_bytes(path, stream.getvalue(), force=force)
    return path
